"""What pipelines may write for Kafka, and what is wrong with it before any broker is asked."""

from __future__ import annotations

from typing import Any

import pytest

from brookmill.connections.kafka import Kafka
from brookmill.connections.schema_registry import SchemaRegistry
from brookmill.domain.connection import Connection
from brookmill.mql.errors import PlanError
from brookmill.plan import plan

CONNECTIONS: dict[str, Connection] = {"k": Kafka(), "r": SchemaRegistry()}
SCHEMA = {"connectionName": "r", "valueSchema": {"type": "avro", "schema": {"type": "map", "values": "int"}}}


def planned(source: dict[str, Any], emit: dict[str, Any]) -> Any:
    return plan(
        [
            {"$source": {"connectionName": "k", "topic": "t", **source}},
            {"$emit": {"connectionName": "k", "topic": "t", **emit}},
        ],
        CONNECTIONS,
    )


def schema(**options: Any) -> dict[str, Any]:
    return {**SCHEMA, "valueSchema": {**SCHEMA["valueSchema"], "options": options}}  # type: ignore[dict-item]


@pytest.mark.parametrize(
    ("source", "emit"),
    [
        ({}, {}),
        ({"topic": ["a", "b"]}, {"topic": "$topic"}),
        ({"schemaRegistry": {"connectionName": "r"}}, {"schemaRegistry": SCHEMA}),
        ({}, {"schemaRegistry": schema(autoRegisterSchemas=False, subjectNameStrategy="RecordNameStrategy")}),
        ({"config": {"keyFormat": "long", "keyFormatError": "passThrough", "group_id": "g"}}, {}),
        ({"config": {"auto_offset_reset": "smallest", "enable_auto_commit": False}}, {}),
        ({"partitionIdleTimeout": {"size": 1, "unit": "day"}}, {}),
        ({}, {"config": {"key": {"a": "$b"}, "keyFormat": "json", "headers": {"a": "$b"}}}),
        ({}, {"config": {"acks": -1, "compression_type": "zstd", "outputFormat": "basicJson"}}),
        ({}, {"config": {"tombstoneWhen": {"$eq": ["$a", 1]}, "dateFormat": "ISO8601"}}),
    ],
)
def test_what_may_be_written(source: dict[str, Any], emit: dict[str, Any]) -> None:
    assert planned(source, emit).sink is not None


@pytest.mark.parametrize(
    ("source", "emit", "place"),
    [
        ({"topic": []}, {}, ("topic",)),
        ({"topic": {"$regex": "a.*"}}, {}, ("topic",)),
        ({"auto_offset_reset": "latest"}, {}, ()),
        ({"partitions": {"min": 0}}, {}, ()),
        ({"config": {"auto_offset_reset": "first"}}, {}, ("config", "auto_offset_reset")),
        ({"config": {"group_id": ""}}, {}, ("config", "group_id")),
        ({"config": {"keyFormat": "float"}}, {}, ("config", "keyFormat")),
        ({"config": {"plugin.library.paths": "x"}}, {}, ("config",)),
        ({"schemaRegistry": {}}, {}, ("schemaRegistry",)),
        ({"schemaRegistry": {"connectionName": "k"}}, {}, ("schemaRegistry", "connectionName")),
        ({"schemaRegistry": {"connectionName": "x"}}, {}, ("schemaRegistry", "connectionName")),
        ({}, {"schemaRegistry": {"connectionName": "r"}}, ("schemaRegistry",)),
        ({}, {"schemaRegistry": {**SCHEMA, "connectionName": "k"}}, ("schemaRegistry", "connectionName")),
        (
            {},
            {"schemaRegistry": {"connectionName": "r", "valueSchema": {"type": "AVRO", "schema": {}}}},
            ("schemaRegistry", "valueSchema", "type"),
        ),
        (
            {},
            {"schemaRegistry": schema(subjectNameStrategy="Other")},
            ("schemaRegistry", "valueSchema", "options", "subjectNameStrategy"),
        ),
        (
            {},
            {
                "schemaRegistry": schema(
                    autoRegisterSchemas=False, subjectNameStrategy="TopicRecordNameStrategy"
                )
            },
            ("schemaRegistry", "valueSchema", "options", "subjectNameStrategy"),
        ),
        ({}, {"topic": "a b"}, ("topic",)),
        ({}, {"topic": 5}, ("topic",)),
        ({}, {"config": {"acks": "2"}}, ("config", "acks")),
        ({}, {"config": {"compression_type": "brotli"}}, ("config", "compression_type")),
        ({}, {"config": {"tombstoneWhen": 1}}, ("config", "tombstoneWhen")),
        ({}, {"config": {"key": {"$nope": 1}}}, ("config", "key")),
    ],
)
def test_what_is_wrong_is_told_with_its_place(
    source: dict[str, Any], emit: dict[str, Any], place: tuple[str, ...]
) -> None:
    with pytest.raises(PlanError) as error:
        planned(source, emit)
    stage = (0, "$source") if source else (1, "$emit")
    assert error.value.path[: 2 + len(place)] == (*stage, *place)
