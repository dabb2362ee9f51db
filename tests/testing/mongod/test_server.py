"""The server in memory as clients meet it: logins, roles, TLS, faults, retries, and its clean end."""

from __future__ import annotations

import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import bson
import pymongo
import pytest
import trustme
from pymongo import InsertOne, MongoClient, UpdateOne
from pymongo.database import Database
from pymongo.errors import (
    AutoReconnect,
    ClientBulkWriteException,
    ConfigurationError,
    OperationFailure,
    PyMongoError,
    ServerSelectionTimeoutError,
)

from brookmill.testing.mongod import Mongod, User, mongod

Doc = dict[str, Any]
Db = Database[Doc]

USERS = [
    User("root", "häß-ⅨI\u00adX"),
    User("reader", "r", roles=("read@shop",)),
    User("writer", "w", roles=("readWrite@shop", "read@other")),
    User("all", "a", roles=("readAnyDatabase",)),
    User("a,b=c@/:", "p%:/"),
]


@pytest.fixture(scope="module")
def guarded() -> Iterator[Mongod]:
    with mongod(users=USERS) as running:
        yield running


def test_it_starts_at_once() -> None:
    started = time.monotonic()
    for _ in range(5):
        with mongod():
            pass
    assert time.monotonic() - started < 2


@pytest.mark.parametrize("user", USERS, ids=lambda user: user.name)
@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-256", None])
def test_a_login(guarded: Mongod, user: User, mechanism: str | None) -> None:
    options: Doc = {"authMechanism": mechanism} if mechanism else {}
    with MongoClient[Doc](guarded.uri, username=user.name, password=user.password, **options) as client:
        client["admin"].command("hello")
        info = client["admin"].command("connectionStatus")["authInfo"]
        assert info["authenticatedUsers"] == [{"user": user.name, "db": "admin"}]


@pytest.mark.parametrize(("user", "password"), [("root", "wrong"), ("nobody", "x"), ("reader", "w")])
def test_a_wrong_login(guarded: Mongod, user: str, password: str) -> None:
    options: Doc = {"username": user, "password": password}
    mechanisms: list[Doc] = [{}, {"authMechanism": "SCRAM-SHA-256"}]
    for mechanism in mechanisms:
        with MongoClient[Doc](guarded.uri, **options, **mechanism) as client:
            with pytest.raises(OperationFailure) as refused:
                client["shop"].c.find_one()
            assert refused.value.code in (18, 334)
            assert password not in str(refused.value) or password in "x w"


def test_without_login(guarded: Mongod) -> None:
    with MongoClient[Doc](guarded.uri) as client:
        assert client["admin"].command("ping")["ok"] == 1
        with pytest.raises(OperationFailure) as refused:
            client["shop"].c.find_one()
        assert refused.value.code == 13


def test_another_mechanism(guarded: Mongod) -> None:
    with MongoClient[Doc](guarded.uri, username="root", password="x", authMechanism="SCRAM-SHA-1") as client:
        with pytest.raises(OperationFailure) as refused:
            client["shop"].c.find_one()
        assert refused.value.code == 334


def test_roles(guarded: Mongod) -> None:
    def allowed(user: User, action: Any) -> bool:
        with MongoClient[Doc](guarded.uri, username=user.name, password=user.password) as client:
            try:
                action(client)
            except ClientBulkWriteException as e:
                return getattr(e.error, "code", None) != 13
            except OperationFailure as e:
                return e.code != 13
            return True

    copy = [{"$match": {}}, {"$merge": {"into": {"db": "other", "coll": "c"}}}]
    actions: dict[str, Any] = {
        "read": lambda c: c["shop"].c.find_one(),
        "read other": lambda c: c["other"].c.count_documents({}),
        "write": lambda c: c["shop"].c.insert_one({}),
        "write other": lambda c: c["other"].c.update_one({}, {"$set": {"a": 1}}, upsert=True),
        "bulk": lambda c: c.bulk_write([InsertOne({}, namespace="shop.c")]),
        "create": lambda c: c["shop"].c.create_index("a"),
        "copy": lambda c: c["shop"].c.aggregate(copy),
        "watch": lambda c: c["shop"].c.watch(max_await_time_ms=1).close(),
        "watch all": lambda c: c.watch(max_await_time_ms=1).close(),
    }
    root, reader, writer, everywhere, _ = USERS
    may = {user.name: {name for name, do in actions.items() if allowed(user, do)} for user in USERS[:4]}
    assert may == {
        root.name: set(actions),
        reader.name: {"read", "watch"},
        writer.name: {"read", "read other", "write", "bulk", "create", "watch"},
        everywhere.name: {"read", "read other", "watch", "watch all"},
    }
    with MongoClient[Doc](guarded.uri, username="reader", password="r") as client:
        assert client.list_database_names() == ["shop"]


