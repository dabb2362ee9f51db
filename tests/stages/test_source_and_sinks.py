"""``$source``, ``$emit`` and ``$https``: what they are parsed to, and what is refused with which words."""

from __future__ import annotations

from typing import Any

import pytest
from bson import Int64

from brookmill.connections.cluster import Cluster
from brookmill.connections.https import Https
from brookmill.connections.kafka import Kafka
from brookmill.connections.sample import Sample
from brookmill.domain.connection import Connection
from brookmill.mql import PlanError
from brookmill.mql.encoding import Encoding
from brookmill.mql.field_path import Path
from brookmill.stages import Place, parse_stage
from brookmill.stages.emit import Emit
from brookmill.stages.https import HttpsStage
from brookmill.stages.source import Source

CONNECTIONS: dict[str, Connection] = {
    "k": Kafka(bootstrap_servers="a:1"),
    "h": Https(url="http://a"),
    "s": Sample(name="sample_stream_solar"),
    "c": Cluster(cluster_name="c"),
}
PLACE = Place((0,), "main", CONNECTIONS, last=True)


def parsed(spec: dict[str, Any]) -> Any:
    return parse_stage(spec, PLACE)


def test_a_kafka_source() -> None:
    fields = {"timeField": {"$toDate": "$t"}, "tsFieldName": "_ts", "config": {"keyFormat": "string"}}
    stage: Source = parsed({"$source": {"connectionName": "k", "topic": ["a", "b", "a"], **fields}})
    assert (stage.connection, stage.operator, stage.ts_field) == ("k", "KafkaConsumerOperator", "_ts")
    assert stage.options.topics == ["a", "b"]
    assert stage.time_field is not None
    assert stage.documents == ()


def test_a_sample_source() -> None:
    stage: Source = parsed({"$source": {"connectionName": "s"}})
    assert (stage.connection, stage.time_field, stage.ts_field) == ("s", None, None)


@pytest.mark.parametrize(
    ("spec", "documents"),
    [
        ([], ()),
        ([{"a": Int64(1)}, {"b": {"c": [1]}}], ({"a": Int64(1)}, {"b": {"c": [1]}})),
        ([{"a": {"$add": [1, 2]}}], ({"a": 3},)),
        ({"$concatArrays": [[{"a": 1}], [{"a": 2}]]}, ({"a": 1}, {"a": 2})),
    ],
)
def test_inline_documents(spec: Any, documents: Any) -> None:
    stage: Source = parsed({"$source": {"documents": spec}})
    assert (stage.connection, stage.documents) == (None, documents)


def test_a_kafka_sink_with_constants() -> None:
    config = {"key": "k", "keyFormat": "string", "outputFormat": "canonicalJson", "dateFormat": "ISO8601"}
    stage: Emit = parsed({"$emit": {"connectionName": "k", "topic": "out", "config": config}})
    assert (stage.connection, stage.operator, stage.columns) == ("k", "KafkaEmitOperator", {})
    assert stage.constants == {"topic": "out", "key": "k"}
    assert stage.encoding == Encoding("canonicalJson", "ISO8601")


def test_a_kafka_sink_with_columns() -> None:
    config = {"key": "$k", "headers": {"h": "$h"}, "tombstoneWhen": {"$eq": ["$a", 1]}}
    stage: Emit = parsed({"$emit": {"connectionName": "k", "topic": "$t", "config": config}})
    assert stage.columns["topic"] == Path("CURRENT", ("t",))
    assert list(stage.columns) == ["topic", "key", "headers", "tombstoneWhen"]
    assert stage.constants == {}


def test_an_https_sink() -> None:
    fields = {"path": "/a", "parameters": {"p": "$p", "q": 5}, "headers": {"h": "$h", "i": "x"}}
    payload = [{"$project": {"_id": 0, "b": "$a"}}, {"$set": {"c": {"$add": ["$b", 1]}}}]
    stage: HttpsStage = parsed({"$https": {"connectionName": "h", **fields, "payload": payload}})
    assert list(stage.columns) == ["parameters.p", "headers.h", "meta", "payload"]
    assert stage.constants == {"path": "/a", "parameters.q": 5, "headers.i": "x"}
    env = {"ROOT": {"_id": 1, "a": 1}, "CURRENT": {}, "@meta": {}, "@now": lambda: 0}
    assert stage.columns["payload"].evaluate(env) == {"b": 1, "c": 2}
    assert (stage.kind, stage.into) == ("sink", None)


def test_https_in_the_middle() -> None:
    spec = {"$https": {"connectionName": "h", "as": "a.b"}}
    for place in (PLACE._replace(last=False), PLACE._replace(sinkless=True)):
        stage: HttpsStage = parse_stage(spec, place)  # type: ignore[assignment]
        assert (stage.kind, stage.into, list(stage.columns)) == ("ask", ("a", "b"), [])
    window = place._replace(placement="window", last=False)
    assert parse_stage(spec, window).kind == "ask"
    for wrong, text in (({}, "needs the field 'as'"), ({"as": ""}, "empty"), ({"as": "$a"}, "start with")):
        with pytest.raises(PlanError, match=text):
            parse_stage({"$https": {"connectionName": "h", **wrong}}, window)


