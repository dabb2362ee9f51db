"""Change streams as a source: scopes, options, places to go on from, metadata, statistics, failures."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable
from typing import Any

import bson
import pytest
from bson import Binary, DatetimeMS, Decimal128, Int64, MaxKey, Regex, Timestamp
from clusters import Client, Opened

from brookmill.clock import VirtualClock
from brookmill.errors import ConnectionFailed
from brookmill.testing.mongod import Mongod


def events(source: Any, count: int = 0, limit: int = 100) -> list[Any]:
    """What ``read`` brings, until nothing more comes."""
    found: list[Any] = []
    quiet = 0
    while quiet < 2 or len(found) < count:
        batch = source.read(limit, 0.01)
        quiet = 0 if batch.values else quiet + 1
        found += batch.values
        assert quiet < 100, found
    return found


def kinds(values: list[Any]) -> list[tuple[str, Any]]:
    return [(one["operationType"], one.get("ns", {}).get("coll")) for one in values]


@pytest.mark.parametrize(
    ("scope", "seen"),
    [
        ({"db": "a", "coll": "x"}, ["a.x"]),
        ({"db": "a", "coll": ["x"]}, ["a.x"]),
        ({"db": "a", "coll": ["x", "z", "x"]}, ["a.x", "a.z"]),
        ({"db": "a"}, ["a.x", "a.y", "a.z"]),
        ({}, ["a.x", "a.y", "a.z", "b.x"]),
    ],
)
def test_every_scope(server: Mongod, opened: Opened, scope: dict[str, Any], seen: list[str]) -> None:
    source = opened.source(**scope)
    for namespace in ("a.x", "a.y", "a.z", "b.x"):
        server.insert(namespace, {"_id": 1})
    found = events(source)
    assert [f"{e['ns']['db']}.{e['ns']['coll']}" for e in found if e["operationType"] == "insert"] == seen


def test_an_event_as_the_server_sends_it(server: Mongod, opened: Opened) -> None:
    source = opened.source(db="a", coll="x")
    server.insert("a.x", {"_id": 1, "b": 2})
    batch = source.read(10, 0.05)
    ((event,), (at,)) = batch.values, batch.times
    names = ["_id", "operationType", "clusterTime", "wallTime", "fullDocument", "ns", "documentKey"]
    assert list(event) == names
    assert (event["wallTime"] - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)) // dt.timedelta(milliseconds=1) == at
    assert batch.meta(0) == {
        "type": "atlas",
        "ts": event["wallTime"],
        "operationType": "insert",
        "ns": {"db": "a", "coll": "x"},
        "documentKey": {"_id": 1},
    }


def test_values_keep_their_types(server: Mongod, opened: Opened) -> None:
    source = opened.source(db="a", coll="x", config={"fullDocumentOnly": True})
    document = {
        "_id": Int64(5),
        "int": 5,
        "double": 5.0,
        "decimal": Decimal128("5.00"),
        "date": dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
        "far": DatetimeMS(2**60),
        "uuid": Binary(b"0123456789abcdef", 4),
        "regex": Regex("a", 2),
        "time": Timestamp(1, 2),
        "max": MaxKey(),
        "none": None,
    }
    server.insert("a.x", document)
    (found,) = events(source)
    assert bson.encode(found) == bson.encode(document)
    assert type(found["_id"]) is Int64
    assert type(found["int"]) is int


def test_documents_alone(client: Client, opened: Opened) -> None:
    source = opened.source(db="a", coll="x", config={"fullDocumentOnly": True})
    client.a.x.insert_one({"_id": 1})
    client.a.x.update_one({"_id": 1}, {"$set": {"n": 1}})
    client.a.x.replace_one({"_id": 1}, {"n": 2})
    client.a.x.delete_one({"_id": 1})
    assert events(source) == [{"_id": 1}, {"_id": 1, "n": 2}]


def test_looking_up_what_changed(client: Client, opened: Opened) -> None:
    source = opened.source(
        db="a", coll="x", config={"fullDocument": "updateLookup", "fullDocumentOnly": True}
    )
    client.a.x.insert_one({"_id": 1})
    client.a.x.update_one({"_id": 1}, {"$set": {"n": 1}})
    assert events(source)[-1] == {"_id": 1, "n": 1}


def test_images_before_the_change(client: Client, opened: Opened) -> None:
    client.a.create_collection("x", changeStreamPreAndPostImages={"enabled": True})
    client.a.x.insert_one({"_id": 1, "n": 0})
    config = {"fullDocumentBeforeChange": "required", "fullDocument": "required"}
    source = opened.source(db="a", coll="x", config=config)
    client.a.x.update_one({"_id": 1}, {"$set": {"n": 1}})
    client.a.x.delete_one({"_id": 1})
    update, delete = events(source)
    assert (update["fullDocumentBeforeChange"]["n"], update["fullDocument"]["n"]) == (0, 1)
    assert delete["fullDocumentBeforeChange"]["n"] == 1


def test_a_required_image_that_is_missing_fails_for_good(client: Client, opened: Opened) -> None:
    client.a.x.insert_one({"_id": 1})
    source = opened.source(db="a", coll="x", config={"fullDocumentBeforeChange": "required"})
    client.a.x.delete_one({"_id": 1})
    with pytest.raises(ConnectionFailed, match="a required image is missing") as failure:
        events(source, 1)
    assert not failure.value.retry


def test_a_pipeline_at_the_server(server: Mongod, opened: Opened) -> None:
    pipeline = [{"$match": {"fullDocument.n": {"$gt": 1}}}, {"$set": {"more": True}}]
    source = opened.source(db="a", coll=["x", "y"], config={"pipeline": pipeline})
    server.insert("a.x", {"_id": 1, "n": 1}, {"_id": 2, "n": 2})
    server.insert("a.y", {"_id": 3, "n": 3})
    assert [(e["documentKey"]["_id"], e["more"]) for e in events(source)] == [(2, True), (3, True)]


def test_a_pipeline_that_takes_the_token_away_fails_for_good(server: Mongod, opened: Opened) -> None:
    source = opened.source(db="a", coll="x", config={"pipeline": [{"$project": {"_id": 0}}]})
    server.insert("a.x", {"_id": 1})
    with pytest.raises(ConnectionFailed) as failure:
        events(source, 1)
    assert not failure.value.retry


def test_reading_goes_on_at_every_place(server: Mongod, opened: Opened) -> None:
    source = opened.source(db="a", coll="x")
    places = [source.position()]
    server.insert("a.x", *[{"_id": n} for n in range(5)])
    for _ in range(5):
        assert len(source.read(1, 0.05)) == 1
        places.append(source.position())
    for n, place in enumerate(places):
        again = opened.source(db="a", coll="x", position=bson.decode(bson.encode(place)))
        assert [e["documentKey"]["_id"] for e in events(again)] == list(range(n, 5))


def test_a_quiet_stream_moves_on_with_the_rest_of_the_cluster(server: Mongod, opened: Opened) -> None:
    source = opened.source(db="a", coll="x")
    before = source.position()
    server.insert("b.other", *[{"_id": n} for n in range(10)])
    assert events(source) == []
    assert source.position() != before
    stats = source.lag({})
    assert stats["changeStreamState"] == source.position()["stream"]["startAfter"]
    assert stats["changeStreamTimeDifferenceSecs"] == 0
    assert type(stats["changeStreamTimeDifferenceSecs"]) is Int64


def test_where_to_begin(server: Mongod, client: Client, opened: Opened) -> None:
    watching = opened.source(db="a", coll="x")
    server.insert("a.x", *[{"_id": n} for n in range(4)])
    seen = events(watching)
    token, at = seen[1]["_id"], seen[2]["clusterTime"]

    def begun(**spec: Any) -> list[Any]:
        return [e["documentKey"]["_id"] for e in events(opened.source(db="a", coll="x", **spec))]

    early = dt.datetime.fromtimestamp(at.time - 60, dt.UTC)
    assert begun() == []
    assert begun(config={"startAfter": token}) == [2, 3]
    assert begun(config={"startAtOperationTime": at}) == [2, 3]
    assert begun(config={"startAtOperationTime": early}) in ([0, 1, 2, 3], [])
    assert begun(config={"startAfter": token}, start_at={"startAtOperationTime": seen[0]["clusterTime"]}) == [
        *[0, 1, 2, 3]
    ]
    assert begun(start_at={"startAfter": token}) == [2, 3]
    assert begun(start_at={"startAfter": token}, position=watching.position()) == []


def test_an_impossible_time_of_the_start_command_is_refused(opened: Opened) -> None:
    with pytest.raises(
        ConnectionFailed, match="startAtOperationTime must be a timestamp or a date"
    ) as failure:
        opened.source(db="a", coll="x", start_at={"startAtOperationTime": "yesterday"})
    assert (failure.value.retry, failure.value.code) == (False, 420)


def test_lost_history_fails_for_good_and_says_what_to_do(server: Mongod, opened: Opened) -> None:
    source = opened.source(db="a", coll="x")
    server.insert("a.x", {"_id": 1})
    events(source, 1)
    place = source.position()
    server.insert("a.x", {"_id": 2})
    server.forget()
    with pytest.raises(ConnectionFailed, match="ChangeStreamHistoryLost") as failure:
        events(opened.source(db="a", coll="x", position=place), 1)
    assert (failure.value.retry, failure.value.code) == (False, 286)
    assert "resumeFromCheckpoint:false" in str(failure.value)


def test_a_dropped_collection_is_told_and_followed_when_it_comes_back(client: Client, opened: Opened) -> None:
    client.a.x.insert_one({"_id": 1})
    source = opened.source(db="a", coll="x")
    client.a.x.drop()
    assert kinds(events(source, 2)) == [("drop", "x"), ("invalidate", None)]
    place = source.position()
    client.a.x.insert_one({"_id": 2})
    assert kinds(events(source, 1)) == [("insert", "x")]
    assert kinds(events(opened.source(db="a", coll="x", position=place), 1)) == [("insert", "x")]


def test_a_renamed_collection_is_told_and_followed_by_its_old_name(client: Client, opened: Opened) -> None:
    client.a.x.insert_one({"_id": 1})
    source = opened.source(db="a", coll="x")
    client.a.x.rename("y")
    assert kinds(events(source, 2)) == [("rename", "x"), ("invalidate", None)]
    client.a.x.insert_one({"_id": 2})
    assert kinds(events(source, 1)) == [("insert", "x")]


@pytest.mark.parametrize("way", ["error", "close"])
def test_an_interruption_loses_nothing(server: Mongod, opened: Opened, way: Any) -> None:
    source = opened.source(db="a", coll="x")
    server.insert("a.x", *[{"_id": n} for n in range(3)])
    assert len(source.read(2, 0.05)) == 2
    server.insert("a.x", {"_id": 3})
    server.fail("getMore", way, code=91)
    assert [e["documentKey"]["_id"] for e in events(source)] == [2, 3]


def test_a_cluster_that_is_gone_may_be_tried_again(server: Mongod, open_at: Callable[[str], Opened]) -> None:
    source = open_at(f"{server.uri}&serverSelectionTimeoutMS=300").source(db="a", coll="x")
    server.fail("*", "close", times=None)
    with pytest.raises(ConnectionFailed, match="Could not read the change stream") as failure:
        events(source, 1)
    assert failure.value.retry
    server.heal()


def test_reading_returns_in_time(opened: Opened) -> None:
    source = opened.source(db="a", coll="x", config={"maxAwaitTimeMS": 60_000})
    begun = time.monotonic()
    assert not source.read(10, 0.05).values
    assert time.monotonic() - begun < 1.0


def test_a_virtual_clock_moves_while_nothing_comes(opened: Opened) -> None:
    clock = VirtualClock()
    source = opened.source(clock, db="a", coll="x", config={"maxAwaitTimeMS": 1})
    source.read(10, 0.05)
    assert clock.monotonic() == pytest.approx(0.05)


def test_large_events(server: Mongod, opened: Opened) -> None:
    source = opened.source(db="a", coll="x")
    text = "x" * (15 << 20)
    server.insert("a.x", *[{"_id": n, "t": text} for n in range(3)])
    sizes: list[int] = []
    while sum(sizes) < 3:
        batch = source.read(1000, 0.05)
        sizes.append(len(batch))
        assert all(len(e["fullDocument"]["t"]) == len(text) for e in batch.values)
    assert max(sizes) < 3  # no more of them than the server sends together


@pytest.mark.parametrize(
    "reading",
    [
        {"readPreference": "primaryPreferred"},
        {"readPreference": "nearest", "readPreferenceTags": [{"a": "b", "c": "d"}, {}]},
    ],
)
def test_read_preferences_reach_the_client(opened: Opened, reading: dict[str, Any]) -> None:
    preference = opened.source(db="a", coll="x", **reading)._client.read_preference
    assert preference.mongos_mode == reading["readPreference"]
    assert list(preference.tag_sets) == reading.get("readPreferenceTags", [{}])
