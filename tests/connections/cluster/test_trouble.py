"""What keeps a cluster from being used: each its own words, none with a secret, tried again or not."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from typing import Any

import pytest
from clusters import Opened
from pymongo.errors import AutoReconnect, InvalidOperation, OperationFailure, PyMongoError
from servers import free_port

from brookmill.clock import VirtualClock
from brookmill.connections.cluster.trouble import failed
from brookmill.errors import ConnectionFailed
from brookmill.testing.mongod import Mongod, User, mongod

READING: dict[str, Any] = {"db": "a", "coll": "x"}
MERGE = {"$merge": {"into": {"connectionName": "c", "db": "a", "coll": "x"}}}
EMIT = {"$emit": {"connectionName": "c", "db": "a", "coll": "x", "timeseries": {"timeField": "t"}}}
FROM = {"connectionName": "c", "db": "a", "coll": "x"}
LOOKUP = {"$lookup": {"from": FROM, "localField": "k", "foreignField": "f", "as": "z"}}
CACHED = {"$cachedLookup": {**LOOKUP["$lookup"], "ttl": {"size": 1, "unit": "second"}}}

#: Every way in which a cluster is opened.
WAYS: dict[str, Callable[[Opened], Any]] = {
    "source": lambda opened: opened.source(**READING),
    "sync": lambda opened: opened.source(**READING, initialSync={"enable": True}),
    "merge": lambda opened: opened.sink(MERGE),
    "emit": lambda opened: opened.sink(EMIT),
    "lookup": lambda opened: opened.asker(LOOKUP),
    "cached": lambda opened: opened.asker(CACHED),
}

Open = Callable[[str], Opened]


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest) -> Callable[[Opened], Any]:
    return WAYS[request.param]


def failure_of(what: Callable[[], Any]) -> ConnectionFailed:
    with pytest.raises(ConnectionFailed) as failure:
        what()
    assert "hush" not in str(failure.value)
    assert "hush" not in repr(failure.value)
    return failure.value


def with_user(server: Mongod, login: str) -> str:
    return server.uri.replace("mongodb://", f"mongodb://{login}@") + "&authSource=admin"


def test_a_name_that_the_server_does_not_know(way: Any, open_at: Open) -> None:
    opened = open_at("")
    opened.opening = lambda clock=None, **more: Opened.opening(opened, clock, clusters={}, **more)  # type: ignore[method-assign]
    failure = failure_of(lambda: way(opened))
    assert (str(failure), failure.retry, failure.code) == ("No cluster named main", False, 420)


@pytest.mark.parametrize("uri", ["", "http://x", "mongodb://ann:hush@:::", "mongodb+srv://hush:hush@h:5/"])
def test_a_uri_that_is_none(way: Any, open_at: Open, uri: str) -> None:
    failure = failure_of(lambda: way(open_at(uri)))
    assert (str(failure), failure.retry) == ("the URI of the cluster main is not valid", False)


def test_nobody_there(way: Any, open_at: Open) -> None:
    uri = f"mongodb://ann:hush@127.0.0.1:{free_port()}/?directConnection=true&serverSelectionTimeoutMS=200"
    failure = failure_of(lambda: way(open_at(uri)))
    assert failure.retry
    assert str(failure).startswith("The cluster main cannot be used: no server of the cluster can be reached")
    assert "Connection refused" in str(failure)
    assert len(str(failure)) < 200


@pytest.mark.parametrize("login", ["ann:hush-hush", "eve:hush"])
def test_a_wrong_password_or_user(way: Any, open_at: Open, login: str) -> None:
    with mongod(users=[User("ann", "right")]) as server:
        failure = failure_of(lambda: way(open_at(with_user(server, login))))
    assert (failure.retry, failure.code) == (False, 18)
    assert "the cluster refuses user or password: check its URI" in str(failure)


@pytest.mark.parametrize("way", ["source", "sync"])
def test_no_right_to_read(open_at: Open, way: str) -> None:
    with mongod(users=[User("ann", "hush", ("readWrite@other",))]) as server:
        failure = failure_of(lambda: WAYS[way](open_at(with_user(server, "ann:hush"))))
        assert (failure.retry, failure.code) == (False, 13)
        assert "the user in the cluster's URI lacks a right: not authorized on a" in str(failure)
        assert "to execute" not in str(failure)


@pytest.mark.parametrize("way", ["lookup", "cached"])
def test_no_right_to_look_up(server: Mongod, opened: Opened, way: str) -> None:
    message = "not authorized on a to execute command { aggregate: 1, hush: 1 }"
    server.fail("aggregate", code=13, message=message)
    failure = failure_of(lambda: WAYS[way](opened))
    assert (failure.retry, failure.code) == (False, 13)


@pytest.mark.parametrize(
    ("stage", "document"), [(MERGE, {"_id": 1, "secret": "hush"}), (EMIT, {"secret": "hush"})]
)
def test_no_right_to_write(open_at: Open, stage: Any, document: Any) -> None:
    with mongod(users=[User("ann", "hush", ("read@a",))]) as server:
        failure = failure_of(lambda: open_at(with_user(server, "ann:hush")).sink(stage).write(document))
        assert (failure.retry, failure.code) == (False, 13)


def test_a_user_who_may_does(open_at: Open) -> None:
    with mongod(users=[User("ann", "hush", ("readWrite@a",))]) as server:
        opened = open_at(with_user(server, "ann:hush"))
        assert opened.sink(MERGE).write({"_id": 1, "f": 1}) == []
        assert opened.asker(LOOKUP).ask({"k": 1}) == [[{"_id": 1, "f": 1}]]
        opened.close()


def test_a_server_that_speaks_tls_to_a_client_that_does_not(open_at: Open) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with mongod(tls=context) as server:
        uri = server.uri.replace("&tls=true", "") + "&serverSelectionTimeoutMS=300"
        assert failure_of(lambda: open_at(uri).source(**READING)).retry


@pytest.mark.parametrize(
    ("error", "retry", "code", "words"),
    [
        (OperationFailure("x", 18, {"errmsg": "Authentication failed."}), False, 18, "check its URI"),
        (OperationFailure("x", 8000, {"errmsg": "bad auth"}), False, 8000, "check its URI"),
        (
            OperationFailure("x", 13, {"errmsg": "not authorized on a to execute command { hush: 1 }"}),
            *(False, 13, "lacks a right: not authorized on a"),
        ),
        (OperationFailure("x", 286, {"errmsg": "gone"}), False, 286, "resumeFromCheckpoint:false"),
        (OperationFailure("x", 280, {"errmsg": "gone"}), False, 286, "ChangeStreamHistoryLost"),
        (OperationFailure("x", 47, {"errmsg": "no"}), False, 47, "a required image is missing"),
        (OperationFailure("x", 40573, {"errmsg": "only on replica sets"}), False, 40573, "replica sets"),
        (OperationFailure("x", 91, {"errmsg": "shutting down"}), True, 91, "shutting down"),
        (OperationFailure("x", 12345, {"errmsg": "who knows"}), True, 12345, "who knows"),
        (AutoReconnect("127.0.0.1:1: closed"), True, None, "the connection was lost"),
        (InvalidOperation("no"), False, None, "InvalidOperation: no"),
    ],
)
def test_whose_fault_an_error_is(error: PyMongoError, retry: bool, code: int | None, words: str) -> None:
    failure = failed("Could not do it", error)
    assert (failure.retry, failure.code) == (retry, code)
    assert str(failure).startswith("Could not do it: ")
    assert words in str(failure)
    assert "hush" not in str(failure)


def test_waiting_between_tries_is_the_clocks(server: Mongod, opened: Opened) -> None:
    clock = VirtualClock()
    sink = opened.sink(MERGE, clock)
    server.fail("update", code=189, times=3)
    assert sink.write({"_id": 1}) == []
    assert clock.monotonic() == pytest.approx(4.2)
