"""Processors that ask HTTP endpoints, from a real worker: answers, windows, certificates, hostile places."""

from __future__ import annotations

import datetime as dt
import json
import ssl
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
import servers
import trustme
from mill import Mill
from servers import Endpoint, Reply, Request, wait_until

from brookmill.connections.https import Https

Make = Callable[..., Mill]

#: Whatever of these shows up in an error was leaked.
SECRETS = {"authorization": "Bearer hush-hush", "x-api-key": "hush-hush"}
SEND = {"$https": {"connectionName": "out", "method": "POST"}}


def documents(count: int) -> dict[str, Any]:
    return {"$source": {"documents": [{"n": n} for n in range(count)]}}


def asking(**fields: Any) -> dict[str, Any]:
    return {"$https": {"connectionName": "h", "method": "POST", "as": "reply", **fields}}


def arrived(endpoint: Endpoint, count: int) -> list[Any]:
    wait_until(lambda: len(endpoint.requests) >= count, 30, "the documents")
    return [json.loads(r.body) for r in endpoint.requests]


def doubled(request: Request) -> Reply:
    n = json.loads(request.body)["n"]
    match n:
        case 3:
            return Reply(404)
        case 4:
            return Reply(204, b"")
        case 5:
            return Reply(body=b"<p>", headers={"content-type": "text/html"})
    return Reply(body=json.dumps({"double": 2 * n}).encode(), headers={"content-type": "application/json"})


@pytest.mark.parametrize("parallelism", [1, 4])
def test_answers_come_into_the_documents_in_order(mill: Make, endpoint: Endpoint, parallelism: int) -> None:
    endpoint.answer = doubled
    with servers.endpoint() as out:
        here = mill(checkpoint_interval=0.2)
        here.connect("h", Https(url=f"{endpoint.url}/ask", headers=SECRETS))
        here.connect("out", Https(url=out.url))
        told = {"$addFields": {"told": {"$meta": "stream.https"}}}
        here.process(documents(8), asking(parallelism=parallelism), told, SEND)
        got = arrived(out, 6)
        here.stats(dlqMessageCount=2)
    assert [(d["n"], d.get("reply")) for d in got] == [
        (0, {"double": 0}),
        (1, {"double": 2}),
        (2, {"double": 4}),
        (4, None),
        (6, {"double": 12}),
        (7, {"double": 14}),
    ]
    told = got[0]["told"]
    assert 0 <= told.pop("responseTimeMs") < 10_000
    assert told == {"url": f"{endpoint.url}/ask", "method": "POST", "httpStatusCode": 200}
    assert {r.headers["authorization"] for r in endpoint.requests} == {"Bearer hush-hush"}


def test_a_window_may_ask_before_and_after_it_collects(mill: Make, endpoint: Endpoint) -> None:
    endpoint.answer = lambda request: Reply(body=request.body)
    window = {
        "$tumblingWindow": {
            "interval": {"size": 1, "unit": "second"},
            "allowedLateness": {"size": 0, "unit": "second"},
            "pipeline": [
                asking(**{"as": "one"}),
                {"$group": {"_id": None, "n": {"$sum": "$one.n"}}},
                asking(**{"as": "two"}),
            ],
        }
    }
    times = [{"n": n, "t": 1_700_000_000_000 + n * 300} for n in range(8)]
    source = {"$source": {"documents": times, "timeField": {"$toDate": "$t"}}}
    with servers.endpoint() as out:
        here = mill()
        here.connect("h", Https(url=endpoint.url))
        here.connect("out", Https(url=out.url))
        here.process(source, window, SEND)
        got = arrived(out, 2)
    assert [(d["n"], d["two"]["n"]) for d in got[:2]] == [(0 + 1 + 2 + 3, 6), (4 + 5 + 6, 15)]


@pytest.mark.parametrize("status", [401, 403])
def test_wrong_credentials_fail_and_stay_secret(mill: Make, endpoint: Endpoint, status: int) -> None:
    endpoint.answer = lambda _: status
    here = mill(retry_budget=0)
    here.connect("h", Https(url=f"{endpoint.url}/in?token=hush-hush", headers=SECRETS))
    here.process(documents(1), {"$https": {"connectionName": "h", "method": "POST"}})
    error = here.failed()
    assert f"POST {endpoint.url}/in answered with status {status}: check the connection's headers" in error
    assert "hush" not in error
    assert len(endpoint.requests) == 1


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


def secure(
    authority: trustme.CA, *names: str, not_after: dt.datetime | None = None
) -> AbstractContextManager[Endpoint]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*names, not_after=not_after).configure_cert(context)
    return servers.endpoint(context)


def test_a_private_authority_is_believed_where_the_environment_names_it(
    mill: Make, authority: trustme.CA, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    with secure(authority, "127.0.0.1") as endpoint:
        here = mill()
        here.connect("out", Https(url=endpoint.url))
        here.process(documents(2), SEND)
        assert [d["n"] for d in arrived(endpoint, 2)] == [0, 1]


@pytest.mark.parametrize(
    ("names", "days", "believed", "text"),
    [
        (["127.0.0.1"], 1, False, "is signed by an unknown authority; the variable SSL_CERT_FILE"),
        (["elsewhere.example"], 1, True, "is for another name"),
        (["127.0.0.1"], -1, True, "has expired"),
    ],
)
def test_what_is_wrong_with_a_certificate_is_said(
    mill: Make,
    authority: trustme.CA,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    names: list[str],
    days: int,
    believed: bool,
    text: str,
) -> None:
    if believed:
        authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    until = dt.datetime.now(dt.UTC) + dt.timedelta(days=days)
    with secure(authority, *names, not_after=until) as endpoint:
        here = mill(retry_budget=0)
        here.connect("out", Https(url=endpoint.url))
        here.process(documents(1), SEND)
        assert f"POST {endpoint.url}/ failed: the server's certificate {text}" in here.failed()


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("http://169.254.169.254/latest/meta-data", "169.254.169.254 is at a link-local address"),
        ("http://2852039166/", "2852039166 is at a link-local address"),
        ("http://[::ffff:a9fe:a9fe]/", "is at a link-local address"),
        ("http://metadata.google.internal/", "is a cloud's metadata service"),
    ],
)
def test_the_metadata_service_is_out_of_reach(mill: Make, url: str, text: str) -> None:
    here = mill()
    here.connect("out", Https(url=url))
    here.process(documents(1), SEND)
    assert text in here.failed()


def test_loopback_is_out_of_reach_without_the_setting(mill: Make, endpoint: Endpoint) -> None:
    here = mill(allow_private=None)
    here.connect("out", Https(url=endpoint.url))
    here.process(documents(1), SEND)
    assert "is at a loopback address, where connections may lead only with the setting allow_private" in (
        here.failed()
    )
    assert endpoint.requests == []


def test_a_redirect_leads_nowhere(mill: Make, endpoint: Endpoint) -> None:
    with servers.endpoint() as secret:
        endpoint.answer = lambda _: Reply(307, headers={"location": secret.url})
        here = mill(retry_budget=0)
        here.connect("out", Https(url=endpoint.url))
        here.process(documents(1), SEND)
        assert "answered with status 307" in here.failed()
        assert secret.requests == []
