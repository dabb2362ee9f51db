"""Processors between clusters, end to end: real worker processes, a MongoDB-protocol server, kills."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import bson
import pytest
from mill import Mill
from pymongo import MongoClient
from servers import Broker, wait_until

from brookmill.connections.cluster import Cluster
from brookmill.domain.cluster import Cluster as Configured
from brookmill.domain.connection import Connection
from brookmill.domain.processor import State
from brookmill.domain.secret import Secret
from brookmill.errors import ConnectionFailed
from brookmill.testing.mongod import Mongod, User, mongod

Make = Callable[..., Mill]
Client = MongoClient[dict[str, Any]]


@pytest.fixture
def server() -> Iterator[Mongod]:
    with mongod() as running:
        yield running


@pytest.fixture
def client(server: Mongod) -> Iterator[Client]:
    one: Client = MongoClient(server.uri)
    yield one
    one.close()


def ready(make: Make, uri: str, **settings: Any) -> Mill:
    """A mill with the connection ``c`` to the cluster."""
    here = make(**{"checkpoint_interval": 0.1, **settings})
    here.connect("c", Cluster(cluster_name="main"))
    with here.store.write() as session:
        session.put_cluster(Configured(id="e" * 24, name="main", uri=Secret(uri), created=0))
    return here


def source(**more: Any) -> dict[str, Any]:
    return {"$source": {"connectionName": "c", "db": "in", "coll": "x", **more}}


def merge(coll: str = "x", **more: Any) -> dict[str, Any]:
    return {"$merge": {"into": {"connectionName": "c", "db": "out", "coll": coll}, **more}}


ALONE = {"fullDocumentOnly": True}


@pytest.mark.parametrize("kills", [2, pytest.param(100, marks=[pytest.mark.slow, pytest.mark.timeout(1500)])])
def test_a_killed_worker_loses_no_change_and_merges_none_twice(
    server: Mongod, mill: Make, client: Client, kills: int
) -> None:
    here = ready(mill, server.uri, checkpoint_interval=0.03)
    here.process(source(config=ALONE), merge(whenMatched="replace"))
    for kill in range(kills):
        kept, seen = here.checkpoint, len(server.documents("out.x"))
        ids = range(kill * 1000, kill * 1000 + 1000)
        for start in ids[::50]:
            client["in"].x.insert_many([{"_id": n, "n": n} for n in range(start, start + 50)])
        # Whoever dies without a checkpoint waits ever longer for his next life.
        wait_until(lambda: here.checkpoint != kept, what="a checkpoint")  # noqa: B023
        wait_until(lambda: len(server.documents("out.x")) > seen, what="progress")  # noqa: B023
        here.kill()
    client["in"].x.update_many({"_id": {"$lt": 50}}, {"$set": {"n": -1}})
    total = kills * 1000
    wait_until(lambda: len(server.documents("out.x")) == total, 60, "everything")
    assert sorted(document["_id"] for document in server.documents("out.x")) == list(range(total))
    assert here.processor.state is State.STARTED


def test_updates_and_deletes_follow_their_documents(server: Mongod, mill: Make, client: Client) -> None:
    """The published way of keeping a copy: what is deleted there is deleted here."""
    here = ready(mill, server.uri)
    key = {"_id": {"$ifNull": ["$fullDocument._id", "$documentKey._id"]}}
    copy = {"$replaceRoot": {"newRoot": {"$mergeObjects": ["$fullDocument", key]}}}
    gone = {"$eq": [{"$meta": "stream.source.operationType"}, "delete"]}
    modes: dict[str, Any] = {
        "whenMatched": {"$cond": [gone, "delete", "replace"]},
        "whenNotMatched": {"$cond": [gone, "discard", "insert"]},
    }
    here.process(source(config={"fullDocument": "updateLookup"}), copy, merge(**modes))
    client["in"].x.insert_many([{"_id": n, "n": n} for n in range(10)])
    client["in"].x.update_many({"_id": {"$lt": 5}}, {"$inc": {"n": 100}})
    client["in"].x.delete_many({"_id": {"$in": [0, 9]}})
    wait_until(lambda: server.documents("out.x") == server.documents("in.x") != [], what="the copy")
    stats = here.stats(inputMessageCount=17)
    assert stats["changeStreamState"]["_data"]
    assert stats["changeStreamTimeDifferenceSecs"] >= 0


def test_an_initial_sync_that_is_killed_goes_on(server: Mongod, mill: Make, client: Client) -> None:
    client["in"].x.insert_many([{"_id": n, "n": 0} for n in range(3000)])
    client["in"].y.insert_many([{"_id": -n, "n": 0} for n in range(1, 10)])
    here = ready(mill, server.uri, checkpoint_interval=0.02)
    spec = source(coll=["x", "y"], initialSync={"enable": True}, config=ALONE)
    here.process(spec, merge(whenMatched="replace"))
    here.kill()
    client["in"].x.insert_one({"_id": 5000, "n": 1})
    wait_until(lambda: len(server.documents("out.x")) == 3010, what="everything")

    def copied() -> Any:
        stats = here.supervisor.stats(here.processor.id) or {}
        return "changeStreamState" in stats and stats["operatorStats"][0]["initialSync"]

    progress = wait_until(copied, what="the end of the copy")
    assert progress["copiedDocs"] == progress["estimatedDocs"] >= 3009


def test_stop_and_start_go_on_without_gap_or_repetition(server: Mongod, mill: Make, client: Client) -> None:
    here = ready(mill, server.uri)
    counting = [{"$set": {"times": {"$add": ["$times", 1]}}}]
    once = {"$project": {"_id": "$fullDocument._id", "times": {"$literal": 1}}}
    started = here.process(source(), once, merge(whenMatched=counting))
    for n in range(0, 9, 3):
        client["in"].x.insert_many([{"_id": n}, {"_id": n + 1}])
        wait_until(lambda: len(server.documents("out.x")) == n + 2, what="the documents")  # noqa: B023
        here.supervisor.stop(started.id)
        client["in"].x.insert_one({"_id": n + 2})
        here.supervisor.start(here.processor)
    wait_until(lambda: len(server.documents("out.x")) == 9, what="the last document")
    here.supervisor.stop(started.id)
    assert server.documents("out.x") == [{"_id": n, "times": 1} for n in range(9)]


def test_a_stop_does_not_wait_for_a_cluster_that_is_gone(server: Mongod, mill: Make) -> None:
    here = ready(mill, server.uri)
    started = here.process(source(), merge())
    here.stats(inputMessageCount=0)
    server.fail("*", "close", times=None)
    begun = time.monotonic()
    here.supervisor.stop(started.id)
    assert time.monotonic() - begun < 20
    server.heal()


def test_lost_history_ends_a_processor_for_good(server: Mongod, mill: Make, client: Client) -> None:
    here = ready(mill, server.uri)
    started = here.process(source(config=ALONE), merge())
    client["in"].x.insert_one({"_id": 1})
    wait_until(lambda: server.documents("out.x"), what="the document")
    here.supervisor.stop(started.id)
    client["in"].x.insert_one({"_id": 2})
    server.forget()
    with pytest.raises(ConnectionFailed, match="ChangeStreamHistoryLost"):
        here.supervisor.start(here.processor)
    assert "resumeFromCheckpoint:false" in here.failed()


def test_lookups_between_kafka_and_a_cluster(
    server: Mongod, mill: Make, broker: Broker, kafka: Connection
) -> None:
    server.insert("ref.names", {"_id": 0, "f": 0, "name": "zero"}, {"_id": 1, "f": 1, "name": "one"})
    here, topic = ready(mill, server.uri), broker.topic()
    here.connect("k", kafka)
    names = {"connectionName": "c", "db": "ref", "coll": "names"}
    fields = {"localField": "kind", "foreignField": "f"}
    pipeline = [{"$match": {"$expr": {"$eq": ["$f", "$$k"]}}}, {"$project": {"q": {"$divide": [6, "$$n"]}}}]
    here.process(
        {"$source": {"connectionName": "k", "topic": topic, "config": {"auto_offset_reset": "earliest"}}},
        {"$lookup": {"from": names, **fields, "as": "found"}},
        {"$cachedLookup": {"from": names, **fields, "as": "again", "ttl": {"size": 1, "unit": "hour"}}},
        {"$lookup": {"from": names, "let": {"k": "$kind", "n": "$n"}, "pipeline": pipeline, "as": "sums"}},
        {"$project": {"_id": "$n", "names": "$found.name", "same": {"$eq": ["$found", "$again"]}, "sums": 1}},
        merge(),
        options={"dlq": {"connectionName": "c", "db": "out", "coll": "dead"}},
    )
    broker.write(topic, *[b'{"n":%d,"kind":%d}' % (n, n % 3) for n in range(100)])
    wait_until(lambda: len(server.documents("out.x")) == 99, what="the documents")
    stored = {document["_id"]: document for document in server.documents("out.x")}
    assert [stored[n]["names"] for n in (1, 2, 3)] == [["one"], [], ["zero"]]
    assert all(document["same"] for document in stored.values())
    assert stored[3]["sums"] == [{"_id": 0, "q": 2.0}]
    (letter,) = wait_until(lambda: server.documents("out.dead"), what="the dead letter")
    assert (letter["doc"]["n"], letter["operatorName"]) == (0, "LookUpOperator")
    cached = next(
        o
        for o in here.stats(dlqMessageCount=1, inputMessageCount=100)["operatorStats"]
        if o["name"].startswith("Cached")
    )
    assert cached["cacheMisses"] == 3


def test_refused_documents_reach_the_dead_letters_with_their_metadata(
    server: Mongod, mill: Make, client: Client
) -> None:
    client.out.create_collection("x", validator={"n": {"$gte": 0}})
    here = ready(mill, server.uri)
    dlq = {"dlq": {"connectionName": "c", "db": "out", "coll": "dead"}}
    here.process(source(config=ALONE), merge(), options=dlq)
    client["in"].x.insert_many([{"_id": 1, "n": 1}, {"_id": 2, "n": -1}])
    (letter,) = wait_until(lambda: server.documents("out.dead"), what="the dead letter")
    assert (letter["doc"], letter["operatorName"]) == ({"_id": 2, "n": -1}, "MergeOperator")
    assert letter["errInfo"]["reason"] == "Document failed validation"
    assert letter["_stream_meta"]["source"]["documentKey"] == {"_id": 2}


def test_a_wrong_password_fails_the_start_at_once(mill: Make) -> None:
    with mongod(users=[User("ann", "right")]) as server:
        uri = server.uri.replace("mongodb://", "mongodb://ann:hush@") + "&authSource=admin"
        here = ready(mill, uri)
        with pytest.raises(ConnectionFailed, match="the cluster refuses user or password") as failure:
            here.process(source(), merge())
        assert "hush" not in str(failure.value) + here.failed()


def test_a_merge_shows_its_collections(server: Mongod, mill: Make, client: Client) -> None:
    here = ready(mill, server.uri)
    into = {"connectionName": "c", "db": "out", "coll": {"$concat": ["x", {"$toString": "$kind"}]}}
    here.process(source(config={"fullDocumentOnly": True}), {"$merge": {"into": into}})
    client["in"].x.insert_many([{"_id": n, "kind": n % 2} for n in range(5)])
    stats = here.stats(outputMessageCount=5)
    wait_until(lambda: len(server.documents("out.x0")) == 3, what="the documents")
    size = len(bson.encode({"_id": 0, "kind": 0}))
    assert [
        (t["db"], t["coll"], t["inputMessageCount"], t["inputMessageSize"])
        for t in stats["operatorStats"][-1]["targetStats"]
    ] == [("out", "x0", 3, 3.0 * size), ("out", "x1", 2, 2.0 * size)]
