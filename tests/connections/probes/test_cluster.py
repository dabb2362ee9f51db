"""Cluster connections with a fault each, on MongoDB's protocol: where their tests end, and why."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from probes import (
    CANARY,
    CERTIFICATES,
    Fault,
    authority,
    black_hole,
    climbed,
    closed,
    context,
    found,
    mute,
    rows,
    steps,
)

from brookmill.connections.cluster import Cluster
from brookmill.runtime.probing import LIMIT
from brookmill.testing.mongod import User, mongod

Made = tuple[Any, dict[str, Any], dict[str, Any]]
ANN = User("ann", "right", ("readWrite@shop",))


def cluster(uri: str, **tried: str) -> Made:
    return Cluster(name="c", cluster_name="main"), tried, {"clusters": {"main": uri}}


def at(uri: Callable[[ExitStack], str]) -> Any:
    return lambda _, stack: cluster(uri(stack))


def within(login: str = "ann:right", users: Sequence[User] = (ANN,), **tried: str) -> Any:
    """On a server with the collection shop.orders."""

    def make(_: Path, stack: ExitStack) -> Made:
        server = stack.enter_context(mongod(users=users))
        server.insert("shop.orders", {"_id": 1, "a": CANARY})
        return cluster(server.uri.replace("://", f"://{login}@") if users else server.uri, **tried)

    return make


def over_tls(wrong: str = "", believed: bool = True, tls: bool = True) -> Any:
    def make(directory: Path, stack: ExitStack) -> Made:
        ca, file = authority(directory)
        server = stack.enter_context(mongod(tls=context(ca, wrong)))
        uri = server.uri if tls else server.uri.replace("&tls=true", "")
        return cluster(uri + (f"&tlsCAFile={quote(file, '')}" if tls and believed else ""))

    return make


def plain_server_asked_over_tls(_: Path, stack: ExitStack) -> Made:
    return cluster(stack.enter_context(mongod()).uri + "&tls=true")


FAULTS = {
    "unknown cluster": Fault(
        "settings", "NOT_FOUND", lambda _, __: (Cluster(name="c", cluster_name="other"), {}, {})
    ),
    "no URI": Fault("settings", "SETTINGS", at(lambda _: f"mongodb://ann:{CANARY}@/?w=-1")),
    "CA file": Fault("settings", "SETTINGS", at(lambda _: "mongodb://127.0.0.1/?tls=true&tlsCAFile=none")),
    "no such host": Fault("resolve", "NO_ADDRESS", at(lambda _: "mongodb://no-such-host.invalid/")),
    "closed port": Fault("connect", "REFUSED", at(lambda _: f"mongodb://127.0.0.1:{closed()}/")),
    "black hole": Fault(
        "connect", "NO_ANSWER", at(lambda s: f"mongodb://127.0.0.1:{s.enter_context(black_hole())}/"), 2.0
    ),
    "mute": Fault(
        "authenticate", "NO_ANSWER", at(lambda s: f"mongodb://127.0.0.1:{s.enter_context(mute())}/"), 2.0
    ),
    **{name: Fault("tls", code, over_tls(name)) for name, code in CERTIFICATES.items()},
    "unknown authority": Fault("tls", "CERTIFICATE_UNTRUSTED", over_tls(believed=False)),
    "TLS to a plain port": Fault("tls", "NO_ANSWER", plain_server_asked_over_tls, 2.0),
    "plain to a TLS port": Fault("authenticate", "NO_ANSWER", over_tls(tls=False), 2.0),
    "password": Fault("authenticate", "CREDENTIALS", within(f"ann:{CANARY}")),
    "user": Fault("authenticate", "CREDENTIALS", within(f"eve:{CANARY}")),
    "missing database": Fault("authorize", "NOT_FOUND", within(users=(), db="shoq")),
    "missing collection": Fault("authorize", "NOT_FOUND", within(db="shop", coll="order")),
    "denied database": Fault("authorize", "DENIED", within(db="bank", coll="accounts")),
    "a name that cannot be": Fault("settings", "SETTINGS", within(db="a b")),
    "a collection of nothing": Fault("settings", "SETTINGS", within(coll="orders")),
}


@pytest.mark.parametrize("fault", rows(FAULTS, ["black hole", "TLS to a plain port"]))
def test_a_fault_is_seen_where_it_is(tmp_path: Path, fault: str) -> None:
    found(FAULTS[fault], tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("fault", [name for name, fault in FAULTS.items() if fault.limit < LIMIT])
def test_a_fault_that_says_nothing_takes_ten_seconds_at_most(tmp_path: Path, fault: str) -> None:
    assert found(replace(FAULTS[fault], limit=LIMIT), tmp_path).duration_ms < 10_000


LOWEST = ["settings", "resolve", "connect"]


def test_a_good_connection_is_climbed_to_the_end(tmp_path: Path) -> None:
    with ExitStack() as stack:
        connection, tried, told = within(db="shop", coll="orders")(tmp_path, stack)
        report = climbed(connection, tried, **told)
        assert steps(report) == [*LOWEST, "authenticate", "authorize", "read", "decode"]
        assert report.steps[-1].seen["fields"] == 2
        assert steps(climbed(connection, {"db": "shop"}, **told)) == [*LOWEST, "authenticate", "authorize"]


def test_a_certificate_is_told_about(tmp_path: Path) -> None:
    with ExitStack() as stack:
        connection, tried, told = over_tls()(tmp_path, stack)
        report = climbed(connection, tried, **told)
    assert steps(report) == [*LOWEST, "tls", "authenticate"]
    assert report.steps[3].seen["names"] == ["127.0.0.1"]
