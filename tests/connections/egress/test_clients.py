"""The HTTP clients: judged as they connect, pinned to what was judged, sent nowhere else."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest
import requests
import trustme
import urllib3
from servers import Endpoint, endpoint

from brookmill.config import Outside
from brookmill.connections.egress.authorities import bundle
from brookmill.connections.egress.http import client
from brookmill.connections.egress.pools import guard
from brookmill.connections.egress.sessions import session
from brookmill.errors import ConnectionFailed

PUBLIC = Outside()
ANYWHERE = Outside(allow_private=True)


class Fickle:
    """A resolver that changes its mind: each answer only once, the last for ever."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self._answers = list(answers)
        self.asked: list[str] = []

    def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked.append(host)
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]


def port(endpoint: Endpoint) -> int:
    return httpx.URL(endpoint.url).port or 0


def test_the_judged_address_is_the_one_connected_to(endpoint: Endpoint) -> None:
    """Rebinding: good when it is judged, the metadata service when a naive client would look again."""
    fickle = Fickle(["127.0.0.1"], ["169.254.169.254"])
    with client(ANYWHERE, resolve=fickle) as http:
        for _ in range(3):
            assert http.get(f"http://rebound.example:{port(endpoint)}/x").status_code == 200
    assert fickle.asked == ["rebound.example"]
    assert {r.headers["host"] for r in endpoint.requests} == {f"rebound.example:{port(endpoint)}"}


def test_each_new_connection_is_judged_again(endpoint: Endpoint) -> None:
    endpoint.headers = {"connection": "close"}
    fickle = Fickle(["127.0.0.1"], ["169.254.169.254"])
    with client(ANYWHERE, resolve=fickle) as http:
        http.get(f"http://rebound.example:{port(endpoint)}/")
        with pytest.raises(ConnectionFailed, match="link-local"):
            http.get(f"http://rebound.example:{port(endpoint)}/")
    assert len(endpoint.requests) == 1


def test_loopback_needs_the_setting(endpoint: Endpoint) -> None:
    with client(PUBLIC) as http, pytest.raises(ConnectionFailed, match="allow_private"):
        http.get(endpoint.url)
    assert endpoint.requests == []


def test_a_redirect_to_the_metadata_service_is_an_answer_like_any_other(endpoint: Endpoint) -> None:
    endpoint.headers = {"location": "http://169.254.169.254/latest/meta-data/"}
    endpoint.answer = lambda _: 302
    with client(ANYWHERE) as http:
        assert http.get(endpoint.url).status_code == 302
    with client(ANYWHERE) as http, pytest.raises(ConnectionFailed, match="link-local"):
        http.get(endpoint.url, follow_redirects=True)


def test_an_address_nobody_answers_at_is_followed_by_the_next(endpoint: Endpoint) -> None:
    with client(ANYWHERE, resolve=lambda _host, _port: ["127.0.0.2", "127.0.0.1"]) as http:
        assert http.get(f"http://two.example:{port(endpoint)}/").status_code == 200


def test_cookies_are_not_kept(endpoint: Endpoint) -> None:
    endpoint.headers = {"set-cookie": "one=documents; path=/"}
    with client(ANYWHERE) as http:
        for _ in range(2):
            http.get(endpoint.url)
    with session(ANYWHERE, 1) as made:
        for _ in range(2):
            made.get(endpoint.url)
    assert len(endpoint.requests) == 4
    assert not [r for r in endpoint.requests if "cookie" in r.headers]


def test_proxies_of_the_environment_are_not_used(endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    with client(ANYWHERE) as http, session(ANYWHERE, 1) as made:
        assert http.get(endpoint.url).status_code == 200
        assert made.get(endpoint.url).status_code == 200


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def secure(authority: trustme.CA) -> Iterator[int]:
    """The port of a TLS server that calls itself mill.example."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("mill.example").configure_cert(context)
    with endpoint(context) as running:
        yield port(running)


def test_tls_is_about_the_name_and_believes_the_file_of_the_environment(
    authority: trustme.CA, secure: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    with authority.cert_pem.tempfile() as file:
        monkeypatch.setenv("SSL_CERT_FILE", file)
        with client(ANYWHERE, resolve=lambda _host, _port: ["127.0.0.1"]) as http:
            assert http.get(f"https://mill.example:{secure}/").status_code == 200
            with pytest.raises(httpx.ConnectError, match="Hostname mismatch"):
                http.get(f"https://other.example:{secure}/")
    monkeypatch.delenv("SSL_CERT_FILE")
    with (
        client(ANYWHERE, resolve=lambda _host, _port: ["127.0.0.1"]) as http,
        pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"),
    ):
        http.get(f"https://mill.example:{secure}/")


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_authorities_that_cannot_be_read_are_told(
    content: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_text(content)
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    for read in (lambda: client(PUBLIC), bundle):
        with pytest.raises(ConnectionFailed, match="SSL_CERT_FILE does not name a readable file") as failure:
            read()
        assert failure.value.code == 420


def test_urllib3_connects_to_judged_addresses_alone(endpoint: Endpoint) -> None:
    free, bound = urllib3.PoolManager(retries=False), urllib3.PoolManager(retries=False)
    guard(free, ANYWHERE)
    guard(bound, PUBLIC)
    try:
        assert free.request("GET", f"http://localhost:{port(endpoint)}/").status == 200
        assert endpoint.requests[0].headers["host"] == f"localhost:{port(endpoint)}"
        for url in ("http://169.254.169.254/", "https://[::ffff:a9fe:a9fe]/"):
            with pytest.raises(ConnectionFailed, match="link-local"):
                free.request("GET", url)
        with pytest.raises(ConnectionFailed, match="allow_private"):
            bound.request("GET", endpoint.url)
    finally:
        free.clear()
        bound.clear()


def test_requests_connects_to_the_judged_address_under_the_name(
    authority: trustme.CA, secure: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Rebinding, with TLS: what the resolver says after the first time is not heard."""
    names = {"mill.example": ["127.0.0.1", "169.254.169.254"], "other.example": ["127.0.0.1"] * 2}
    truth = socket.getaddrinfo

    def fickle(host: str, *rest: Any, **more: Any) -> Any:
        return truth(names[host].pop(0) if host in names else host, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", fickle)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    with session(ANYWHERE, 1) as made:
        for _ in range(3):
            assert made.get(f"https://mill.example:{secure}/", verify=str(tmp_path / "ca.pem")).ok
        with pytest.raises(requests.exceptions.SSLError, match="Hostname mismatch"):
            made.get(f"https://other.example:{secure}/", verify=str(tmp_path / "ca.pem"))
    assert names == {"mill.example": ["169.254.169.254"], "other.example": ["127.0.0.1"]}


def test_boto3_is_judged(endpoint: Endpoint) -> None:
    boto3 = pytest.importorskip("boto3")
    from botocore.exceptions import HTTPClientError

    for outside, url in ((PUBLIC, endpoint.url), (ANYWHERE, "http://169.254.169.254")):
        login = {"aws_access_key_id": "a", "aws_secret_access_key": "b", "region_name": "eu-west-1"}
        with closing(boto3.client("sqs", endpoint_url=url, **login)) as aws:
            guard(aws._endpoint.http_session._manager, outside)
            with pytest.raises(HTTPClientError) as failure:
                aws.list_queues()
            assert isinstance(failure.value.__context__, ConnectionFailed)
    assert endpoint.requests == []
