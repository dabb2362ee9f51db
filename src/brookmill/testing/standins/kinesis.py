"""Kinesis streams in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import UNSET

from brookmill.connections import Batch, Opening, Sink, Source
from brookmill.connections.aws_kinesis_data_streams import AWSKinesisDataStreams
from brookmill.connections.aws_kinesis_data_streams.options import KinesisSinkOptions, KinesisSourceOptions
from brookmill.connections.aws_kinesis_data_streams.sink import KinesisSink
from brookmill.mql.values import date_from_ms
from brookmill.testing.message import Message
from brookmill.testing.player import Played, Player
from brookmill.testing.standins import STANDINS
from brookmill.testing.timeline import Event, Timeline
from brookmill.testing.world import World
from brookmill.testing.written import document_of, json_text


class Voice:
    """Records of shards, which are the partitions of the events."""

    def __init__(self, timeline: Timeline, stream: str) -> None:
        self.partitions = timeline.partitions
        self._stream = stream

    def partition(self, event: Event) -> int:
        return event.partition

    def batch(self, played: Sequence[Played]) -> Batch:
        def meta(i: int) -> dict[str, Any]:
            one = played[i]
            return {
                "type": "kinesis",
                "ts": date_from_ms(one.time),
                "kinesisStream": self._stream,
                "shardId": f"shardId-{one.event.partition:012}",
                "sequenceNumber": str(one.step),
                "partitionKey": str(one.event.key or "key"),
            }

        values = [b"{}" if one.event.document is None else json_text(one.event.document) for one in played]
        return Batch(values, [one.time for one in played], meta=meta)

    def stats(self, position: int, idle: frozenset[int]) -> dict[str, Any]:  # noqa: ARG002
        return {}


class Client:
    """The service's client, as far as the sink uses it; it takes every record."""

    def __init__(self, world: World) -> None:
        self._world = world

    def put_records(self, *, StreamName: str, Records: Sequence[Mapping[str, Any]]) -> dict[str, Any]:  # noqa: N803
        for record in Records:
            data, key = record["Data"], record["PartitionKey"].encode()
            message = Message(StreamName, document_of(data), key, (), data)
            self._world.topics.setdefault(StreamName, []).append(message)
        return {"FailedRecordCount": 0}

    def close(self) -> None:
        """Nothing is open."""


class StreamSink(KinesisSink):
    """The real sink over a client in memory."""

    def __init__(self, connection: PlayedKinesis, options: KinesisSinkOptions, opening: Opening) -> None:
        self._options = options
        self._constants = opening.constants
        self._clock = opening.clock
        self._client: Any = Client(connection.world)
        self._failing = f"Could not write to the Kinesis stream {options.stream}"


@STANDINS("AWSKinesisDataStreams")
class PlayedKinesis(AWSKinesisDataStreams, frozen=True, kw_only=True, tag="AWSKinesisDataStreams"):
    """``world``: of the test."""

    world: World

    def open_source(self, options: KinesisSourceOptions, opening: Opening) -> Source:
        timeline = self.world.timelines.get(str(self.name), Timeline())
        idle = options.shard_idle_timeout
        return Player(
            timeline,
            Voice(timeline, options.stream),
            self.world.clock,
            position=opening.position,
            idle_after=None if idle is UNSET else idle.milliseconds / 1000,
        )

    def open_sink(self, options: KinesisSinkOptions, opening: Opening) -> Sink:
        return StreamSink(self, options, opening)
