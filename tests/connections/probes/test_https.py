"""Https and SchemaRegistry connections with a fault each: where their tests end, and why."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import servers
from probes import (
    CANARY,
    CERTIFICATES,
    Fault,
    authority,
    black_hole,
    climbed,
    closed,
    context,
    dripping,
    found,
    mute,
    rows,
    steps,
)
from schema_registry import schema_registry
from servers import Reply

from brookmill.config import Outside
from brookmill.connections.https import Https
from brookmill.connections.kafka import Authentication, Kafka
from brookmill.connections.schema_registry import SchemaRegistry, SchemaRegistryAuthentication
from brookmill.domain.secret import Secret
from brookmill.runtime.probing import LIMIT

Made = tuple[Any, dict[str, Any], dict[str, Any]]
JSON = {"content-type": "application/json"}


def https(url: str, **tried: str) -> Made:
    return Https(url=url, headers={"X-Api-Key": CANARY}), tried, {}


def at(url: Callable[[ExitStack], str], **told: Any) -> Any:
    return lambda _, stack: (*https(url(stack))[:2], told)


def answering(reply: int | Reply, **tried: str) -> Any:
    def make(_: Path, stack: ExitStack) -> Made:
        endpoint = stack.enter_context(servers.endpoint())
        endpoint.answer = lambda _: reply
        return https(endpoint.url, **tried)

    return make


def certified(wrong: str) -> Any:
    def make(world: tuple[Path, pytest.MonkeyPatch], stack: ExitStack) -> Made:
        directory, environment = world
        ca, file = authority(directory)
        environment.setenv("SSL_CERT_FILE", file)
        return https(stack.enter_context(servers.endpoint(context(ca, wrong))).url)

    return make


def with_scheme(scheme: str, tls: bool) -> Any:
    def make(world: tuple[Path, pytest.MonkeyPatch], stack: ExitStack) -> Made:
        ca, _ = authority(world[0])
        endpoint = stack.enter_context(servers.endpoint(context(ca) if tls else None))
        return https(f"{scheme}:{endpoint.url.partition(':')[2]}")

    return make


def local(scheme: str, port: int) -> str:
    return f"{scheme}://127.0.0.1:{port}/"


HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 999\r\n\r\n{"
METADATA = {"location": "http://169.254.169.254/latest/meta-data/"}


def dripped(head: bytes) -> Any:
    return lambda _, stack: https(local("http", stack.enter_context(dripping(head))), path="")


FAULTS = {
    "no such host": Fault("resolve", "NO_ADDRESS", at(lambda _: "https://no-such-host.invalid/")),
    "metadata": Fault("resolve", "FORBIDDEN_ADDRESS", at(lambda _: METADATA["location"])),
    "metadata by name": Fault(
        "resolve", "FORBIDDEN_ADDRESS", at(lambda _: "http://metadata.google.internal/")
    ),
    "metadata in IPv6": Fault("resolve", "FORBIDDEN_ADDRESS", at(lambda _: "http://[::ffff:a9fe:a9fe]/")),
    "private": Fault(
        "resolve", "FORBIDDEN_ADDRESS", at(lambda _: local("http", closed()), outside=Outside())
    ),
    "closed port": Fault("connect", "REFUSED", at(lambda _: local("https", closed()))),
    "black hole": Fault(
        "connect", "NO_ANSWER", at(lambda s: local("https", s.enter_context(black_hole()))), 2.0
    ),
    "mute, TLS": Fault("tls", "NO_ANSWER", at(lambda s: local("https", s.enter_context(mute()))), 2.0),
    "slow": Fault("authenticate", "NO_ANSWER", at(lambda s: local("http", s.enter_context(mute()))), 2.0),
    **{name: Fault("tls", code, certified(name)) for name, code in CERTIFICATES.items()},
    "TLS to a plain port": Fault("tls", "PROTOCOL", with_scheme("https", tls=False)),
    "plain to a TLS port": Fault("authenticate", "PROTOCOL", with_scheme("http", tls=True)),
    "login": Fault("authenticate", "CREDENTIALS", answering(401)),
    "redirect to metadata": Fault("authenticate", "REDIRECTED", answering(Reply(302, b"", METADATA))),
    "trouble": Fault("authenticate", "SERVER_ERROR", answering(503)),
    "denied": Fault("authorize", "DENIED", answering(403, path="a")),
    "missing": Fault("authorize", "NOT_FOUND", answering(404, path="a")),
    "too often": Fault("authorize", "THROTTLED", answering(429, path="a")),
    "a path that climbs": Fault("settings", "SETTINGS", answering(200, path="../a")),
    "drips": Fault("read", "NO_ANSWER", dripped(HEAD), 2.0),
    "no JSON": Fault("decode", "UNDECODABLE", answering(Reply(200, CANARY.encode(), JSON), path="a")),
    "another type": Fault(
        "decode", "UNDECODABLE", answering(Reply(200, b"<a/>", {"content-type": "text/html"}), path="a")
    ),
}


@pytest.mark.parametrize("fault", rows(FAULTS, ["black hole"]))
def test_a_fault_is_seen_where_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str) -> None:
    found(FAULTS[fault], (tmp_path, monkeypatch))


@pytest.mark.slow
@pytest.mark.parametrize("fault", [name for name, fault in FAULTS.items() if fault.limit < LIMIT])
def test_a_fault_that_says_nothing_takes_ten_seconds_at_most(tmp_path: Path, fault: str) -> None:
    assert found(replace(FAULTS[fault], limit=LIMIT), tmp_path).duration_ms < 10_000


LOWEST = ["settings", "resolve", "connect"]


def test_a_good_connection_is_climbed_to_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with ExitStack() as stack:
        connection, _, _ = certified("")((tmp_path, monkeypatch), stack)
        assert steps(climbed(connection, {})) == [*LOWEST, "tls", "authenticate"]
        report = climbed(connection, {"path": "a"})
    assert steps(report) == [*LOWEST, "tls", "authenticate", "authorize", "read", "decode"]


def test_no_get_is_no_fault(endpoint: servers.Endpoint) -> None:
    endpoint.answer = lambda _: 405
    report = climbed(Https(url=endpoint.url), {"path": "a"})
    assert steps(report) == [*LOWEST, "authenticate", "authorize"]
    assert report.steps[-1].hint == "There is no GET here; other methods were not tried."


def registry(
    login: str, *, status: int = 0, text: Any = "", inherit: bool = False, **tried: str
) -> Callable[[Any, ExitStack], Made]:
    """A registry with the subject s, at ``text`` if there is one, else at a real one."""

    def make(_: Any, stack: ExitStack) -> Made:
        server = stack.enter_context(schema_registry())
        server.login, server.status = ("ann", "right"), status
        server.add("s", '{"type": "record", "name": "R", "fields": []}')
        server.add("broken", '{"type": "rekord"}')
        own = SchemaRegistryAuthentication(type="USER_INFO", username="ann", password=Secret(login))
        how = SchemaRegistryAuthentication(type="SASL_INHERIT") if inherit else own
        url = (text() if callable(text) else text) or server.url
        connection = SchemaRegistry(schema_registry_urls=(url,), schema_registry_authentication=how)
        user = Authentication(mechanism="PLAIN", username="ann", password=Secret(login))
        return connection, tried, {"connections": {"k": Kafka(authentication=user), "s": connection}}

    return make


def another_server(_: Any, stack: ExitStack) -> Made:
    endpoint = stack.enter_context(servers.endpoint())
    endpoint.answer = lambda _: 404
    return registry("right", text=endpoint.url)(None, stack)


REGISTRIES = {
    "closed port": Fault("connect", "REFUSED", registry("right", text=lambda: local("http", closed()))),
    "metadata": Fault("resolve", "FORBIDDEN_ADDRESS", registry("right", text=METADATA["location"])),
    "login": Fault("authenticate", "CREDENTIALS", registry(CANARY)),
    "login of Kafka": Fault("authenticate", "CREDENTIALS", registry(CANARY, inherit=True, kafka="k")),
    "no such Kafka": Fault("settings", "SETTINGS", registry("right", inherit=True, kafka="s")),
    "denied": Fault("authenticate", "DENIED", registry("right", status=403)),
    "trouble": Fault("authenticate", "SERVER_ERROR", registry("right", status=500)),
    "no registry": Fault("authenticate", "PROTOCOL", another_server),
    "missing subject": Fault("authorize", "NOT_FOUND", registry("right", subject="t")),
    "no schema": Fault("decode", "UNDECODABLE", registry("right", subject="broken")),
}


@pytest.mark.parametrize("fault", REGISTRIES)
def test_a_fault_of_a_registry_is_seen_where_it_is(fault: str) -> None:
    found(REGISTRIES[fault], None)


@pytest.mark.parametrize(
    ("inherit", "tried", "last"),
    [
        (False, {}, "authenticate"),
        (False, {"subject": "s"}, "decode"),
        (True, {}, "connect"),
        (True, {"kafka": "k"}, "authenticate"),
        (True, {"kafka": "k", "subject": "s"}, "decode"),
    ],
)
def test_a_good_registry_is_climbed(inherit: bool, tried: dict[str, Any], last: str) -> None:
    with ExitStack() as stack:
        connection, wanted, told = registry("right", inherit=inherit, **tried)(None, stack)
        assert steps(climbed(connection, wanted, **told))[-1] == last
