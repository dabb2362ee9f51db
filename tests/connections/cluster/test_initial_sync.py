"""The initial sync: every document once, then every change; interrupted anywhere, nothing is lost."""

from __future__ import annotations

import datetime as dt
from typing import Any

import bson
import pytest
from bson import Binary, Decimal128, Int64, MinKey, ObjectId, Timestamp
from clusters import Client, Opened

from brookmill.connections.cluster import initial_sync
from brookmill.errors import ConnectionFailed
from brookmill.testing.mongod import Mongod

SYNC = {"enable": True}


def read(source: Any, limit: int = 100) -> tuple[list[Any], list[Any]]:
    """Events and their metadata, until nothing more comes."""
    found: list[Any] = []
    metas: list[Any] = []
    quiet = 0
    while quiet < 6:
        batch = source.read(limit, 0.01)
        quiet = 0 if batch.values else quiet + 1
        found += batch.values
        metas += [batch.meta(i) for i in range(len(batch))]
    return found, metas


def keys(events: list[Any]) -> list[Any]:
    return [event["documentKey"]["_id"] for event in events]


def test_documents_come_as_inserts_then_changes(server: Mongod, opened: Opened, client: Client) -> None:
    server.insert("a.x", {"_id": 2, "n": 2}, {"_id": 1, "n": 1})
    source = opened.source(db="a", coll="x", initialSync=SYNC)
    first, metas = read(source)
    assert keys(first) == [1, 2]
    assert list(first[0]) == [
        *["_id", "operationType", "clusterTime", "wallTime", "fullDocument", "ns", "documentKey"]
    ]
    assert first[0]["fullDocument"] == {"_id": 1, "n": 1}
    assert len({bson.encode(event["_id"]) for event in first}) == 2
    assert metas[0]["initialSync"] == {"phase": "copying"}
    assert (metas[0]["type"], metas[0]["operationType"]) == ("atlas", "insert")
    client.a.x.delete_one({"_id": 1})
    (change,), (meta,) = read(source)
    assert (change["operationType"], "initialSync" in meta) == ("delete", False)


def test_changes_during_the_copy_are_not_lost(server: Mongod, opened: Opened, client: Client) -> None:
    server.insert("a.x", *[{"_id": n} for n in range(10)])
    source = opened.source(db="a", coll="x", initialSync=SYNC)
    early = source.read(5, 0.01).values
    client.a.x.update_one({"_id": 0}, {"$set": {"n": 1}})
    client.a.x.insert_one({"_id": -1})
    client.a.x.delete_one({"_id": 9})
    rest, _ = read(source)
    state: dict[Any, Any] = {}
    for event in [*early, *rest]:
        key = event["documentKey"]["_id"]
        if event["operationType"] == "delete":
            state.pop(key, None)
        elif event["operationType"] == "insert":
            state[key] = event["fullDocument"]
        else:
            state[key] |= event["updateDescription"]["updatedFields"]
    assert state == {document["_id"]: document for document in server.documents("a.x")}