def test_roles_that_there_are_not() -> None:
    for role in ("read", "nope", "nope@shop", "read@"):
        with pytest.raises(ValueError, match="unknown role"):
            User("ann", "x", roles=(role,))
    assert "hush" not in repr(User("ann", "hush"))


def test_tls() -> None:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    with mongod(tls=context, users=USERS) as server, authority.cert_pem.tempfile() as ca:
        options: Doc = {"username": "root", "password": USERS[0].password}
        with MongoClient[Doc](server.uri, tlsCAFile=ca, **options) as client:
            client["a"].b.insert_one({"_id": 1})
        assert server.documents("a.b") == [{"_id": 1}]
        address = server.uri.partition("/?")[0]
        wrongs: list[Doc] = [{"tls": True}, {"tls": False}]
        for wrong in wrongs:
            with (
                MongoClient[Doc](
                    address, directConnection=True, serverSelectionTimeoutMS=300, **wrong
                ) as client,
                pytest.raises(ServerSelectionTimeoutError),
            ):
                client["a"].b.find_one()


def test_a_command_fails_on_request(server: Mongod, db: Db) -> None:
    server.fail("insert", code=50, message="too slow", times=2)
    for _ in range(2):
        with pytest.raises(OperationFailure, match="too slow") as failed:
            db.c.insert_one({})
        assert failed.value.code == 50
    db.c.insert_one({})
    assert len(server.documents("shop.c")) == 1
    server.fail("find", code=8000, times=None, when={"find": "c"})
    for _ in range(3):
        with pytest.raises(OperationFailure):
            db.c.find_one()
    assert db.d.find_one() is None
    server.heal()
    assert db.c.find_one() is not None


@pytest.mark.parametrize("way", ["error", "close"])
@pytest.mark.parametrize("after", [False, True])
def test_a_write_that_is_tried_again_is_done_once(server: Mongod, db: Db, way: Any, after: bool) -> None:
    db.c.insert_one({"_id": 1, "n": 0})
    server.fail("update", way, code=91, after=after)
    result = db.c.bulk_write([UpdateOne({"_id": 1}, {"$inc": {"n": 1}})])
    assert result.modified_count == 1
    assert server.documents("shop.c") == [{"_id": 1, "n": 1}]
    server.fail("insert", way, code=91, after=after)
    db.c.insert_one({"_id": 2})
    assert len(server.documents("shop.c")) == 2


def test_without_retries_the_answer_is_lost(server: Mongod) -> None:
    with MongoClient[Doc](server.uri, retryWrites=False) as client:
        server.fail("insert", "close", after=True)
        with pytest.raises(AutoReconnect):
            client["shop"].c.insert_one({"_id": 1})
        assert server.documents("shop.c") == [{"_id": 1}]


def test_a_server_that_hangs(server: Mongod) -> None:
    with MongoClient[Doc](server.uri, socketTimeoutMS=200, retryReads=False) as client:
        server.fail("find", "hang")
        with pytest.raises(AutoReconnect):
            client["shop"].c.find_one()
        server.heal()
        assert client["shop"].c.find_one() is None


def test_it_stops_while_somebody_waits() -> None:
    failed: list[Exception] = []

    def wait(ask: Callable[[], object]) -> None:
        try:
            ask()
        except PyMongoError as e:
            failed.append(e)

    with mongod() as server, MongoClient[Doc](server.uri, serverSelectionTimeoutMS=100) as client:
        server.fail("find", "hang")
        stream = client["a"].watch(max_await_time_ms=60_000)
        waiting = [
            threading.Thread(target=wait, args=[client["a"].b.find_one]),
            threading.Thread(target=wait, args=[stream.next]),
        ]
        for thread in waiting:
            thread.start()
        server.wait_until_hanging(10)
        started = time.monotonic()
    for thread in waiting:
        thread.join()
    assert time.monotonic() - started < 5
    assert len(failed) == 2