WRONG = [
    ({"$source": {}}, "needs a connectionName, documents or a schedule"),
    ({"$source": 5}, "must be an object"),
    ({"$source": {"connectionName": "nope"}}, "connection named nope does not exist"),
    ({"$source": {"connectionName": 5}}, "connectionName must be a string"),
    ({"$source": {"connectionName": "h"}}, "type Https cannot be a $source"),
    ({"$source": {"connectionName": "k"}}, "missing required field `topic`"),
    ({"$source": {"connectionName": "k", "topic": ""}}, "length >= 1 (at 0.$source.topic"),
    ({"$source": {"connectionName": "k", "topic": []}}, "length >= 1 (at 0.$source.topic"),
    ({"$source": {"connectionName": "k", "topic": "t", "auto_offset_reset": "x"}}, "unknown field"),
    (
        {"$source": {"connectionName": "k", "topic": "t", "config": {"auto_offset_reset": "x"}}},
        "Invalid enum",
    ),
    ({"$source": {"connectionName": "k", "topic": "t", "timeField": "$t"}}, "$toDate or $dateFromString"),
    ({"$source": {"connectionName": "k", "topic": "t", "timeField": {"$add": [1]}}}, "$toDate or"),
    ({"$source": {"connectionName": "k", "topic": "t", "tsFieldName": "a.b"}}, "name of a field"),
    ({"$source": {"connectionName": "k", "topic": "t", "tsFieldName": "$a"}}, "name of a field"),
    (
        {"$source": {"connectionName": "k", "topic": "t", "partitionIdleTimeout": {"size": 0, "unit": "ms"}}},
        ">= 1",
    ),
    ({"$source": {"connectionName": "s", "topic": "t"}}, "unknown field"),
    ({"$source": {"documents": 5}}, "documents must give an array of objects"),
    ({"$source": {"documents": [5]}}, "documents must give an array of objects"),
    ({"$source": {"documents": {"$divide": [1, 0]}}}, "divide"),
    ({"$source": {"documents": [], "topic": "t"}}, "unknown field"),
    ({"$emit": {}}, "connectionName must be a string"),
    ({"$emit": {"connectionName": "h", "topic": "t"}}, "type Https cannot be written to by $emit"),
    ({"$emit": {"connectionName": "s", "topic": "t"}}, "type Sample cannot be written to by $emit"),
    ({"$emit": {"connectionName": "k"}}, "missing required field `topic`"),
    ({"$emit": {"connectionName": "k", "topic": 5}}, "topic must be the name of a Kafka topic"),
    ({"$emit": {"connectionName": "k", "topic": "a b"}}, "topic must be the name of a Kafka topic"),
    ({"$emit": {"connectionName": "k", "topic": "$$nope"}}, "undefined variable"),
    ({"$emit": {"connectionName": "k", "topic": "t", "config": {"tombstoneWhen": 1}}}, "must give a boolean"),
    ({"$emit": {"connectionName": "k", "topic": "t", "config": {"acks": 2}}}, "acks"),
    ({"$emit": {"connectionName": "k", "topic": "t", "config": {"keyFormat": "avro"}}}, "keyFormat"),
    ({"$emit": {"connectionName": "k", "topic": "t", "config": {"outputFormat": "avro"}}}, "outputFormat"),
    ({"$https": {"connectionName": "k"}}, "type Kafka cannot be asked by $https"),
    ({"$https": {"connectionName": "h", "method": "TRACE"}}, "Invalid enum value"),
    ({"$https": {"connectionName": "h", "path": 5}}, "path must be a string"),
    ({"$https": {"connectionName": "h", "headers": {"a": 5}}}, "a header must be a string"),
    ({"$https": {"connectionName": "h", "onError": "discard"}}, "Invalid enum value"),
    ({"$https": {"connectionName": "h", "payload": [{"$match": {}}]}}, "$match is not allowed in a payload"),
    ({"$https": {"connectionName": "h", "payload": [{"$project": {"a": {"$nope": 1}}}]}}, "$nope"),
    ({"$https": {"connectionName": "h", "config": {"requestTimeoutSec": 0}}}, ">= 1"),
]


@pytest.mark.parametrize(("spec", "text"), WRONG, ids=lambda x: str(x)[:60])
def test_what_is_wrong_is_said_with_its_place(spec: dict[str, Any], text: str) -> None:
    with pytest.raises(PlanError) as error:
        parsed(spec)
    assert text in str(error.value)
    assert error.value.path[:2] == (0, next(iter(spec)))
