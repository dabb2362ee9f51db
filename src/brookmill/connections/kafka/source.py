"""Reads Kafka topics: owns its partitions and positions; the consumer group only shows them to others."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Any, get_args

import structlog
from msgspec import UNSET

from brookmill.connections import Batch, Opening
from brookmill.connections.kafka.client import CONSUMER_KEYS, admitted, allowed
from brookmill.connections.kafka.decoder import Decoder, Message
from brookmill.connections.kafka.options import KafkaSourceOptions, Reset
from brookmill.connections.kafka.partitions import Partitions, TooManyPartitionsError
from brookmill.connections.kafka.trouble import Trouble, failed, hopeless
from brookmill.connections.schema_registry import open_registry
from brookmill.errors import ConnectionFailed
from brookmill.mql.values import Document

if TYPE_CHECKING:
    from confluent_kafka import Consumer, KafkaError

    from brookmill.connections.kafka import Kafka

log = structlog.get_logger(__name__)

#: Seconds between two looks for new partitions, and between two commits of ``enable_auto_commit``.
_DISCOVERY = 30.0
_COMMIT = 1.0
#: Once a first message is there, so many seconds are given for more to join its batch.
_GATHER = 0.005


class KafkaSource:
    """A ``Source``. Its position lists topic, partition and next offset of every partition ever seen."""

    def __init__(self, connection: Kafka, options: KafkaSourceOptions, opening: Opening) -> None:
        """Raises ConnectionFailed: 419 for a topic without partitions, 420 for wrong settings."""
        self._options = options
        self._clock = opening.clock
        self._trouble = Trouble(connection, opening)
        idle = options.partition_idle_timeout
        self._idle_after = None if idle is UNSET else idle.milliseconds / 1000
        config = options.config
        given = allowed(connection.config, CONSUMER_KEYS)
        self._reset = _reset(config.auto_offset_reset or given.pop("auto.offset.reset", "latest"))
        group = config.group_id or given.pop("group.id", "") or f"asp-{opening.processor_id}-consumer"
        self._auto_commit = config.enable_auto_commit is not False
        with ExitStack() as stack:
            self._decoder = Decoder(options, self._unframing(connection, opening, stack))
            shared = admitted(connection, opening.outside, opening.clock, self._trouble)
            self._consumer = self._open(shared | given, group)
            stack.callback(self._consumer.close)
            self._partitions = Partitions(self._consumer, options, self._trouble, opening.partition_limit)
            self._begin(opening.position)
            self._closing = stack.pop_all()

    def _open(self, given: dict[str, Any], group: str) -> Consumer:
        from confluent_kafka import Consumer, KafkaException

        config: dict[str, Any] = {
            **given,
            "group.id": group,
            "max.poll.interval.ms": 86_400_000,  # a slow sink is no reason to lose what nobody else assigns
            # Where to start is worked out here. The client resets only when an offset is gone: then to the
            # oldest message there still is, whatever `auto_offset_reset` says, so that no more is lost.
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            "fetch.wait.max.ms": 100,
            "on_commit": _committed,
        }
        try:
            return Consumer(config)
        except KafkaException as e:
            raise failed("The Kafka connection's settings are not valid,", e.args[0]) from e

    def _unframing(
        self, connection: Kafka, opening: Opening, stack: ExitStack
    ) -> Callable[[bytes], Document] | None:
        options = self._options.schema_registry
        if options is UNSET:
            return None
        from brookmill.connections.schema_registry.framing import Unframing

        registry = open_registry(options.connection_name, connection, opening)
        stack.callback(registry.close)
        return Unframing(registry)

    def _begin(self, position: Any) -> None:
        now = self._clock.monotonic()
        if position is not None:
            self._partitions.resume(position, now)
        self._partitions.discover(self._reset, now, first=position is None)
        self._discover_at = now + _DISCOVERY
        self._commit_at = now + _COMMIT

    def read(self, limit: int, timeout: float) -> Batch:
        now = self._clock.monotonic()
        if now >= self._discover_at:
            self._discover(now)
        first = self._consumer.poll(timeout)
        now = self._clock.monotonic()
        if first is None:
            self._trouble.check(self._consumer)
            return Batch([], [], partition_count=len(self._partitions), idle=self._idle(now))
        batch = self._batch([first, *self._consumer.consume(limit - 1, _GATHER)], now)
        if self._auto_commit and now >= self._commit_at:
            self._commit(self._partitions.position())
            self._commit_at = now + _COMMIT
        return batch

    def position(self) -> Any:
        return self._partitions.position()

    def acknowledge(self, position: Any) -> None:
        for index, (_, _, offset) in enumerate(position):
            self._partitions[index].checkpoint = offset
        self._commit(position)

    def lag(self, watermarks: Mapping[int, int]) -> dict[str, Any]:
        return self._partitions.stats(self._idle(self._clock.monotonic()), watermarks)

    def close(self) -> None:
        self._closing.close()

    def _discover(self, now: float) -> None:
        """A broker that does not answer is asked again later: reading goes on as long as it can."""
        self._discover_at = now + _DISCOVERY
        try:
            self._partitions.discover(self._reset, now, first=False)
        except TooManyPartitionsError:
            raise
        except ConnectionFailed as e:
            log.warning("looking for new partitions failed", error=str(e))

    def _idle(self, now: float) -> frozenset[int]:
        if self._idle_after is None:
            return frozenset()
        return frozenset(i for i, p in enumerate(self._partitions) if now - p.heard > self._idle_after)

    def _commit(self, position: Sequence[Sequence[Any]]) -> None:
        """For others to see: nothing depends on it, so nobody waits for it."""
        from confluent_kafka import KafkaException, TopicPartition

        try:
            offsets = [TopicPartition(topic, number, int(offset)) for topic, number, offset in position]
            self._consumer.commit(offsets=offsets, asynchronous=True)
        except KafkaException as e:
            _committed(e.args[0], [])

    def _batch(self, messages: Sequence[Message], now: float) -> Batch:
        errors = [error for m in messages if (error := m.error()) is not None]
        if errors:
            self._consumed(errors)
            messages = [m for m in messages if m.error() is None]
        if messages:
            self._trouble.over()
        if len(self._partitions) == 1:
            numbers = [0] * len(messages)
        else:
            index = self._partitions.index
            numbers = [index[m.topic(), m.partition()] for m in messages]
        self._partitions.read(dict(zip(numbers, messages, strict=True)), now)  # the last of each counts
        batch = self._decoder.batch(messages, numbers, int(self._clock.now() * 1000))
        return replace(batch, partition_count=len(self._partitions), idle=self._idle(now))

    def _consumed(self, errors: Sequence[KafkaError]) -> None:
        for error in errors:
            if hopeless(error):
                raise failed("Could not read the Kafka topic", error)
            log.warning("a Kafka partition cannot be read for now", error=error.str(), code=error.code())


def _reset(word: str) -> str:
    """``auto_offset_reset``, which a connection's ``config`` may misspell."""
    if word not in get_args(Reset):
        text = f"auto.offset.reset is one of {', '.join(get_args(Reset))}"
        raise ConnectionFailed(text, retry=False, code=420, name="StreamProcessorInvalidOptions")
    return word


def _committed(error: KafkaError | None, _: object) -> None:
    if error is not None:
        log.info("the consumer group's offsets were not updated", error=error.str())
