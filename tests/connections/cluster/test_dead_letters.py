"""Dead letters: what they look like in the collection, and that none is lost or fails quietly."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

import pytest
from bson import Int64, ObjectId
from servers import free_port

from brookmill.clock import VirtualClock
from brookmill.connections import DeadLetter, Opening
from brookmill.connections.cluster import Cluster
from brookmill.connections.cluster.dead_letters import ClusterDeadLetters
from brookmill.connections.cluster.namespace import Namespace
from brookmill.errors import ConnectionFailed
from brookmill.mql.values import deeper_than
from brookmill.runtime.dead_letters import Dropped
from brookmill.testing.mongod import Mongod, mongod

LATE = "Input document arrived late."


@pytest.fixture
def cluster() -> Iterator[Mongod]:
    with mongod() as running:
        yield running


def collected(uri: str, instance: str | None = None) -> ClusterDeadLetters:
    opening = Opening("p", VirtualClock(1_700_000_000), clusters={"main": uri})
    queue = Cluster(name="c", cluster_name="main"), Namespace("db", "dlq")
    return ClusterDeadLetters(*queue, opening, processor="solar", instance=instance)


def letter(document: Any, meta: dict[str, Any] | None = None) -> DeadLetter:
    return DeadLetter(LATE, "TumblingWindowOperator", document, meta or {})


def test_the_shape(cluster: Mongod) -> None:
    letters = collected(cluster.uri, instance="mill")
    meta = {"source": {"type": "kafka", "offset": Int64(5), "key": b"k"}}
    assert letters.write([letter({"a": Int64(1)}, meta)]) > 0
    letters.flush()
    letters.close()
    (kept,) = cluster.documents("db.dlq")
    assert isinstance(kept.pop("_id"), ObjectId)
    assert kept == {
        "_stream_meta": meta,
        "errInfo": {"reason": LATE},
        "doc": {"a": 1},
        "processorName": "solar",
        "instanceName": "mill",
        "dlqTime": dt.datetime(2023, 11, 14, 22, 13, 20, tzinfo=dt.UTC),
        "operatorName": "TumblingWindowOperator",
    }
    assert list(kept) == [
        *["_stream_meta", "errInfo", "doc", "processorName", "instanceName", "dlqTime", "operatorName"]
    ]


@pytest.mark.parametrize(
    ("document", "kept"),
    [
        pytest.param(b'{"a":1,"d":{"$numberLong":"5"}}', {"a": 1, "d": 5}, id="JSON text"),
        pytest.param(b"no JSON", "no JSON", id="text that is none"),
        pytest.param(b"\xff\xfe", b"\xff\xfe", id="bytes that are no text"),
        pytest.param(b"[1,2]", [1, 2], id="an array"),
        pytest.param({"a": 2**70}, "{'a': 1180591620717411303424}", id="what BSON cannot hold"),
        pytest.param(None, None, id="nothing"),
    ],
)
def test_any_document_is_kept(cluster: Mongod, document: Any, kept: Any) -> None:
    letters = collected(cluster.uri)
    letters.write([letter(document)])
    letters.flush()
    letters.close()
    assert cluster.documents("db.dlq")[0]["doc"] == kept
    assert "instanceName" not in cluster.documents("db.dlq")[0]


def test_a_document_beyond_the_limit_is_kept_shortened(cluster: Mongod) -> None:
    letters = collected(cluster.uri)
    letters.write([letter({"a": "x" * (17 * 1024 * 1024)})])
    letters.flush()
    letters.close()
    assert cluster.documents("db.dlq")[0]["doc"].startswith("{'a': 'xxx")


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = {"a": value}
    return value


@pytest.mark.parametrize(
    ("document", "meta"),
    [
        pytest.param({}, {"big": 2**70}, id="a number beyond BSON in the metadata"),
        pytest.param({}, {"text": "\ud800"}, id="text that is none in the metadata"),
        pytest.param({}, {"big": "x" * (17 * 1024 * 1024)}, id="large metadata"),
        pytest.param(
            {"a": "x" * (12 * 1024 * 1024)}, {"b": "x" * (12 * 1024 * 1024)}, id="both too large together"
        ),
        pytest.param(nested(190), {}, id="a deep document"),
        pytest.param({}, nested(190), id="deep metadata"),
    ],
)
def test_no_letter_can_stop_the_others(cluster: Mongod, document: Any, meta: dict[str, Any]) -> None:
    letters = collected(cluster.uri)
    letters.write([letter({"n": 1}), letter(document, meta), letter({"n": 2})])
    letters.flush()
    letters.close()
    first, odd, last = cluster.documents("db.dlq")
    assert (first["doc"], last["doc"]) == ({"n": 1}, {"n": 2})
    assert odd["errInfo"] == {"reason": LATE}
    assert not deeper_than(odd, 180)  # a real server takes no more


def test_a_reason_that_is_no_text_is_kept_readable(cluster: Mongod) -> None:
    letters = collected(cluster.uri)
    letters.write([DeadLetter("cannot convert \ud800", "ProjectOperator", {}, {})])
    letters.flush()
    letters.close()
    assert cluster.documents("db.dlq")[0]["errInfo"] == {"reason": "cannot convert ?"}


def test_large_letters_are_written_before_they_take_much_memory(cluster: Mongod) -> None:
    letters = collected(cluster.uri)
    letters.write([letter({"n": n, "a": "x" * (6 * 1024 * 1024)}) for n in range(4)])
    assert len(cluster.documents("db.dlq")) >= 2
    letters.close()


def test_many_are_written_before_the_flush_so_that_memory_stays_bounded(cluster: Mongod) -> None:
    letters = collected(cluster.uri)
    letters.write([letter({"n": n}) for n in range(1200)])
    assert len(cluster.documents("db.dlq")) == 1000
    letters.flush()
    letters.close()
    assert [d["doc"]["n"] for d in cluster.documents("db.dlq")] == list(range(1200))


def test_a_repeated_try_writes_none_twice(cluster: Mongod) -> None:
    """The first try is written, but its answer is lost."""
    letters = collected(cluster.uri)
    letters.write([letter({"n": n}) for n in range(3)])
    cluster.fail("insert", code=50, message="operation exceeded time limit", after=True)
    with pytest.raises(ConnectionFailed):
        letters.flush()
    letters.flush()
    letters.close()
    assert [d["doc"]["n"] for d in cluster.documents("db.dlq")] == [0, 1, 2]


@pytest.mark.parametrize(
    ("code", "shown", "retry"),
    [(13, 13, False), (18, 18, False), (8000, 8000, False), (50, 50, True), (91, None, True)],
)
def test_a_refused_write_fails_as_its_code_says(
    cluster: Mongod, code: int, shown: int | None, retry: bool
) -> None:
    cluster.fail("insert", code=code, message="no", times=None)
    letters = collected(cluster.uri)
    letters.write([letter({})])
    with pytest.raises(ConnectionFailed) as failure:
        letters.flush()
    letters.close()
    assert (failure.value.retry, failure.value.code) == (retry, shown)


def test_a_cluster_that_is_not_there_fails_and_tells_no_secret() -> None:
    address = f"127.0.0.1:{free_port()}"
    letters = collected(f"mongodb://ann:hush@{address}/?directConnection=true&serverSelectionTimeoutMS=200")
    letters.write([letter({})])
    with pytest.raises(ConnectionFailed) as failure:
        letters.flush()
    letters.close()
    assert failure.value.retry
    assert "hush" not in str(failure.value)


@pytest.mark.parametrize(
    "uri", ["", "http://x", "mongodb://", "mongodb://ann:hush@:::", "mongodb+srv://hush:hush@h:5/"]
)
def test_a_wrong_uri_fails_for_good_and_tells_no_secret(uri: str) -> None:
    with pytest.raises(ConnectionFailed) as failure:
        collected(uri)
    assert not failure.value.retry
    assert "hush" not in str(failure.value)


def test_without_a_queue_letters_are_measured_and_forgotten() -> None:
    letters = Dropped()
    assert letters.write([letter({"a": 1}), letter(b"xyz")]) > 20
    letters.flush()
    letters.close()
