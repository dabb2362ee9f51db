"""``$merge``, ``$lookup``, ``$cachedLookup``, time series ``$emit`` and change stream ``$source``: parsed, or
refused with the place.
"""

from __future__ import annotations

from typing import Any

import pytest
from bson import Timestamp

from brookmill.connections.cluster import Cluster
from brookmill.connections.https import Https
from brookmill.connections.kafka import Kafka
from brookmill.domain.connection import Connection
from brookmill.mql import PlanError
from brookmill.mql.field_path import Path
from brookmill.plan import plan
from brookmill.stages import Place, parse_stage

CONNECTIONS: dict[str, Connection] = {
    "c": Cluster(cluster_name="c"),
    "k": Kafka(bootstrap_servers="a:1"),
    "h": Https(url="http://a"),
}
INTO = {"connectionName": "c", "db": "a", "coll": "b"}
TTL = {"size": 1, "unit": "minute"}
FIELDS = {"localField": "x", "foreignField": "y", "as": "z"}


def parsed(spec: dict[str, Any]) -> Any:
    return parse_stage(spec, Place((0,), "main", CONNECTIONS))


def source(**more: Any) -> dict[str, Any]:
    return {"$source": {"connectionName": "c", **more}}


def merge(**more: Any) -> dict[str, Any]:
    return {"$merge": {"into": INTO, **more}}


def lookup(**more: Any) -> dict[str, Any]:
    return {"$lookup": {"from": INTO, "as": "z", **more}}


def cached(**more: Any) -> dict[str, Any]:
    return {"$cachedLookup": {"ttl": TTL, "from": INTO, **FIELDS, **more}}


def emit(**more: Any) -> dict[str, Any]:
    return {"$emit": {"connectionName": "c", "db": "a", "coll": "b", **more}}


def test_a_change_stream() -> None:
    stage = parsed(source(db="a", coll=["x", "y", "x"], config={"startAtOperationTime": Timestamp(5, 1)}))
    assert (stage.connection, stage.operator) == ("c", "ChangeStreamConsumerOperator")
    assert stage.options.collections == ("x", "y")
    assert stage.options.config.max_await_time_ms == 1000


def test_a_merge() -> None:
    stage = parsed(merge(let={"v": "$x"}, whenMatched=[{"$set": {"a": "$$v"}}], on=["a", "b"]))
    assert (stage.connection, stage.operator, stage.options.keys) == ("c", "MergeOperator", ("a", "b"))
    assert list(stage.columns) == ["let", "meta"]
    assert stage.constants == {"db": "a", "coll": "b", "whenNotMatched": "insert"}


def test_a_merge_by_expressions() -> None:
    into = {**INTO, "coll": "$to"}
    stage = parsed(merge(into=into, whenMatched={"$cond": ["$x", "delete", "merge"]}, whenNotMatched="$y"))
    assert stage.columns["coll"] == Path("CURRENT", ("to",))
    assert list(stage.columns) == ["coll", "whenMatched", "whenNotMatched", "meta"]
    assert stage.constants == {"db": "a"}


def test_lookups() -> None:
    stage = parsed(lookup(**{**FIELDS, "as": "a.b"}))
    assert (stage.connection, stage.kind, stage.into) == ("c", "ask", ("a", "b"))
    stage = parsed(lookup(let={"v": "$x"}, pipeline=[], partitionBy="$p", parallelism=16))
    assert list(stage.columns) == ["let", "partitionBy"]
    stage = parsed({"$lookup": {"pipeline": [{"$documents": []}], "as": "z"}})
    assert (stage.connection, stage.kind) == (None, "ask")
    stage = parsed(cached())
    assert (stage.connection, stage.kind, stage.into, stage.operator) == (
        *("c", "ask", ("z",)),
        "CachedLookUpOperator",
    )


def test_a_lookup_may_stand_inside_a_window_and_a_cached_one_may_not() -> None:
    place = Place((0,), "window", CONNECTIONS)
    assert parse_stage(lookup(**FIELDS), place).kind == "ask"
    with pytest.raises(PlanError, match="not allowed inside a window"):
        parse_stage(cached(), place)


