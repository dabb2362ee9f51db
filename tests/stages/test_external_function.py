"""``$externalFunction``, and ``$source`` and ``$emit`` for AWS: what they are parsed to, what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from brookmill.connections.aws import AWSConfig
from brookmill.connections.aws_kinesis_data_streams import AWSKinesisDataStreams
from brookmill.connections.aws_lambda import AWSLambda
from brookmill.connections.s3 import S3
from brookmill.domain.connection import Connection
from brookmill.mql import PlanError
from brookmill.mql.encoding import Encoding
from brookmill.stages import Place, parse_stage
from brookmill.stages.external_function import ExternalFunction

AWS = AWSConfig(role_arn="arn:aws:iam::000000000000:role/r")
CONNECTIONS: dict[str, Connection] = {
    "f": AWSLambda(aws=AWS),
    "s": S3(aws=AWS),
    "k": AWSKinesisDataStreams(aws=AWS),
}
PLACE = Place((0,), "main", CONNECTIONS)
LAST = PLACE._replace(last=True)


def parsed(spec: dict[str, Any], place: Place = PLACE) -> Any:
    return parse_stage(spec, place)


def test_in_the_middle_it_asks_and_puts_the_reply_where_as_says() -> None:
    stage: ExternalFunction = parsed(
        {"$externalFunction": {"connectionName": "f", "functionName": "g", "as": "a.b"}}
    )
    assert (stage.kind, stage.into, stage.connection) == ("ask", ("a", "b"), "f")
    assert (stage.columns, stage.constants) == ({}, {})


def test_async_in_the_middle_puts_nothing_anywhere() -> None:
    spec = {"connectionName": "f", "functionName": "g", "execution": "async"}
    stage: ExternalFunction = parsed({"$externalFunction": spec})
    assert (stage.kind, stage.into) == ("ask", None)


@pytest.mark.parametrize("execution", ["sync", "async"])
def test_at_the_end_it_is_the_sink_and_knows_the_metadata_of_its_dead_letters(execution: str) -> None:
    spec = {"connectionName": "f", "functionName": "g", "execution": execution}
    stage: ExternalFunction = parsed({"$externalFunction": spec}, LAST)
    assert (stage.kind, stage.into) == ("sink", None)
    assert list(stage.columns) == ["meta"]


def test_a_payload_and_a_partition_are_columns() -> None:
    fields = {"payload": [{"$project": {"_id": 0, "b": "$a"}}, {"$set": {"c": {"$add": ["$b", 1]}}}]}
    spec = {"connectionName": "f", "functionName": "g", "as": "r", "parallelism": 2, "partitionBy": "$k"}
    stage: ExternalFunction = parsed({"$externalFunction": spec | fields})
    env = {"ROOT": {"_id": 1, "a": 1, "k": 5}, "CURRENT": {"k": 5}, "@meta": {}, "@now": lambda: 0}
    found = {name: column.evaluate(env) for name, column in stage.columns.items()}
    assert found == {"partitionBy": 5, "payload": {"b": 1, "c": 2}}


def test_it_may_stand_in_a_window() -> None:
    place = PLACE._replace(placement="window")
    spec = {"connectionName": "f", "functionName": "g", "as": "r"}
    assert parsed({"$externalFunction": spec}, place).kind == "ask"


def test_s3_knows_metadata_only_where_documents_say_where_they_go() -> None:
    config = {"outputFormat": "basicJson", "dateFormat": "ISO8601"}
    stage = parsed({"$emit": {"connectionName": "s", "bucket": "buck", "path": "p", "config": config}})
    assert (stage.columns, stage.constants) == ({}, {"bucket": "buck", "path": "p"})
    assert (stage.operator, stage.encoding) == ("S3EmitOperator", Encoding("basicJson", "ISO8601"))
    stage = parsed({"$emit": {"connectionName": "s", "bucket": "buck", "path": {"$concat": ["a/", "$b"]}}})
    assert list(stage.columns) == ["path", "meta"]


def test_kinesis_needs_a_key_for_every_record() -> None:
    stage = parsed({"$emit": {"connectionName": "k", "stream": "s", "partitionKey": "$k"}})
    assert list(stage.columns) == ["partitionKey", "meta"]
    stage = parsed({"$source": {"connectionName": "k", "stream": "s", "tsFieldName": "_ts"}})
    assert (stage.operator, stage.ts_field) == ("KinesisConsumerOperator", "_ts")
    assert stage.options.config.initial_position == "LATEST"


F = {"connectionName": "f", "functionName": "g"}
S = {"connectionName": "s", "bucket": "buck", "path": "p"}
K = {"connectionName": "k", "stream": "s", "partitionKey": "k"}
KS = {"connectionName": "k", "stream": "s"}
DATE = {"initialPosition": "AT_TIMESTAMP"}
WRONG = [
    ({"$externalFunction": F}, "needs the field 'as'"),
    ({"$externalFunction": {**F, "connectionName": "s"}}, "type S3 cannot be asked by $externalFunction"),
    ({"$externalFunction": {**F, "as": "$a"}}, "as"),
    ({"$externalFunction": {**F, "as": "a", "execution": "async"}}, "async"),
    ({"$externalFunction": {**F, "execution": "async", "parallelism": 2}}, "parallelism needs"),
    ({"$externalFunction": {**F, "as": "a", "partitionBy": "$k"}}, "partitionBy needs"),
    ({"$externalFunction": {**F, "as": "a", "onError": "discard"}}, "Invalid enum"),
    ({"$externalFunction": {**F, "as": "a", "payload": [{"$match": {}}]}}, "not allowed in a payload"),
    ({"$externalFunction": {**F, "as": "a", "functionName": "../x"}}, "functionName"),
    ({"$emit": {**S, "bucket": "No"}}, "bucket must be the name of a bucket"),
    ({"$emit": {**S, "bucket": 5}}, "bucket must be the name of a bucket"),
    ({"$emit": {**S, "path": "a/../b"}}, "path must not hold"),
    ({"$emit": {**S, "region": "evil.example"}}, "region"),
    ({"$emit": {**S, "partitionBy": "$a"}}, "partitionBy needs"),
    ({"$emit": {**S, "config": {"compressionLevel": 5}}}, "compressionLevel needs the compression gzip"),
    ({"$emit": {**S, "config": {"compression": "gzip", "compressionLevel": 10}}}, "<= 9"),
    ({"$emit": {**S, "config": {"compression": "zstd"}}}, "Invalid enum"),
    ({"$emit": {**S, "config": {"writeOptions": {"count": 0}}}}, ">= 1"),
    (
        {"$emit": {**S, "config": {"writeOptions": {"interval": {"size": 8, "unit": "day"}}}}},
        "interval must not be longer than 7 days",
    ),
    ({"$emit": {**K, "partitionKey": 5}}, "partitionKey must be a string"),
    ({"$emit": {**K, "partitionKey": ""}}, "partitionKey must be a string"),
    ({"$emit": {**K, "stream": "a/b"}}, "stream"),
    ({"$emit": {"connectionName": "f", "stream": "s"}}, "AWSLambda cannot be written to by $emit"),
    ({"$source": {"connectionName": "s"}}, "S3 cannot be a $source"),
    ({"$source": {**KS, "config": {"initialPosition": "EARLIEST"}}}, "Invalid enum"),
    ({"$source": {**KS, "config": DATE}}, "atTimestamp must be a date"),
    ({"$source": {**KS, "config": {**DATE, "atTimestamp": 5}}}, "atTimestamp must be a date"),
    ({"$source": {**KS, "config": {"initialPosition": "AT_SEQUENCE_NUMBER"}}}, "sequenceNumber is needed"),
    ({"$source": {**KS, "config": {"sequenceNumber": "5"}}}, "sequenceNumber is needed"),
    ({"$source": {**KS, "config": {"consumerARN": "c"}}}, "consumerARN"),
    ({"$source": {**KS, "config": {"reshardDetectionIntervalSecs": 0}}}, ">= 1"),
]


@pytest.mark.parametrize(("spec", "text"), WRONG, ids=lambda x: str(x)[:60])
def test_what_is_wrong_is_said_with_its_place(spec: dict[str, Any], text: str) -> None:
    with pytest.raises(PlanError) as error:
        parsed(spec)
    assert text in str(error.value)
    assert error.value.path[:2] == (0, next(iter(spec)))
