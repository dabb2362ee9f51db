"""``$emit`` into time series collections: made where needed, bad measurements refused."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from clusters import Client, Opened

from brookmill.errors import ConnectionFailed
from brookmill.testing.mongod import Mongod

AT = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
SERIES = {"timeField": "t", "metaField": "m", "granularity": "seconds"}


def emit(**more: Any) -> dict[str, Any]:
    return {"$emit": {"connectionName": "c", "db": "a", "coll": "ts", "timeseries": SERIES, **more}}


def test_the_collection_is_made_and_measurements_are_inserted(
    server: Mongod, opened: Opened, client: Client
) -> None:
    sink = opened.sink(emit())
    assert sink.write({"t": AT, "v": 1}, {"t": AT, "v": 1}) == []
    assert [document["v"] for document in server.documents("a.ts")] == [1, 1]
    (made,) = client.a.list_collections(filter={"name": "ts"})
    assert made["type"] == "timeseries"
    assert made["options"]["timeseries"].items() >= SERIES.items()
    assert opened.sink(emit(timeseries={"timeField": "t"})).write({"t": AT}) == []  # it is there already


def test_a_collection_that_is_there_needs_no_options(server: Mongod, opened: Opened, client: Client) -> None:
    client.a.create_collection("ts", timeseries={"timeField": "t"})
    spec = emit()
    del spec["$emit"]["timeseries"]
    assert opened.sink(spec).write({"t": AT}) == []


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"coll": "plain"}, "a.plain is no time series collection"),
        ({"coll": "none"}, "timeseries is required: there is no collection a.none"),
    ],
)
def test_a_collection_that_takes_no_measurements_fails_for_good(
    server: Mongod, opened: Opened, spec: dict[str, Any], words: str
) -> None:
    server.insert("a.plain", {"_id": 1})
    stage = emit(**spec)
    del stage["$emit"]["timeseries"]
    with pytest.raises(ConnectionFailed, match=words) as failure:
        opened.sink(stage)
    assert (failure.value.retry, failure.value.code) == (False, 420)


@pytest.mark.parametrize("parallelism", [1, 3])
def test_targets_by_document(server: Mongod, opened: Opened, parallelism: int) -> None:
    server.insert("a.plain", {"_id": 1})
    sink = opened.sink(emit(coll="$to", parallelism=parallelism))
    letters = sink.write(
        *[{"t": AT, "to": to, "n": n} for n, to in enumerate(["x", "y", "plain", None, "x", "a$b"])]
    )
    assert [(d["n"], reason.split(" ")[0]) for reason, d, _ in letters] == [
        (2, "a.plain"),
        (3, "coll"),
        (5, "coll"),
    ]
    assert [d["n"] for d in server.documents("a.x")] in ([0, 4], [4, 0])
    assert [d["n"] for d in server.documents("a.y")] == [1]


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({"v": 1}, "'t' must be present and contain a valid BSON UTC datetime value"),
        ({"t": "now"}, "'t' must be present and contain a valid BSON UTC datetime value"),
        ({"t": AT, "v": "x" * (4 << 20)}, "too large"),
    ],
    ids=["no time", "no date", "too large"],
)
def test_bad_measurements_are_dead_letters(
    server: Mongod, opened: Opened, document: dict[str, Any], words: str
) -> None:
    ((reason, refused, meta),) = opened.sink(emit()).write({"t": AT}, document)
    assert words in reason
    assert (refused, meta) == (document, {"source": {"n": 1}})
    assert len(server.documents("a.ts")) == 1
