"""Asking over HTTP: what goes out, what comes back, and what follows each answer."""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from bson import Decimal128, Int64
from servers import Endpoint, Reply, Request, free_port

from brookmill.clock import SystemClock, VirtualClock
from brookmill.config import Outside
from brookmill.connections import Answer, Opening, Output
from brookmill.connections.https import Https
from brookmill.connections.https.asker import HttpsAsker
from brookmill.connections.https.options import HttpsOptions
from brookmill.connections.https.reply import LARGEST
from brookmill.errors import ConnectionFailed
from brookmill.mql import MISSING
from brookmill.mql.values import date_from_ms

INSIDE = Outside(allow_private=True)


@contextmanager
def opened(
    url: str,
    constants: dict[str, Any] | None = None,
    headers: dict[str, str] | None = None,
    clock: VirtualClock | None = None,
    into: str | None = None,
    memory: int = 2 * 1024**3,
    **fields: Any,
) -> Iterator[HttpsAsker]:
    fields = {"method": "POST", **fields} | ({} if into is None else {"as": into})
    options = msgspec.convert({"connectionName": "h", **fields}, HttpsOptions)
    opening = Opening("p" * 24, clock or VirtualClock(), constants=constants or {}, outside=INSIDE)
    opening = replace(opening, memory=memory)
    asker = HttpsAsker(Https(url=url, headers=headers or {}), options, opening)
    try:
        yield asker
    finally:
        asker.close()


def reasons(answers: Sequence[Answer]) -> list[str | None]:
    return [answer.refused for answer in answers]


def test_every_document_is_a_request_with_the_connections_headers(endpoint: Endpoint) -> None:
    with opened(f"{endpoint.url}/in?token=t", headers={"X-Key": "k"}) as asker:
        assert reasons(asker.ask(Output([{"a": 1}, {"a": 2}]))) == [None, None]
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
    with opened(endpoint.url, method=method) as asker:
        assert reasons(asker.ask(Output([{"doc": 1}], columns))) == [None]
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
        ("/v1", "", {}, "/v1"),
        ("/v1", "?q=1", {}, "/v1?q=1"),
        ("/v1", "/", {}, "/v1/"),
        ("", "", {}, "/"),
        ("/a%2Fb%20%E9?x=%26", "c%2Fd", {}, "/a%2Fb%20%E9/c%2Fd?x=%26"),
        ("/a%2Fb", None, {"p": "%41"}, "/a%2Fb?p=%2541"),
    ],
)
def test_where_a_request_goes(
    endpoint: Endpoint, base: str, path: str | None, parameters: dict[str, Any], target: str
) -> None:
    columns = {f"parameters.{name}": [value] for name, value in parameters.items()}
    columns |= {} if path is None else {"path": [path]}
    with opened(endpoint.url + base) as asker:
        assert reasons(asker.ask(Output([{}], columns))) == [None]
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
    with opened(endpoint.url) as asker:
        (answer,) = asker.ask(Output([{"a": 1}], {column: [value]}))
    assert endpoint.requests == []
    assert reason in str(answer.refused)


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
    with opened(endpoint.url, headers={"x-key": "the connection's"}) as asker:
        assert reasons(asker.ask(Output([{}], columns))) == [None]
    headers = endpoint.requests[0].headers
    assert (headers["good"], headers["x-key"]) == ("v", "its own")
    assert not {"bad", "no name", "x-injected", "transfer-encoding"} & headers.keys()
    assert headers["host"] == endpoint.url.removeprefix("http://")
    assert endpoint.requests[0].body == b"{}"


def outcome(endpoint: Endpoint, status: int, on_error: str) -> list[str | None] | ConnectionFailed:
    endpoint.answer = lambda request: status if b"bad" in request.body else 200
    with opened(endpoint.url, onError=on_error) as asker:
        try:
            return reasons(asker.ask(Output([{"bad": 1}, {"good": 1}])))
        except ConnectionFailed as failure:
            return failure


