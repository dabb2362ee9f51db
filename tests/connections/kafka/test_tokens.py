"""Tokens for OAUTHBEARER: fetched by our own client, kept while they last; no secret gets out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from servers import free_port
from token_endpoint import CLIENT, CLIENT_SECRET, TokenEndpoint, token_endpoint

from brookmill.clock import VirtualClock
from brookmill.config import Outside
from brookmill.connections.kafka import Authentication
from brookmill.connections.kafka.tokens import Tokens, extensions
from brookmill.domain.secret import Secret
from brookmill.domain.token import expiry
from brookmill.errors import ConnectionFailed

LOCAL = Outside(allow_private=True)


@pytest.fixture
def provider() -> Iterator[TokenEndpoint]:
    with token_endpoint() as running:
        yield running


def tokens(provider: TokenEndpoint, clock: VirtualClock, failures: list[Any], **members: Any) -> Tokens:
    login = Authentication(
        token_endpoint_url=provider.url, client_id=CLIENT, client_secret=Secret(CLIENT_SECRET), **members
    )
    return Tokens(login, LOCAL, clock, failures.append)


def test_a_token_its_end_its_owner_and_the_extensions(provider: TokenEndpoint) -> None:
    clock = VirtualClock()
    given = tokens(provider, clock, [], sasl_oauthbearer_extensions="logicalCluster=lkc-1, pool=p=1")
    text, expires, owner, more = given(None)
    assert text.count(".") == 2
    assert (expires, owner) == (clock.now() + 3600, CLIENT)
    assert more == {"logicalCluster": "lkc-1", "pool": "p=1"}
    assert provider.asked == [{"grant_type": "client_credentials"}]


def test_the_next_call_fetches_a_new_one(provider: TokenEndpoint) -> None:
    clock = VirtualClock()
    given = tokens(provider, clock, [])
    given(None)
    clock.advance(3000)
    assert given(None)[1] == clock.now() + 3600
    assert len(provider.asked) == 2


def test_without_the_provider_the_old_one_serves_until_it_ends(provider: TokenEndpoint) -> None:
    clock = VirtualClock()
    failures: list[ConnectionFailed] = []
    given = tokens(provider, clock, failures)
    first = given(None)
    provider.status = 503
    clock.advance(3000)
    assert given(None) == first
    assert failures == []
    clock.advance(598)
    text, expires, *_ = given(None)
    assert text == first[0]
    assert expires > clock.now()
    assert [(str(failure), failure.retry) for failure in failures] == [
        ("the token endpoint answers with an error (503, temporarily_unavailable)", True)
    ]


@pytest.mark.parametrize(
    ("status", "retry", "text"),
    [
        (400, False, r"refuses the client's credentials \(400, temporarily_unavailable\)"),
        (403, False, "refuses the client's credentials"),
        (404, False, "an error"),
        (429, True, "an error"),
        (500, True, "an error"),
        (302, False, "redirect"),
    ],
)
def test_refusals(provider: TokenEndpoint, status: int, retry: bool, text: str) -> None:
    provider.status = status
    provider.location = provider.url
    with pytest.raises(ConnectionFailed, match=text) as failure:
        tokens(provider, VirtualClock(), [])
    assert failure.value.retry is retry
    assert CLIENT_SECRET not in str(failure.value)
    assert len(provider.asked) == 1  # no redirect is followed


def test_what_the_provider_says_of_the_secret_is_not_repeated(provider: TokenEndpoint) -> None:
    login = Authentication(token_endpoint_url=provider.url, client_id="x", client_secret=Secret("hush"))
    with pytest.raises(ConnectionFailed, match="401, invalid_client") as failure:
        Tokens(login, LOCAL, VirtualClock(), print)
    assert "hush" not in str(failure.value)
    assert failure.value.__cause__ is None


@pytest.mark.parametrize(
    ("url", "retry", "text"),
    [
        ("http://127.0.0.1:{free}", True, "cannot be reached: ConnectError"),
        ("http://169.254.169.254/token", False, "169.254.169.254 is at a"),
        ("http://metadata.google.internal/token", False, "metadata service"),
    ],
)
def test_where_there_is_no_provider(url: str, retry: bool, text: str) -> None:
    url = url.format(free=free_port())
    login = Authentication(token_endpoint_url=url, client_id="x", client_secret=Secret("hush"))
    with pytest.raises(ConnectionFailed, match=text) as failure:
        Tokens(login, LOCAL, VirtualClock(), print)
    assert failure.value.retry is retry


def test_what_a_token_says_of_its_end() -> None:
    with token_endpoint() as provider:
        provider.lifetime = 60
        assert expiry(provider.token("me")) is not None
    for opaque in ("", "opaque", "a.b.c", "a.bnVsbA.c", "a.eyJleHAiOiJ4In0.c", "a.\xff.c"):
        assert expiry(opaque) is None


@pytest.mark.parametrize("text", ["a", "=b", "a b=c", "auth=x", "a=1,b"])
def test_extensions_that_are_none(text: str) -> None:
    with pytest.raises(ConnectionFailed, match="name=value") as failure:
        extensions(text)
    assert failure.value.code == 420
