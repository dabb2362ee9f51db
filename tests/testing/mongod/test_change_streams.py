"""Change streams of the server in memory, by the driver's own ``watch()``: scopes, shapes, resuming, ends."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import bson
import pytest
from bson import Timestamp
from pymongo import MongoClient, ReplaceOne, UpdateOne
from pymongo.change_stream import ChangeStream
from pymongo.database import Database
from pymongo.errors import OperationFailure

from brookmill.clock import VirtualClock
from brookmill.testing.mongod import Mongod, mongod

Doc = dict[str, Any]
Db = Database[Doc]
BIG = "x" * 200


def events(stream: ChangeStream[Doc]) -> list[Doc]:
    """Those that are there by now."""
    found = []
    while (event := stream.try_next()) is not None:
        found.append(event)
    return found


def seen(db: Db, change: Callable[[], Any], **options: Any) -> list[Doc]:
    """What a stream of the collection ``c`` tells of a change."""
    with db.c.watch(max_await_time_ms=1, **options) as stream:
        change()
        return events(stream)


def test_the_shape_of_an_insert() -> None:
    with mongod(clock=VirtualClock(1_700_000_000.5)) as server, MongoClient[Doc](server.uri) as client:
        db = client["shop"]
        (event,) = seen(db, lambda: db.c.insert_one({"_id": 1, "a": {"b": [1]}}))
    assert list(event) == [
        *["_id", "operationType", "clusterTime", "wallTime", "fullDocument", "ns", "documentKey"]
    ]
    assert list(event["_id"]) == ["_data"]
    assert event["_id"]["_data"].startswith("82")
    assert (event["operationType"], event["documentKey"]) == ("insert", {"_id": 1})
    assert event["fullDocument"] == {"_id": 1, "a": {"b": [1]}}
    assert event["ns"] == {"db": "shop", "coll": "c"}
    assert event["clusterTime"].time == 1_700_000_000
    assert event["wallTime"].isoformat() == "2023-11-14T22:13:20.500000"


#: Document, update, ``updateDescription``; ``BIG`` keeps pipelines from being logged as replacements.
DESCRIPTIONS: list[tuple[Doc, Any, Doc, list[str], list[Doc]]] = [
    ({"a": 1}, {"$set": {"a": 2}}, {"a": 2}, [], []),
    ({"a": 1}, {"$unset": {"a": 1}}, {}, ["a"], []),
    ({"a": {"b": 1, "c": 1}}, {"$set": {"a.b": 2}, "$unset": {"a.c": 1}}, {"a.b": 2}, ["a.c"], []),
    ({"a": {"b": 1, "c": 1}}, {"$set": {"a": {"b": 2, "c": 1}}}, {"a": {"b": 2, "c": 1}}, [], []),
    ({}, {"$set": {"a.b.c": 1, "a.b.d": 2}}, {"a": {"b": {"c": 1, "d": 2}}}, [], []),
    ({"n": 1}, {"$inc": {"n": 1, "m": 1}}, {"n": 2, "m": 1}, [], []),
    ({"a": [1]}, {"$push": {"a": 2}}, {"a.1": 2}, [], []),
    ({"a": [1]}, {"$push": {"a": {"$each": [2, 3]}}}, {"a.1": 2, "a.2": 3}, [], []),
    ({"a": [1]}, {"$push": {"a": {"$each": [2], "$position": 0}}}, {"a": [2, 1]}, [], []),
    ({}, {"$push": {"a": 2}}, {"a": [2]}, [], []),
    ({"a": [1, 2]}, {"$pull": {"a": 1}}, {"a": [2]}, [], []),
    ({"a": [{"b": 1}]}, {"$set": {"a.0.b": 2}}, {"a.0.b": 2}, [], []),
    ({"a": 1, "b": 1}, {"$rename": {"a": "c"}}, {"c": 1}, ["a"], []),
    ({"a": 1, "k": BIG}, [{"$set": {"a": 2, "b": 3}}], {"a": 2, "b": 3}, [], []),
    ({"a": {"b": 1, "k": BIG}}, [{"$set": {"a.b": 2}}], {"a.b": 2}, [], []),
    ({"k": BIG, "a": 1}, [{"$unset": "a"}], {}, ["a"], []),
    (
        {"k": BIG, "a": [1, 2, 3, BIG, 5]},
        [{"$set": {"a": {"$slice": ["$a", 4]}}}],
        *({}, [], [{"field": "a", "newSize": 4}]),
    ),
    (
        {"k": BIG, "a": [{"s": BIG, "n": 1}, 7]},
        [{"$set": {"a": [{"s": BIG, "n": 2}, 8]}}],
        *({"a.0.n": 2, "a.1": 8}, [], []),
    ),
]


@pytest.mark.parametrize(("document", "update", "updated", "removed", "truncated"), DESCRIPTIONS)
def test_the_description_of_an_update(
    db: Db, document: Doc, update: Any, updated: Doc, removed: list[str], truncated: list[Doc]
) -> None:
    db.c.insert_one({"_id": 1, **document})
    (event,) = seen(db, lambda: db.c.update_one({"_id": 1}, update))
    assert event["operationType"] == "update"
    assert list(event)[4:] == ["ns", "documentKey", "updateDescription"]
    description = {"updatedFields": updated, "removedFields": removed, "truncatedArrays": truncated}
    assert bson.encode(event["updateDescription"]) == bson.encode(description)


def test_what_changes_nothing_is_no_event(db: Db) -> None:
    db.c.insert_one({"_id": 1, "a": 1})

    def change() -> None:
        db.c.update_one({"_id": 1}, {"$set": {"a": 1}})
        db.c.update_one({"_id": 1}, [{"$set": {"a": 1}}])
        db.c.replace_one({"_id": 1}, {"a": 1})
        db.c.update_one({"_id": 2}, {"$set": {"a": 1}})
        db.c.delete_one({"_id": 2})

    assert seen(db, change) == []


def test_replacements_deletes_and_upserts(db: Db) -> None:
    def change() -> None:
        db.c.bulk_write([ReplaceOne({"_id": 1}, {"a": 1}, upsert=True), ReplaceOne({"_id": 1}, {"a": 2})])
        db.c.bulk_write([UpdateOne({"_id": 1}, [{"$set": {"a": 3}}])])
        db.c.delete_one({"_id": 1})

    found = seen(db, change)
    # The pipeline's delta would be longer than the document, so the server logs that.
    assert [event["operationType"] for event in found] == ["insert", "replace", "replace", "delete"]
    assert [event.get("fullDocument", {}).get("a") for event in found] == [1, 2, 3, None]
    assert list(found[-1])[4:] == ["ns", "documentKey"]


def test_the_document_looked_up_is_that_of_now(db: Db) -> None:
    db.c.insert_many([{"_id": 1}, {"_id": 2}])

    def change() -> None:
        db.c.update_many({}, {"$set": {"a": 1}})
        db.c.update_one({"_id": 1}, {"$set": {"a": 2}})
        db.c.delete_one({"_id": 2})

    first, second, *_ = seen(db, change, full_document="updateLookup")
    assert (first["fullDocument"], second["fullDocument"]) == ({"_id": 1, "a": 2}, None)
    assert list(first)[4:] == ["fullDocument", "ns", "documentKey", "updateDescription"]


def test_images(db: Db) -> None:
    db.create_collection("c", changeStreamPreAndPostImages={"enabled": True})
    db.c.insert_one({"_id": 1, "a": 1})

    def change() -> None:
        db.c.update_one({"_id": 1}, {"$set": {"a": 2}})
        db.c.update_one({"_id": 1}, {"$set": {"a": 3}})
        db.c.replace_one({"_id": 1}, {"a": 4})
        db.c.delete_one({"_id": 1})
        db.c.insert_one({"_id": 1})

    options = {"full_document": "required", "full_document_before_change": "required"}
    found = seen(db, change, **options)
    assert [e.get("fullDocument", {}).get("a") for e in found] == [2, 3, 4, None, None]
    assert [e.get("fullDocumentBeforeChange", {}).get("a") for e in found] == [1, 2, 3, 4, None]
    assert "fullDocumentBeforeChange" not in found[-1]
    assert list(found[0])[4:] == [
        *["fullDocument", "fullDocumentBeforeChange", "ns", "documentKey", "updateDescription"]
    ]


def test_images_that_were_not_kept(db: Db) -> None:
    db.c.insert_one({"_id": 1})

    def change() -> None:
        db.c.update_one({"_id": 1}, {"$set": {"a": 1}})

    wanted = {"full_document": "whenAvailable", "full_document_before_change": "whenAvailable"}
    (event,) = seen(db, change, **wanted)
    assert (event["fullDocument"], event["fullDocumentBeforeChange"]) == (None, None)
    for name in wanted:
        with pytest.raises(OperationFailure) as failed:
            seen(db, lambda: db.c.update_one({"_id": 1}, {"$inc": {"a": 1}}), **{name: "required"})
        assert (failed.value.code, failed.value.has_error_label("NonResumableChangeStreamError")) == (
            47,
            True,
        )


def test_scopes(client: MongoClient[Doc]) -> None:
    one, other = client["one"], client["other"]
    two = [{"$match": {"ns.coll": {"$in": ["a", "b"]}}}]
    watched = [
        one.a.watch(max_await_time_ms=1),
        one.watch(max_await_time_ms=1),
        one.watch(two, max_await_time_ms=1),
        client.watch(max_await_time_ms=1),
    ]
    for collection in (one.a, one.b, one.c, other.a, client["admin"].x):
        collection.insert_one({})
    found = [[f"{e['ns']['db']}.{e['ns']['coll']}" for e in events(stream)] for stream in watched]
    for stream in watched:
        stream.close()
    assert found == [
        ["one.a"],
        ["one.a", "one.b", "one.c"],
        ["one.a", "one.b"],
        ["one.a", "one.b", "one.c", "other.a"],
    ]


def test_a_pipeline_shapes_events(db: Db) -> None:
    pipeline = [
        {"$match": {"operationType": "insert", "fullDocument.n": {"$gt": 1}}},
        {"$set": {"double": {"$multiply": ["$fullDocument.n", 2]}}},
        {"$project": {"double": 1, "wallTime": 1}},
    ]
    found = seen(db, lambda: db.c.insert_many([{"n": n} for n in range(4)]), pipeline=pipeline)
    assert [(list(event), event["double"]) for event in found] == [
        *[(["_id", "wallTime", "double"], n) for n in (4, 6)]
    ]


@pytest.mark.parametrize(
    ("stages", "code"),
    [([{"$group": {"_id": 1}}], 20), ([{"$nope": 1}], 20), ([{"$match": {"a": {"$nope": 1}}}], 2)],
)
def test_a_pipeline_that_cannot_be(db: Db, stages: list[Doc], code: int) -> None:
    with pytest.raises(OperationFailure) as refused:
        db.c.watch(stages)
    assert refused.value.code == code


def test_the_token_must_stay(db: Db) -> None:
    for stage in ({"$unset": "_id"}, {"$set": {"_id": 1}}):
        with pytest.raises(OperationFailure) as failed:
            seen(db, lambda: db.c.insert_one({}), pipeline=[stage])
        assert failed.value.code == 280


def test_resuming(db: Db) -> None:
    with db.c.watch(max_await_time_ms=1) as stream:
        start = stream.resume_token
        db.c.insert_many([{"_id": i} for i in range(5)])
        found = events(stream)
        end = stream.resume_token

    def ids(**options: Any) -> list[int]:
        return [event["documentKey"]["_id"] for event in seen(db, lambda: None, **options)]

    assert ids(resume_after=found[1]["_id"]) == ids(start_after=found[1]["_id"]) == [2, 3, 4]
    assert ids(resume_after=start) == [0, 1, 2, 3, 4]
    assert ids(resume_after=end) == []
    assert ids(start_at_operation_time=found[3]["clusterTime"]) == [3, 4]
    assert ids(start_at_operation_time=Timestamp(1, 1)) == [0, 1, 2, 3, 4]
    tokens = [event["_id"]["_data"] for event in found]
    assert tokens == sorted(set(tokens))


def test_a_quiet_stream_moves_its_token(db: Db, client: MongoClient[Doc]) -> None:
    with db.c.watch(max_await_time_ms=1) as stream:
        before = stream.resume_token
        db.other.insert_many([{"_id": i} for i in range(3)])
        assert stream.try_next() is None
        assert stream.resume_token is not None
        assert before is not None
        assert stream.resume_token["_data"] > before["_data"]
        db.c.insert_one({"_id": 1})
        (event,) = seen(db, lambda: None, resume_after=stream.resume_token)
        assert event["documentKey"] == {"_id": 1}


@pytest.mark.parametrize("token", [{"_data": "xyz"}, {"_data": 5}, {"a": 1}, {"_data": "82" + "0" * 30}])
def test_tokens_of_somewhere_else(db: Db, token: Doc) -> None:
    with pytest.raises(OperationFailure) as refused:
        db.c.watch(resume_after=token)
    assert refused.value.code == 260


def test_lost_history(server: Mongod, db: Db) -> None:
    with db.c.watch(max_await_time_ms=1) as stream:
        db.c.insert_one({"_id": 1})
        token = stream.next()["_id"]
        db.c.insert_one({"_id": 2})
        server.forget()
        with pytest.raises(OperationFailure) as failed:
            stream.next()
    assert failed.value.code == 286
    assert failed.value.details is not None
    assert failed.value.details["codeName"] == "ChangeStreamHistoryLost"
    for options in ({"resume_after": token}, {"start_at_operation_time": Timestamp(1, 1)}):
        with pytest.raises(OperationFailure) as failed:
            db.c.watch(**options)
        assert failed.value.code == 286
    assert [e["documentKey"] for e in seen(db, lambda: db.c.insert_one({"_id": 3}))] == [{"_id": 3}]


def test_a_small_oplog_forgets() -> None:
    with mongod(oplog_size=8) as server, MongoClient[Doc](server.uri) as client:
        db = client["shop"]
        with db.c.watch(max_await_time_ms=1) as stream:
            token = stream.resume_token
            db.c.insert_many([{} for _ in range(8)])
            assert len(events(stream)) == 8
        db.c.insert_many([{} for _ in range(8)])
        with pytest.raises(OperationFailure) as failed:
            db.c.watch(resume_after=token)
        assert failed.value.code == 286


def test_a_dropped_collection_ends_its_stream(db: Db) -> None:
    db.c.insert_one({"_id": 1})
    with db.c.watch(max_await_time_ms=1) as stream, db.watch(max_await_time_ms=1) as whole:
        db.c.drop()
        db.c.insert_one({"_id": 2})
        drop, invalidate = stream.next(), stream.next()
        assert not stream.alive
        rest = [event["operationType"] for event in events(whole)]
    assert list(drop) == ["_id", "operationType", "clusterTime", "wallTime", "ns"]
    assert (drop["operationType"], drop["ns"]) == ("drop", {"db": "shop", "coll": "c"})
    assert list(invalidate) == ["_id", "operationType", "clusterTime", "wallTime"]
    assert invalidate["operationType"] == "invalidate"
    assert rest == ["drop", "insert"]
    with pytest.raises(OperationFailure) as refused:
        db.c.watch(resume_after=invalidate["_id"])
    assert refused.value.code == 260
    (event,) = seen(db, lambda: None, start_after=invalidate["_id"])
    assert event["documentKey"] == {"_id": 2}


def test_a_dropped_database_ends_its_stream(db: Db, client: MongoClient[Doc]) -> None:
    db.c.insert_one({})
    with db.watch(max_await_time_ms=1) as stream, client.watch(max_await_time_ms=1) as cluster:
        client.drop_database("shop")
        assert [event["operationType"] for event in events(stream)] == ["drop", "dropDatabase", "invalidate"]
        found = events(cluster)
        assert [event["operationType"] for event in found] == ["drop", "dropDatabase"]
        assert found[1]["ns"] == {"db": "shop"}
        assert cluster.alive


def test_a_rename(db: Db) -> None:
    db.c.insert_one({})
    with db.c.watch(max_await_time_ms=1) as stream:
        db.c.rename("d")
        rename, invalidate = events(stream)
    assert (rename["ns"], rename["to"]) == ({"db": "shop", "coll": "c"}, {"db": "shop", "coll": "d"})
    assert invalidate["operationType"] == "invalidate"


def test_an_empty_batch_waits_and_news_end_the_wait(db: Db) -> None:
    with db.c.watch(max_await_time_ms=30_000) as stream:
        writer = threading.Timer(0.05, lambda: db.c.insert_one({"_id": 1}))
        started = time.monotonic()
        writer.start()
        event = stream.next()
        assert time.monotonic() - started < 10
        writer.join()
    assert event["documentKey"] == {"_id": 1}


def test_batches(db: Db) -> None:
    with db.c.watch(batch_size=2, max_await_time_ms=1) as stream:
        db.c.insert_many([{"_id": i} for i in range(5)])
        assert [event["documentKey"]["_id"] for event in events(stream)] == [0, 1, 2, 3, 4]


def test_large_events_come_in_several_batches(db: Db) -> None:
    with db.c.watch(max_await_time_ms=1) as stream:
        db.c.insert_many([{"_id": i, "a": "x" * 7_000_000} for i in range(4)])
        assert [event["documentKey"]["_id"] for event in events(stream)] == [0, 1, 2, 3]


def test_the_driver_resumes_when_the_server_says_it_may(server: Mongod, db: Db) -> None:
    with db.c.watch(max_await_time_ms=1) as stream:
        db.c.insert_one({"_id": 1})
        assert stream.next()["documentKey"] == {"_id": 1}
        db.c.insert_one({"_id": 2})
        server.fail("getMore", code=189)
        assert stream.next()["documentKey"] == {"_id": 2}
        db.c.insert_one({"_id": 3})
        server.fail("getMore", "close", after=True)
        assert stream.next()["documentKey"] == {"_id": 3}
        server.fail("getMore", code=8000)
        with pytest.raises(OperationFailure):
            stream.next()


def test_internal_databases_have_no_stream(client: MongoClient[Doc]) -> None:
    with pytest.raises(OperationFailure) as refused:
        client["admin"].watch()
    assert refused.value.code == 73
    both = {"resumeAfter": {"_data": "x"}, "startAtOperationTime": Timestamp(1, 1)}
    with pytest.raises(OperationFailure) as refused:
        client["x"].command("aggregate", 1, pipeline=[{"$changeStream": both}], cursor={})
    assert refused.value.code == 40674


def test_time_series_have_no_events(db: Db, server: Mongod) -> None:
    db.create_collection("s", timeseries={"timeField": "t"})
    with db.watch(max_await_time_ms=1) as stream:
        server.insert("shop.s", {"t": bson.datetime_ms.DatetimeMS(0)})
        assert events(stream) == []


def test_more_events_on_demand(db: Db) -> None:
    with db.watch(max_await_time_ms=1, show_expanded_events=True) as stream:
        db.c.insert_one({})
        create, insert = events(stream)
    assert (create["operationType"], create["ns"]) == ("create", {"db": "shop", "coll": "c"})
    assert create["collectionUUID"] == insert["collectionUUID"]