@pytest.mark.parametrize("status", [400, 404, 410, 413, 414, 431])
def test_the_documents_fault_is_for_on_error_to_judge(endpoint: Endpoint, status: int) -> None:
    answers = outcome(endpoint, status, "dlq")
    assert isinstance(answers, list)
    assert f"status {status}" in str(answers[0])
    assert answers[1] is None
    assert outcome(endpoint, status, "ignore") == [None, None]
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
    with opened(endpoint.url) as asker:
        assert reasons(asker.ask(Output([{}]))) == [None]
    assert len(endpoint.requests) == 3


def test_nobody_there_fails_and_may_be_tried_again_and_tells_no_credentials() -> None:
    with (
        opened(f"http://ann:hush@127.0.0.1:{free_port()}/x?token=hush") as asker,
        pytest.raises(ConnectionFailed, match="the connection was refused") as failure,
    ):
        asker.ask(Output([{}]))
    assert failure.value.retry
    assert "hush" not in str(failure.value)


def test_an_answer_that_does_not_come_fails(endpoint: Endpoint) -> None:
    release = threading.Event()
    endpoint.answer = lambda _: 200 if release.wait(10) else 500
    with opened(endpoint.url) as asker:
        asker._client.timeout = 0.1
        with pytest.raises(ConnectionFailed, match="the answer took too long"):
            asker.ask(Output([{}]))
        release.set()


@pytest.mark.parametrize("host", ["169.254.169.254", "[fe80::1]", "2852039166", "0xa9fea9fe"])
def test_the_metadata_service_is_never_asked(host: str) -> None:
    with (
        opened(f"http://{host}/latest/meta-data") as asker,
        pytest.raises(ConnectionFailed, match="no connection may lead") as failure,
    ):
        asker.ask(Output([{}]))
    assert not failure.value.retry


def test_the_real_clock_pauses_between_tries(endpoint: Endpoint) -> None:
    answers = iter([500, 200])
    endpoint.answer = lambda _: next(answers)
    options = HttpsOptions(connection_name="h", method="POST")
    clock = SystemClock()
    asker = HttpsAsker(Https(url=endpoint.url), options, Opening("p", clock, outside=INSIDE))
    begun = clock.monotonic()
    asker.ask(Output([{}]))
    asker.close()
    assert 0.2 <= clock.monotonic() - begun < 5


@pytest.mark.parametrize(
    ("asked", "waited"),
    [("1", 1.0 + 1.0 + 3.0), ("7", 21.0), ("999999", 60.0), ("Wed, 21 Oct 2026", 4.2), ("-5", 4.2)],
)
def test_a_server_may_ask_for_patience_within_bounds(endpoint: Endpoint, asked: str, waited: float) -> None:
    endpoint.answer = lambda _: Reply(429, headers={"retry-after": asked})
    clock = VirtualClock()
    with opened(endpoint.url, clock=clock) as asker, pytest.raises(ConnectionFailed, match="status 429"):
        asker.ask(Output([{}]))
    assert clock.monotonic() == pytest.approx(waited)


JSON = {"content-type": "application/json"}
TEXT = {"content-type": "text/plain; charset=utf-8"}


def value(endpoint: Endpoint, body: bytes, headers: dict[str, str], **fields: Any) -> Any:
    endpoint.answer = lambda _: Reply(body=body, headers=headers)
    with opened(endpoint.url, into="r", **fields) as asker:
        (answer,) = asker.ask(Output([{}]))
    return answer.value if answer.refused is None else answer.refused


