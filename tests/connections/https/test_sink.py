"""Sending over HTTP: what goes out, and what follows each answer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
import pytest
from servers import Endpoint, free_port

from brookmill.clock import SystemClock, VirtualClock
from brookmill.config import Outside
from brookmill.connections import DeadLetter, Opening, Output
from brookmill.connections.https import Https
from brookmill.connections.https.options import HttpsOptions
from brookmill.connections.https.sink import HttpsSink
from brookmill.errors import ConnectionFailed
from brookmill.mql import MISSING

INSIDE = Outside(allow_private=True)


@contextmanager
def opened(
    url: str, constants: dict[str, Any] | None = None, headers: dict[str, str] | None = None, **fields: Any
) -> Iterator[HttpsSink]:
    options = msgspec.convert({"connectionName": "h", "method": "POST", **fields}, HttpsOptions)
    opening = Opening("p" * 24, VirtualClock(), constants=constants or {}, outside=INSIDE)
    sink = HttpsSink(Https(url=url, headers=headers or {}), options, opening)
    try:
        yield sink
    finally:
        sink.close()


def test_every_document_is_a_request_with_the_connections_headers(endpoint: Endpoint) -> None:
    with opened(f"{endpoint.url}/in?token=t", headers={"X-Key": "k"}) as sink:
        assert sink.write(Output([b'{"a":1}', b'{"a":2}'])) == []
        assert sink.flush() == []
    assert [r.body for r in endpoint.requests] == [b'{"a":1}', b'{"a":2}']
    first = endpoint.requests[0]
    assert (first.method, first.target) == ("POST", "/in?token=t")
    assert first.headers["content-type"] == "application/json"
    assert first.headers["x-key"] == "k"


@pytest.mark.parametrize(
    ("method", "payload", "body"),
    [
        ("GET", None, b""),
        ("GET", {}, b"{}"),
        ("POST", None, b'{"doc":1}'),
        ("PUT", {"b": [2]}, b'{"b":[2]}'),
        ("PATCH", None, b'{"doc":1}'),
        ("DELETE", None, b'{"doc":1}'),
    ],
)
def test_the_body_is_the_payload_or_else_the_document(
    endpoint: Endpoint, method: str, payload: Any, body: bytes
) -> None:
    columns = {} if payload is None else {"payload": [payload]}
    with opened(endpoint.url, method=method) as sink:
        assert sink.write(Output([b'{"doc":1}'], columns)) == []
    assert [(r.method, r.body) for r in endpoint.requests] == [(method, body)]


@pytest.mark.parametrize(
    ("base", "path", "parameters", "target"),
    [
        ("", "a", {}, "/a"),
        ("/v1/", "/a/b", {}, "/v1/a/b"),
        ("/v1?k=1", "a?b=2", {"n": 5}, "/v1/a?k=1&b=2&n=5"),
        ("/v1", None, {"s": "a b&c", "t": True, "f": 1.5, "z": None}, "/v1?s=a+b%26c&t=true&f=1.5"),
        ("/v1", "é /#x", {}, "/v1/%C3%A9%20/%23x"),
        ("/v1", "a\r\nHost: x", {}, "/v1/a%0D%0AHost:%20x"),
        ("/v1", "//evil.example/x", {}, "/v1/evil.example/x"),
        ("/v1", "@evil.example", {}, "/v1/@evil.example"),
        ("/v1", "http://evil.example", {}, "/v1/http://evil.example"),
        ("/v1", "a?q=é#f", {}, "/v1/a?q=%C3%A9%23f"),
    ],
)
def test_where_a_request_goes(
    endpoint: Endpoint, base: str, path: str | None, parameters: dict[str, Any], target: str
) -> None:
    columns = {f"parameters.{name}": [value] for name, value in parameters.items()}
    columns |= {} if path is None else {"path": [path]}
    with opened(endpoint.url + base) as sink:
        assert sink.write(Output([b"{}"], columns)) == []
    assert [r.target for r in endpoint.requests] == [target]


@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [
        ("path", 5, "path"),
        ("path", "../admin", "'..'"),
        ("path", "a/%2e%2e/b", "'..'"),
        ("path", "a/./b", "'..'"),
        ("path", "..\\admin", "'..'"),
        ("parameters.p", {"a": 1}, "parameter p"),
        ("parameters.p", [1], "parameter p"),
        ("headers.h", 5, "header h"),
        ("headers.h", MISSING, "header h"),
    ],
)
def test_what_cannot_be_a_request_is_refused_and_nobody_is_asked(
    endpoint: Endpoint, column: str, value: Any, reason: str
) -> None:
    with opened(endpoint.url) as sink:
        (letter,) = sink.write(Output([b'{"a":1}'], {column: [value]}))
    assert endpoint.requests == []
    assert reason in letter.reason
    assert (letter.operator, letter.document) == ("HttpsOperator", b'{"a":1}')


def test_headers_that_cannot_be_sent_are_left_out(endpoint: Endpoint) -> None:
    columns = {
        "headers.good": ["v"],
        "headers.bad": ["a\r\nx-injected: 1"],
        "headers.no name": ["v"],
        "headers.Host": ["evil.example"],
        "headers.Transfer-Encoding": ["chunked"],
        "headers.Content-Length": ["0"],
        "headers.X-Key": ["its own"],
    }
    with opened(endpoint.url, headers={"x-key": "the connection's"}) as sink:
        assert sink.write(Output([b"{}"], columns)) == []
    headers = endpoint.requests[0].headers
    assert (headers["good"], headers["x-key"]) == ("v", "its own")
    assert not {"bad", "no name", "x-injected", "transfer-encoding"} & headers.keys()
    assert headers["host"] == endpoint.url.removeprefix("http://")
    assert endpoint.requests[0].body == b"{}"


def outcome(endpoint: Endpoint, status: int, on_error: str) -> list[DeadLetter] | ConnectionFailed:
    endpoint.answer = lambda request: status if b"bad" in request.body else 200
    with opened(endpoint.url, onError=on_error) as sink:
        try:
            return sink.write(Output([b'{"bad":1}', b'{"good":1}']))
        except ConnectionFailed as failure:
            return failure


@pytest.mark.parametrize("status", [400, 404, 410, 413, 414, 431])
def test_the_documents_fault_is_for_on_error_to_judge(endpoint: Endpoint, status: int) -> None:
    letters = outcome(endpoint, status, "dlq")
    assert isinstance(letters, list)
    assert [letter.document for letter in letters] == [b'{"bad":1}']
    assert f"status {status}" in letters[0].reason
    assert outcome(endpoint, status, "ignore") == []
    assert [r.body for r in endpoint.requests] == [b'{"bad":1}', b'{"good":1}'] * 2
    failure = outcome(endpoint, status, "fail")
    assert isinstance(failure, ConnectionFailed)
    assert not failure.retry


@pytest.mark.parametrize(
    ("status", "retry", "asked"),
    [
        (401, False, 1),
        (403, False, 1),
        (302, True, 1),
        (418, True, 1),
        (429, True, 4),
        (500, True, 4),
        (503, True, 4),
    ],
)
def test_any_other_answer_fails_the_processor(
    endpoint: Endpoint, status: int, retry: bool, asked: int
) -> None:
    endpoint.headers = {"location": "http://127.0.0.1:1/elsewhere"}
    failure = outcome(endpoint, status, "ignore")
    assert isinstance(failure, ConnectionFailed)
    assert failure.retry is retry
    assert f"status {status}" in str(failure)
    assert len(endpoint.requests) == asked


def test_a_passing_trouble_passes_unseen(endpoint: Endpoint) -> None:
    answers = iter([503, 500, 204])
    endpoint.answer = lambda _: next(answers)
    with opened(endpoint.url) as sink:
        assert sink.write(Output([b"{}"])) == []
    assert len(endpoint.requests) == 3


def test_nobody_there_fails_and_may_be_tried_again_and_tells_no_credentials() -> None:
    with (
        opened(f"http://ann:hush@127.0.0.1:{free_port()}/x?token=hush") as sink,
        pytest.raises(ConnectionFailed) as failure,
    ):
        sink.write(Output([b"{}"]))
    assert failure.value.retry
    assert "hush" not in str(failure.value)


def test_an_answer_that_does_not_come_fails(endpoint: Endpoint) -> None:
    import threading

    release = threading.Event()
    endpoint.answer = lambda _: 200 if release.wait(10) else 500
    options = HttpsOptions(connection_name="h", method="POST")
    sink = HttpsSink(Https(url=endpoint.url), options, Opening("p", VirtualClock(), outside=INSIDE))
    sink._client.timeout = 0.1
    try:
        with pytest.raises(ConnectionFailed, match="ReadTimeout"):
            sink.write(Output([b"{}"]))
    finally:
        release.set()
        sink.close()


@pytest.mark.parametrize("host", ["169.254.169.254", "[fe80::1]", "2852039166", "0xa9fea9fe"])
def test_the_metadata_service_is_never_asked(host: str) -> None:
    with (
        opened(f"http://{host}/latest/meta-data") as sink,
        pytest.raises(ConnectionFailed, match="no connection may lead") as failure,
    ):
        sink.write(Output([b"{}"]))
    assert not failure.value.retry


def test_the_real_clock_pauses_between_tries(endpoint: Endpoint) -> None:
    answers = iter([500, 200])
    endpoint.answer = lambda _: next(answers)
    sink = HttpsSink(
        Https(url=endpoint.url),
        HttpsOptions(connection_name="h", method="POST"),
        Opening("p", SystemClock(), outside=INSIDE),
    )
    clock = SystemClock()
    begun = clock.monotonic()
    sink.write(Output([b"{}"]))
    sink.close()
    assert 0.2 <= clock.monotonic() - begun < 5