@pytest.mark.parametrize("limit", [1, 3, 100])
def test_a_copy_goes_on_at_every_place(
    server: Mongod, opened: Opened, limit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(initial_sync, "_BATCH", 2)
    server.insert("a.x", *[{"_id": n} for n in range(5)])
    server.insert("a.y", {"_id": 9})
    spec: dict[str, Any] = {"db": "a", "coll": ["x", "y"], "initialSync": SYNC}
    source = opened.source(**spec)
    places, seen = [source.position()], [0]
    for _ in range(14):
        seen.append(seen[-1] + len(source.read(limit, 0.01)))
        places.append(source.position())
    server.insert("a.y", {"_id": 10})
    for place, count in zip(places, seen, strict=True):
        again = opened.source(**spec, position=bson.decode(bson.encode(place)))
        # What is new may come twice: by the copy, and as the change that it is.
        assert list(dict.fromkeys(keys(read(again)[0]))) == [*[0, 1, 2, 3, 4, 9][count:], 10]


def test_ids_of_every_type_in_their_order(server: Mongod, opened: Opened) -> None:
    ids: list[Any] = [
        *[MinKey(), None, -5, 1.5, Int64(2**40), Decimal128("1e30"), "a", "b", {"a": 1}, {"a": 2}],
        *[Binary(b"x", 0), ObjectId("5" * 24), False, True, dt.datetime(2020, 1, 1, tzinfo=dt.UTC)],
        Timestamp(5, 1),
    ]
    server.insert("a.x", *[{"_id": one} for one in reversed(ids)])
    spec: dict[str, Any] = {"db": "a", "coll": "x", "initialSync": SYNC}
    source = opened.source(**spec)
    found = []
    for _ in ids:  # opened again behind every single document
        found += source.read(1, 0.01).values
        source = opened.source(**spec, position=source.position())
    assert [bson.encode(event["documentKey"]) for event in found] == [bson.encode({"_id": i}) for i in ids]


def test_progress(server: Mongod, opened: Opened) -> None:
    server.insert("a.x", *[{"_id": n} for n in range(3)])
    server.insert("a.y", {"_id": 9})
    source = opened.source(db="a", coll=["x", "y", "z"], initialSync=SYNC)
    source.read(2, 0.01)
    stats = source.lag({})["operator"]
    assert stats["initialSync"] == {"estimatedDocs": 4, "copiedDocs": 2}
    assert [
        (t["coll"], t["initialSync"]["copiedDocs"], t["initialSync"]["status"]) for t in stats["targetStats"]
    ] == [
        ("x", 2, "in_progress"),
        ("y", 0, "pending"),
        ("z", 0, "pending"),
    ]
    read(source)
    stats = source.lag({})
    assert "changeStreamState" in stats
    assert stats["operator"]["initialSync"] == {"estimatedDocs": 4, "copiedDocs": 4}
    assert {t["initialSync"]["status"] for t in stats["operator"]["targetStats"]} == {"completed"}


@pytest.mark.parametrize("way", ["error", "close"])
def test_an_interruption_repeats_nothing_and_loses_nothing(
    server: Mongod, opened: Opened, way: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(initial_sync, "_BATCH", 2)
    server.insert("a.x", *[{"_id": n} for n in range(7)])
    source = opened.source(db="a", coll="x", initialSync=SYNC)
    found = [*source.read(3, 0.01).values]
    server.fail("getMore", way, code=43)
    if way == "close":
        with pytest.raises(ConnectionFailed) as failure:
            found += source.read(3, 0.01).values + source.read(3, 0.01).values
        assert failure.value.retry
        source = opened.source(db="a", coll="x", initialSync=SYNC, position=source.position())
    assert keys(found + read(source)[0]) == list(range(7))


def test_history_that_is_gone_when_the_copy_ends_fails_for_good(server: Mongod, opened: Opened) -> None:
    server.insert("a.x", {"_id": 1})
    source = opened.source(db="a", coll="x", initialSync=SYNC)
    source.read(10, 0.01)
    server.insert("a.x", {"_id": 2})
    server.forget()
    with pytest.raises(ConnectionFailed, match="ChangeStreamHistoryLost") as failure:
        read(source)
    assert not failure.value.retry


def test_documents_alone(server: Mongod, opened: Opened) -> None:
    server.insert("a.x", {"_id": 1})
    source = opened.source(db="a", coll="x", initialSync=SYNC, config={"fullDocumentOnly": True})
    assert read(source)[0] == [{"_id": 1}]


@pytest.mark.parametrize(("limit", "fits"), [(None, True), (2, True), (1, False)])
def test_a_tier_limits_the_collections(opened: Opened, limit: int | None, fits: bool) -> None:
    spec: dict[str, Any] = {"db": "a", "coll": ["x", "y"], "sync_limit": limit}
    opened.source(**spec, initialSync={"enable": False})
    if fits:
        opened.source(**spec, initialSync=SYNC)
        return
    with pytest.raises(ConnectionFailed, match="initialSync copies 1 collections at most") as failure:
        opened.source(**spec, initialSync=SYNC)
    assert (failure.value.retry, failure.value.code) == (False, 420)