@pytest.mark.parametrize(
    ("body", "headers", "expected"),
    [
        (b'{"a":[1,2.5,null]}', JSON, {"a": [1, 2.5, None]}),
        (b'{"a":1}', {}, {"a": 1}),
        (b'{"a":1}', {"content-type": "Application/JSON ; charset=utf-8"}, {"a": 1}),
        (b"\xef\xbb\xbf[1]", JSON, [1]),
        (b"5", JSON, 5),
        (b"null", JSON, None),
        (b'{"d":{"$date":"2026-01-01T00:00:00Z"}}', JSON, {"d": date_from_ms(1_767_225_600_000)}),
        (
            b'{"n":{"$numberDecimal":"1.1"},"l":{"$numberLong":"5"}}',
            JSON,
            {"n": Decimal128("1.1"), "l": Int64(5)},
        ),
        (b"caf\xc3\xa9", TEXT, "café"),
        (b"caf\xe9", {"content-type": 'text/plain; charset="ISO-8859-1"'}, "café"),
        (b'{"a":1}', TEXT, '{"a":1}'),
        (b"", JSON, MISSING),
        (b"", TEXT, MISSING),
        (b"", {"content-type": "text/html"}, MISSING),
        (gzip.compress(b'{"z":1}', mtime=0), JSON | {"content-encoding": "gzip"}, {"z": 1}),
    ],
)
def test_what_a_reply_gives(endpoint: Endpoint, body: bytes, headers: dict[str, str], expected: Any) -> None:
    given = value(endpoint, body, headers)
    assert given == expected
    assert type(given) is type(expected)


@pytest.mark.parametrize(
    ("body", "headers", "reason"),
    [
        (b"<p>", {"content-type": "text/html"}, "content type text/html, which is not supported"),
        (b"{}", {"content-type": "application/problem+json"}, "application/problem+json"),
        (b"{", JSON, "not valid JSON"),
        (b'{"a":NaN}', JSON, "not valid JSON"),
        (b'{"$date":"never"}', JSON, "not valid JSON"),
        (b"[" * 1000 + b"]" * 1000, JSON, "not valid JSON"),
        (b"\xff", JSON, "not valid JSON"),
        (b"\xff", TEXT, "no text of the encoding"),
        (b"x", {"content-type": "text/plain; charset=punycode"}, "encoding that is not supported"),
        (b"{}", JSON | {"content-encoding": "br"}, "content encoding br"),
        (b"{}", JSON | {"content-encoding": "gzip, gzip"}, "content encoding gzip, gzip"),
        (b"{}", JSON | {"content-encoding": "gzip"}, "not valid gzip"),
        (gzip.compress(b'{"a":1}')[:-6], JSON | {"content-encoding": "gzip"}, "not valid gzip"),
        (b'"' + b"x" * LARGEST + b'"', JSON, f"more than {LARGEST} bytes"),
        (gzip.compress(bytes(40_000_000), 1), JSON | {"content-encoding": "gzip"}, f"more than {LARGEST}"),
    ],
    ids=range(15),
)
def test_a_reply_that_is_unusable(
    endpoint: Endpoint, body: bytes, headers: dict[str, str], reason: str
) -> None:
    assert reason in value(endpoint, body, headers)
    assert value(endpoint, body, headers, onError="ignore") is MISSING
    with pytest.raises(ConnectionFailed, match="answered with") as failure:
        value(endpoint, body, headers, onError="fail")
    assert not failure.value.retry


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (
            {"a": '{"b":"[1]"}', "n": "5", "t": "true", "s": " {", "c": "[1"},
            {"a": {"b": [1]}, "n": "5", "t": "true", "s": " {", "c": "[1"},
        ),
        (['{"x":{"$numberLong":"7"}}'], [{"x": Int64(7)}]),
        ('["a"]', ["a"]),
    ],
)
def test_texts_that_hold_json_are_parsed_where_that_is_wanted(
    endpoint: Endpoint, reply: Any, expected: Any
) -> None:
    body = json.dumps(reply).encode()
    assert value(endpoint, body, JSON) == reply
    assert value(endpoint, body, JSON, config={"parseJsonStrings": True}) == expected


def test_a_text_reply_may_hold_json(endpoint: Endpoint) -> None:
    assert value(endpoint, b'{"a":"[]"}', TEXT, config={"parseJsonStrings": True}) == {"a": []}


def test_texts_within_texts_end(endpoint: Endpoint) -> None:
    nested: Any = []
    for _ in range(12):
        nested = [json.dumps(nested)]
    assert value(endpoint, json.dumps(nested).encode(), JSON, config={"parseJsonStrings": True})