def test_an_initial_sync_and_a_window_exclude_each_other() -> None:
    group = {"interval": TTL, "pipeline": [{"$group": {"_id": None}}]}
    pipeline = [source(db="a", coll="b", initialSync={"enable": True}), {"$tumblingWindow": group}, merge()]
    with pytest.raises(PlanError, match="initialSync cannot be used together with a window") as error:
        plan(pipeline, CONNECTIONS)
    assert error.value.path == (1, "$tumblingWindow")
    off = source(db="a", coll="b", initialSync={"enable": False})
    assert plan([off, *pipeline[1:]], CONNECTIONS).windowed


FLAT = {
    "startAfter": {"_data": "8"},
    "startAtOperationTime": Timestamp(1, 1),
    "fullDocument": "required",
    "fullDocumentOnly": True,
    "fullDocumentBeforeChange": "off",
    "pipeline": [],
    "maxAwaitTimeMS": 5,
}


@pytest.mark.parametrize("name", FLAT)
def test_fields_that_are_a_level_too_high_are_shown_their_place(name: str) -> None:
    with pytest.raises(PlanError, match=rf"write it as config\.{name} ") as error:
        parsed(source(db="a", **{name: FLAT[name]}))
    assert error.value.path == (0, "$source", name)
    if name != "startAtOperationTime":
        parsed(source(db="a", config={name: FLAT[name]}))