def test_transactions_are_refused_in_plain_words(client: MongoClient[Doc]) -> None:
    with client.start_session() as session:
        session.start_transaction()
        with pytest.raises(OperationFailure, match="transactions are not implemented") as refused:
            client["shop"].c.insert_one({}, session=session)
        assert refused.value.code == 263
    with client.start_session(causal_consistency=True) as session:
        client["shop"].c.insert_one({"_id": 1}, session=session)
        assert client["shop"].c.find_one({}, session=session) == {"_id": 1}
        assert session.operation_time is not None


def test_bulk_writes_of_several_collections(client: MongoClient[Doc], server: Mongod) -> None:
    operations: list[Any] = [
        InsertOne({"_id": 1}, namespace="a.x"),
        UpdateOne({"_id": 2}, {"$set": {"n": 1}}, upsert=True, namespace="b.y"),
        InsertOne({"_id": 1}, namespace="a.x"),
        pymongo.DeleteOne({"_id": 1}, namespace="a.x"),
    ]
    with pytest.raises(ClientBulkWriteException) as failed:
        client.bulk_write(operations, ordered=False, verbose_results=True)
    errors: Any = failed.value.write_errors
    assert [(e["idx"], e["code"]) for e in errors] == [(2, 11000)]
    assert (server.documents("a.x"), server.documents("b.y")) == ([], [{"_id": 2, "n": 1}])


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ({"nope": 1}, 59),
        ({"insert": "c"}, 40414),
        ({"insert": "c", "documents": []}, 16),
        ({"insert": 5, "documents": [{}]}, 73),
        ({"aggregate": "c", "pipeline": {}}, 14),
        ({"aggregate": "c", "pipeline": []}, 9),
        ({"aggregate": 1, "pipeline": [], "cursor": {}}, 73),
        ({"find": "c", "filter": 5}, 14),
        ({"create": "v", "viewOn": "c"}, 238),
    ],
)
def test_commands_that_cannot_be(db: Db, command: Doc, code: int) -> None:
    with pytest.raises(OperationFailure) as refused:
        db.command(command)
    assert refused.value.code == code


@pytest.mark.parametrize(
    "option",
    [{"array_filters": [{"x": 1}]}, {"collation": {"locale": "de"}}],
    ids=["arrayFilters", "collation"],
)
def test_what_is_not_implemented_says_so(db: Db, option: Doc) -> None:
    with pytest.raises(OperationFailure, match="not implemented") as refused:
        db.c.update_one({}, {"$set": {"a": 1}}, **option)
    assert refused.value.code == 238


def test_unacknowledged_writes_get_no_answer(server: Mongod) -> None:
    with MongoClient[Doc](server.uri, w=0) as client:
        client["shop"].c.insert_one({"_id": 1})
        assert client["admin"].command("ping")["ok"] == 1
    assert server.documents("shop.c") == [{"_id": 1}]


def raw(server: Mongod, frame: bytes) -> bytes:
    host, _, port = server.uri.removeprefix("mongodb://").partition("/")[0].partition(":")
    with socket.create_connection((host, int(port)), timeout=10) as sock:
        sock.sendall(frame)
        sock.shutdown(socket.SHUT_WR)
        answer = b""
        while data := sock.recv(4096):
            answer += data
    return answer


def test_broken_messages_get_an_error_and_the_end(server: Mongod) -> None:
    body = bson.encode({"ping": 1})  # no $db
    frame = struct.pack("<iiiiIb", 21 + len(body), 5, 0, 2013, 0, 0) + body
    answer = raw(server, frame * 2)
    assert struct.unpack_from("<iiii", answer) == (len(answer), 1, 5, 2013)
    assert bson.decode(answer[21:])["code"] == 40571
    assert raw(server, b"GET / HTTP/1.1\r\n\r\n") == b""


def test_a_replica_set_can_be_discovered(server: Mongod) -> None:
    uri = server.uri.replace("directConnection=true", "replicaSet=rs0")
    with MongoClient[Doc](uri, readPreference="secondaryPreferred") as client:
        assert client["shop"].c.find_one() is None
        assert client.primary is not None
    with pytest.raises(ConfigurationError):
        MongoClient[Doc](server.uri + "&replicaSet=x&loadBalanced=true")