def test_a_sink_minds_the_status_alone(endpoint: Endpoint) -> None:
    endpoint.answer = lambda _: Reply(201, b"<html>" * 100_000, {"content-type": "text/html"})
    with opened(endpoint.url) as asker:
        assert [(a.value, a.refused) for a in asker.ask(Output([{}, {}]))] == [(MISSING, None)] * 2


def test_metadata_tells_of_the_request_but_no_credentials(endpoint: Endpoint) -> None:
    endpoint.answer = lambda request: 404 if b"bad" in request.body else 201
    secret = endpoint.url.replace("http://", "http://ann:hush@")
    with opened(f"{secret}/a?key=hush", {"path": "b?token=hush"}, onError="ignore") as asker:
        one, two = asker.ask(Output([{}, {"bad": 1}]))
    assert endpoint.requests[0].target == "/a/b?key=hush&token=hush"
    assert endpoint.requests[0].headers["authorization"] == "Basic YW5uOmh1c2g="
    expected = {"url": f"{endpoint.url}/a/b", "method": "POST", "responseTimeMs": 0}
    assert one.meta == {"https": {**expected, "httpStatusCode": 201}}
    assert two.meta == {"https": {**expected, "httpStatusCode": 404}}


def test_requests_side_by_side_answer_in_order(endpoint: Endpoint) -> None:
    """Four requests wait for each other; the first to be asked is the last to be answered."""
    barrier = threading.Barrier(4, timeout=10)

    def answer(request: Request) -> Reply:
        barrier.wait()
        return Reply(body=request.body)

    endpoint.answer = answer
    documents = [{"n": n} for n in range(16)]
    with opened(endpoint.url, parallelism=4, into="r") as asker:
        assert [a.value for a in asker.ask(Output(documents))] == documents
    assert sorted(json.loads(r.body)["n"] for r in endpoint.requests) == [*range(16)]


def test_a_failure_side_by_side_is_a_failure(endpoint: Endpoint) -> None:
    endpoint.answer = lambda request: 401 if b"7" in request.body else 200
    with (
        opened(endpoint.url, parallelism=4) as asker,
        pytest.raises(ConnectionFailed, match="status 401: check the connection's headers"),
    ):
        asker.ask(Output([{"n": n} for n in range(16)]))


def test_headers_beyond_ascii_are_sent_as_utf8(endpoint: Endpoint) -> None:
    columns = {"headers.a": [" é "], "headers.b": ["\ud800"], "headers.c": ["日\t本"]}
    with opened(endpoint.url) as asker:
        assert reasons(asker.ask(Output([{}], columns))) == [None]
    sent = {name: text.encode("latin-1").decode() for name, text in endpoint.requests[0].headers.items()}
    assert (sent["a"], sent["c"]) == ("é", "日\t本")
    assert "b" not in sent


@pytest.mark.parametrize("parallelism", [1, 4])
def test_the_replies_to_one_batch_must_fit_into_the_worker(endpoint: Endpoint, parallelism: int) -> None:
    endpoint.answer = lambda _: Reply(body=b'"' + b"x" * 9_998 + b'"')
    with opened(endpoint.url, into="r", memory=400_000, parallelism=parallelism) as asker:
        for _ in range(2):
            assert len(asker.ask(Output([{}] * 10))) == 10
        with pytest.raises(MemoryError):
            asker.ask(Output([{}] * 11))
    assert len(endpoint.requests) <= 31


@pytest.mark.parametrize("url", ["", "http://", "http://h/\ud800", "http://h:port/", "http://[::1"])
def test_a_url_that_is_none_is_told(url: str) -> None:
    with pytest.raises(ConnectionFailed, match="the connection's url is") as failure, opened(url):
        pass
    assert failure.value.code == 420


def test_no_path_breaks_the_line_of_an_error(endpoint: Endpoint) -> None:
    endpoint.answer = lambda _: 404
    with opened(endpoint.url) as asker:
        (answer,) = asker.ask(Output([{}], {"path": ["a\r\nb\u2028"]}))
    assert f"POST {endpoint.url}/a%0D%0Ab%E2%80%A8 answered with status 404" == answer.refused
