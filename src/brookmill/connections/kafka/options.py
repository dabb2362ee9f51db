"""The fields of ``$source`` and ``$emit`` for Kafka, as pipelines write them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar, Literal

import msgspec
from msgspec import UNSET, UnsetType, field

from brookmill.connections.schema_registry.options import SinkRegistry, SourceRegistry
from brookmill.domain.duration import Duration

KeyFormat = Literal["binData", "string", "json", "int", "long", "double"]
Topic = Annotated[str, msgspec.Meta(min_length=1, max_length=249)]
#: Names that brokers take for topics.
TOPIC = re.compile(r"[A-Za-z0-9._-]{1,249}")
_ATTRIBUTES = {"tombstoneWhen": "tombstone_when"}
Reset = Literal["latest", "end", "largest", "earliest", "beginning", "smallest"]


class SourceConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``enable_auto_commit`` None: true. Reference: engine reference, section 1.2."""

    auto_offset_reset: Reset | None = None
    group_id: Annotated[str, msgspec.Meta(min_length=1)] | None = None
    enable_auto_commit: bool | None = None
    key_format: KeyFormat = field(name="keyFormat", default="binData")
    key_format_error: Literal["dlq", "passThrough"] = field(name="keyFormatError", default="dlq")


class KafkaSourceOptions(
    msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True
):
    """``time_field`` is an expression and the planner's; ``partition_idle_timeout`` UNSET: partitions never
    idle.
    """

    operator: ClassVar[str] = "KafkaConsumerOperator"

    connection_name: str
    topic: Topic | Annotated[list[Topic], msgspec.Meta(min_length=1)]
    time_field: Any | UnsetType = UNSET
    ts_field_name: str | UnsetType = UNSET
    partition_idle_timeout: Duration | UnsetType = UNSET
    schema_registry: SourceRegistry | UnsetType = UNSET
    config: SourceConfig = SourceConfig()

    def references(self) -> Iterator[tuple[tuple[str, ...], str, str]]:
        """Path, name and type of the other connections that it needs."""
        if self.schema_registry is not UNSET:
            yield ("schemaRegistry", "connectionName"), self.schema_registry.connection_name, "SchemaRegistry"

    @property
    def topics(self) -> list[str]:
        """Each topic once, in the order written."""
        return [self.topic] if isinstance(self.topic, str) else list(dict.fromkeys(self.topic))


class KafkaProbe(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What a test tries. ``schema_registry``: the connection by whose schemas messages are read."""

    topic: Topic | UnsetType = UNSET
    schema_registry: str | UnsetType = UNSET


class SinkConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``headers``, ``key`` and ``tombstone_when`` are expressions. Engine reference, section 1.3."""

    acks: Literal["all", "-1", "0", "1"] | Literal[-1, 0, 1] | None = None
    compression_type: Literal["none", "gzip", "snappy", "lz4", "zstd"] | None = None
    date_format: Literal["default", "ISO8601"] = field(name="dateFormat", default="default")
    output_format: Literal["relaxedJson", "canonicalJson", "basicJson"] = field(
        name="outputFormat", default="relaxedJson"
    )
    headers: Any | UnsetType = UNSET
    key: Any | UnsetType = UNSET
    key_format: KeyFormat = field(name="keyFormat", default="binData")
    tombstone_when: Any | UnsetType = field(name="tombstoneWhen", default=UNSET)


class KafkaSinkOptions(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """``topic`` is a name or an expression that gives one."""

    operator: ClassVar[str] = "KafkaEmitOperator"

    connection_name: str
    topic: Any
    schema_registry: SinkRegistry | UnsetType = UNSET
    config: SinkConfig = SinkConfig()

    def references(self) -> Iterator[tuple[tuple[str, ...], str, str]]:
        """Path, name and type of the other connections that it needs."""
        if self.schema_registry is not UNSET:
            yield ("schemaRegistry", "connectionName"), self.schema_registry.connection_name, "SchemaRegistry"

    def expressions(self) -> Iterator[tuple[str, tuple[str, ...], Any]]:
        """Column, path of the member and spec of every expression."""
        yield "topic", ("topic",), self.topic
        for column in ("key", "headers", "tombstoneWhen"):
            spec = getattr(self.config, _ATTRIBUTES.get(column, column))
            if spec is not UNSET:
                yield column, ("config", column), spec

    def problems(self, constants: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], str]]:
        """Path and text of what is wrong with constants."""
        topic = constants.get("topic", "t")
        if not isinstance(topic, str) or not TOPIC.fullmatch(topic):
            yield ("topic",), "topic must be the name of a Kafka topic, or an expression that gives one"
        if not isinstance(constants.get("tombstoneWhen", False), bool):
            yield ("config", "tombstoneWhen"), "tombstoneWhen must give a boolean"
        if self.schema_registry is not UNSET:
            options = self.schema_registry.value_schema.options
            combined = options.subject_name_strategy == "TopicRecordNameStrategy"
            if combined and not options.auto_register_schemas:
                path = ("schemaRegistry", "valueSchema", "options", "subjectNameStrategy")
                yield path, "TopicRecordNameStrategy needs autoRegisterSchemas"
