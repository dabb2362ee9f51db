"""Which partitions a source reads, and how far it is in each."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bson import Int64

from brookmill.connections.kafka.decoder import Message
from brookmill.connections.kafka.trouble import TIMEOUT, Trouble
from brookmill.errors import ConnectionFailed
from brookmill.mql.values import date_from_ms

if TYPE_CHECKING:
    from confluent_kafka import Consumer

    from brookmill.connections.kafka.options import KafkaSourceOptions

#: Where ``auto_offset_reset`` begins with the oldest message.
EARLIEST = frozenset({"earliest", "beginning", "smallest"})


@dataclass(slots=True)
class Partition:
    """``next``: the offset to read next. ``checkpoint``: the one in the kept checkpoint. ``heard``: monotonic
    time of the last message, or of the beginning.
    """

    topic: str
    number: int
    next: int
    heard: float
    checkpoint: int | None = None


class TooManyPartitionsError(ConnectionFailed):
    """More than the tier allows; the processor must not go on without some of them."""

    def __init__(self, limit: int) -> None:
        text = f"the topics have more partitions than the {limit} that the tier allows"
        super().__init__(text, retry=False, code=420, name="StreamProcessorInvalidOptions")


class Partitions:
    """In the order in which they were first seen: an index is a partition's number for ever."""

    def __init__(
        self, consumer: Consumer, options: KafkaSourceOptions, trouble: Trouble, limit: int | None
    ) -> None:
        self._consumer = consumer
        self._limit = limit
        self._topics = options.topics
        self._trouble = trouble
        self._members: list[Partition] = []
        self.index: dict[tuple[str, int], int] = {}

    def __len__(self) -> int:
        return len(self._members)

    def __getitem__(self, index: int) -> Partition:
        return self._members[index]

    def __iter__(self) -> Iterator[Partition]:
        return iter(self._members)

    def resume(self, position: Any, now: float) -> None:
        """Go on where ``position`` was."""
        for topic, number, offset in position:
            self._add(Partition(topic, number, int(offset), now, int(offset)))
        self._assign(self._members)

    def read(self, last: Mapping[int, Message], now: float) -> None:
        """Up to and with the message ``last[index]`` of every partition that is in it."""
        for index, message in last.items():
            partition = self._members[index]
            partition.next = message.offset() + 1
            partition.heard = now

    def position(self) -> list[list[Any]]:
        """Topic, partition and next offset of each."""
        return [[p.topic, p.number, Int64(p.next)] for p in self._members]

    def discover(self, reset: str, now: float, *, first: bool) -> None:
        """Take up what the topics have and this has not. Raises ConnectionFailed, 419 for a topic without
        any, and TooManyPartitionsError.

        ``first``: nothing was ever read, so the group's offsets count, then ``reset``. A partition that came
        into being later is newer than "latest" was at first: it is read from its beginning, so nothing is
        lost.
        """
        new = [p for topic in self._topics for p in self._numbers(topic) if p not in self.index]
        if self._limit is not None and len(self) + len(new) > self._limit:
            raise TooManyPartitionsError(self._limit)
        if not new:
            return
        starts = self._starts(new, reset) if first else self._starts(new, "earliest")
        if first:
            starts |= self._committed(new)
        added = [Partition(*partition, next=starts[partition], heard=now) for partition in new]
        for partition in added:
            self._add(partition)
        self._assign(added)

    def stats(self, idle: frozenset[int], watermarks: Mapping[int, int]) -> dict[str, Any]:
        """As in the stats reply. Reference: engine reference, section 5.1."""
        shown = [self._shown(p, i in idle, watermarks.get(i)) for i, p in enumerate(self._members)]
        return {
            "kafkaPartitions": shown,
            "kafkaTotalOffsetLag": Int64(sum(p["partitionOffsetLag"] for p in shown)),
        }

    def _shown(self, partition: Partition, idle: bool, watermark: int | None) -> dict[str, Any]:
        from confluent_kafka import TopicPartition

        asked = TopicPartition(partition.topic, partition.number)
        # As of the last fetch: nobody is asked.
        _, high = self._consumer.get_watermark_offsets(asked, cached=True)
        shown: dict[str, Any] = {"topic": partition.topic} if len(self._topics) > 1 else {}
        shown |= {"partition": partition.number, "currentOffset": Int64(partition.next)}
        if partition.checkpoint is not None:
            shown["checkpointOffset"] = Int64(partition.checkpoint)
        shown["isIdle"] = idle
        if watermark is not None:
            shown["watermark"] = date_from_ms(watermark)
        return shown | {"partitionOffsetLag": Int64(max(0, high - partition.next))}

    def _add(self, partition: Partition) -> None:
        self.index[partition.topic, partition.number] = len(self._members)
        self._members.append(partition)

    def _assign(self, partitions: Sequence[Partition]) -> None:
        from confluent_kafka import TopicPartition

        self._consumer.incremental_assign([TopicPartition(p.topic, p.number, p.next) for p in partitions])

    def _numbers(self, topic: str) -> list[tuple[str, int]]:
        found = self._trouble.topics(self._consumer, topic).topics[topic]
        if not found.partitions:
            why = f": {found.error.str()}" if found.error else ""
            raise ConnectionFailed(
                f"no partitions found in the Kafka topic {topic}{why}", retry=False, code=419
            )
        return [(topic, number) for number in sorted(found.partitions)]

    def _starts(self, partitions: Sequence[tuple[str, int]], reset: str) -> dict[tuple[str, int], int]:
        from confluent_kafka import TopicPartition

        end = 0 if reset in EARLIEST else 1

        def bounds(partition: tuple[str, int]) -> tuple[int, int]:
            return self._consumer.get_watermark_offsets(TopicPartition(*partition), TIMEOUT)

        what = "Could not read the offsets of the Kafka topic"
        return {p: self._trouble.patiently(what, functools.partial(bounds, p))[end] for p in partitions}

    def _committed(self, partitions: Sequence[tuple[str, int]]) -> dict[tuple[str, int], int]:
        from confluent_kafka import TopicPartition

        asked = [TopicPartition(topic, number) for topic, number in partitions]
        kept = self._trouble.patiently(
            "Could not read the offsets of the Kafka consumer group",
            lambda: self._consumer.committed(asked, TIMEOUT),
        )
        return {(p.topic, p.partition): p.offset for p in kept if p.offset >= 0}
