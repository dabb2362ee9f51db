"""The fields of ``$source`` and ``$emit`` for Kinesis, as pipelines write them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar, Literal

import msgspec
from msgspec import UNSET, UnsetType

from brookmill.connections.aws import Region
from brookmill.domain.duration import Duration

StreamName = Annotated[str, msgspec.Meta(pattern=r"^[a-zA-Z0-9_.-]{1,128}$")]
ConsumerARN = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^arn:[a-z-]+:kinesis:[a-z0-9-]+:[0-9]+:stream/[a-zA-Z0-9_.-]+/consumer/[^/:]+:[0-9]+$"
    ),
]
InitialPosition = Literal[
    "LATEST", "TRIM_HORIZON", "AT_TIMESTAMP", "AT_SEQUENCE_NUMBER", "AFTER_SEQUENCE_NUMBER"
]
SequenceNumber = Annotated[str, msgspec.Meta(pattern=r"^[0-9]{1,129}$")]


class SourceConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``consumer_arn`` UNSET: shards are polled. Where ``initialPosition`` is a sequence number, a shard that
    does not know ``sequenceNumber`` is read from its beginning. Reference: engine reference, section 1.2.
    """

    consumer_arn: ConsumerARN | UnsetType = msgspec.field(name="consumerARN", default=UNSET)
    initial_position: InitialPosition = msgspec.field(name="initialPosition", default="LATEST")
    at_timestamp: Any | UnsetType = msgspec.field(name="atTimestamp", default=UNSET)
    sequence_number: SequenceNumber | UnsetType = msgspec.field(name="sequenceNumber", default=UNSET)
    reshard_detection: Annotated[int, msgspec.Meta(ge=1, le=86_400)] = msgspec.field(
        name="reshardDetectionIntervalSecs", default=300
    )

    def __post_init__(self) -> None:
        """msgspec tells what is raised here with the place of the struct."""
        by_time = self.initial_position == "AT_TIMESTAMP"
        if by_time != isinstance(self.at_timestamp, dt.datetime):
            raise ValueError(
                "atTimestamp must be a date with the initialPosition AT_TIMESTAMP, and only there"
            )
        by_number = self.initial_position.endswith("SEQUENCE_NUMBER")
        if by_number != (self.sequence_number is not UNSET):
            raise ValueError(
                "sequenceNumber is needed with the initialPosition AT_SEQUENCE_NUMBER and "
                "AFTER_SEQUENCE_NUMBER, and only there"
            )


class KinesisSourceOptions(
    msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True
):
    """``time_field`` is an expression and the planner's; ``shard_idle_timeout`` UNSET: shards never idle."""

    operator: ClassVar[str] = "KinesisConsumerOperator"

    connection_name: str
    stream: StreamName
    region: Region | UnsetType = UNSET
    time_field: Any | UnsetType = UNSET
    ts_field_name: str | UnsetType = UNSET
    shard_idle_timeout: Duration | UnsetType = UNSET
    config: SourceConfig = SourceConfig()


class SinkConfig(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """Reference: engine reference, section 1.3."""

    output_format: Literal["relaxedJson", "canonicalJson", "basicJson"] = "relaxedJson"
    date_format: Literal["default", "ISO8601"] = "default"


class KinesisSinkOptions(
    msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True
):
    """``partition_key`` is a text or an expression that gives one."""

    operator: ClassVar[str] = "KinesisEmitOperator"

    connection_name: str
    stream: StreamName
    partition_key: Any
    region: Region | UnsetType = UNSET
    config: SinkConfig = SinkConfig()

    def expressions(self) -> Iterator[tuple[str, tuple[str, ...], Any]]:
        """Column, path of the member and spec of every expression."""
        yield "partitionKey", ("partitionKey",), self.partition_key
        yield "meta", (), {"$meta": "stream"}

    def problems(self, constants: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], str]]:
        """Path and text of what is wrong with constants."""
        if "partitionKey" in constants and not is_partition_key(constants["partitionKey"]):
            yield ("partitionKey",), "partitionKey must be a string of 1 to 256 characters, or give one"


def is_partition_key(value: Any) -> bool:
    """Whether Kinesis takes ``value`` as a partition key."""
    return isinstance(value, str) and 1 <= len(value) <= 256


class KinesisProbe(msgspec.Struct, frozen=True, kw_only=True):
    """What a test tries."""

    stream: StreamName | UnsetType = UNSET
    region: Region | UnsetType = UNSET