WRONG: list[tuple[dict[str, Any], str, tuple[str | int, ...]]] = [
    (source(coll="x"), "coll needs a db", ()),
    (source(db=""), "db must be the name", ()),
    (source(db="a/b"), "db cannot be 'a/b'", ()),
    (source(db="a", coll=[]), "length >= 1", ("coll",)),
    (source(db="a", coll="a$b"), "coll cannot be 'a$b'", ()),
    (source(db="a", initialSync={"enable": True}), "initialSync needs a db and a coll", ()),
    (source(db="a", coll="b", initialSync={}), "missing required field `enable`", ("initialSync",)),
    (source(db="a", readPreference="fast"), "Invalid enum", ("readPreference",)),
    (source(db="a", readPreferenceTags=[{"a": "b"}]), "readPreferenceTags need", ()),
    (source(db="a", config={"fullDocument": "yes"}), "Invalid enum", ("config", "fullDocument")),
    (source(db="a", config={"startAtOperationTime": 5}), "must be a timestamp or a date", ("config",)),
    (
        source(db="a", config={"startAtOperationTime": Timestamp(1, 1), "startAfter": {"_data": ""}}),
        "exclude each other",
        ("config",),
    ),
    (source(db="a", config={"pipeline": [{"$group": {}}]}), "$group is not permitted", ("config",)),
    (source(db="a", config={"nope": 1}), "unknown field `nope`", ("config",)),
    (source(db="a", nope=1), "unknown field `nope`", ()),
    ({"$merge": {}}, "must be an object", ("into",)),
    ({"$merge": {"into": "coll"}}, "must be an object", ("into",)),
    ({"$merge": {"into": {"db": "a"}}}, "connectionName must be a string", ("into", "connectionName")),
    (merge(into={**INTO, "connectionName": "k"}), "type Kafka cannot be written to by $merge", ("into",)),
    (merge(into={**INTO, "connectionName": "x"}), "connection named x does not exist", ("into",)),
    (merge(into={**INTO, "db": "a b"}), "db cannot be 'a b'", ("into", "db")),
    (merge(into={**INTO, "coll": 5}), "coll must be the name", ("into", "coll")),
    (merge(into={**INTO, "coll": {"$nope": 1}}), "$nope", ("into", "coll")),
    (merge(whenMatched="fail"), "whenMatched must be one of merge, replace", ("whenMatched",)),
    (merge(whenMatched=5), "whenMatched must be one of", ("whenMatched",)),
    (merge(whenNotMatched="fail"), "whenNotMatched must be one of insert, discard", ("whenNotMatched",)),
    (merge(whenMatched=[{"$match": {}}]), "$match is not allowed", ("whenMatched",)),
    (merge(whenMatched=[5]), "this is not allowed", ("whenMatched",)),
    (merge(let={"v": 1}), "let needs a pipeline in whenMatched", ("let",)),
    (merge(let={"V": 1}, whenMatched=[]), "not a valid name of a variable", ("let",)),
    (merge(let={"new": "$a"}, whenMatched=[]), "new must be $$ROOT", ("let", "new")),
    (merge(on=[]), "length >= 1", ("on",)),
    (merge(on="$a"), "on must be the name of a field", ("on",)),
    (merge(on=["a", "a"]), "on names a field twice", ("on",)),
    (merge(parallelism=0), ">= 1", ("parallelism",)),
    (merge(unknown=1), "unknown field `unknown`", ()),
    (lookup(), "needs a pipeline, or localField and foreignField", ()),
    (lookup(localField="a"), "go together", ()),
    (lookup(localField="$a", foreignField="b"), "'$a' is not a path to a field", ("localField",)),
    (lookup(localField="a", foreignField="b..c"), "'b..c' is not a path", ("foreignField",)),
    (lookup(**{**FIELDS, "as": "a."}), "'a.' is not a path", ("as",)),
    (lookup(**FIELDS, let={"v": 1}), "let needs a pipeline", ("let",)),
    (lookup(**FIELDS, parallelism=65), "<= 64", ("parallelism",)),
    ({"$lookup": {"from": "coll", **FIELDS}}, "must be an object", ("from",)),
    (
        {"$lookup": {"from": {**INTO, "connectionName": "h"}, **FIELDS}},
        "cannot be asked by $lookup",
        ("from",),
    ),
    ({"$lookup": {"from": {"connectionName": "c", "db": "a"}, **FIELDS}}, "required field `coll`", ("from",)),
    ({"$lookup": {"from": {**INTO, "coll": "$x"}, **FIELDS}}, "coll cannot be '$x'", ("from", "coll")),
    ({"$lookup": {**FIELDS}}, "without from needs a pipeline that begins with $documents", ("from",)),
    ({"$lookup": {"pipeline": [{"$match": {}}], "as": "x"}}, "begins with $documents", ("from",)),
    (
        {"$lookup": {"pipeline": [{"$documents": "$$v"}], "as": "x"}},
        "undefined variable",
        ("pipeline", 0, "$documents"),
    ),
    ({"$lookup": {"pipeline": [{"$documents": []}, {"$x": 1}], "as": "x"}}, "'$x'", ("pipeline",)),
    (cached(ttl={"size": 0, "unit": "ms"}), ">= 1", ("ttl", "size")),
    (cached(let={}), "unknown field `let`", ()),
    (cached(maxMemUsageBytes=0), ">= 1", ("maxMemUsageBytes",)),
    (cached(localField="a.$b"), "'a.$b' is not a path", ("localField",)),
    (emit(coll="$x"), "timeseries is required when db or coll is an expression", ("timeseries",)),
    (emit(timeseries={}), "missing required field `timeField`", ("timeseries",)),
    (
        emit(timeseries={"timeField": "t", "granularity": "days"}),
        "Invalid enum",
        ("timeseries", "granularity"),
    ),
    (emit(coll=""), "coll must be the name", ("coll",)),
    (emit(topic="t"), "unknown field `topic`", ()),
]


@pytest.mark.parametrize(("spec", "text", "path"), WRONG, ids=lambda x: str(x)[:70])
def test_what_is_wrong_is_said_with_its_place(spec: dict[str, Any], text: str, path: Any) -> None:
    with pytest.raises(PlanError) as error:
        parsed(spec)
    assert text in str(error.value)
    assert error.value.path[: 2 + len(path)] == (0, next(iter(spec)), *path)
