"""Reads Kafka topics: owns its partitions and positions; the consumer group only shows them to others."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import structlog
from bson import Int64
from msgspec import UNSET

from brookmill.connections import Batch, DeadLetter, Opening
from brookmill.connections.kafka.client import CONSUMER_KEYS, allowed, client_config
from brookmill.connections.kafka.keys import read_key
from brookmill.connections.kafka.options import KafkaSourceOptions
from brookmill.connections.kafka.partitions import Partitions
from brookmill.connections.kafka.trouble import Trouble, failed, hopeless
from brookmill.errors import ConnectionFailed, DocumentError

if TYPE_CHECKING:
    from confluent_kafka import Consumer, KafkaError

    from brookmill.connections.kafka import Kafka

log = structlog.get_logger(__name__)

#: Seconds between two looks for new partitions, and between two commits of ``enable_auto_commit``.
_DISCOVERY = 30.0
_COMMIT = 1.0
#: Once a first message is there, so many seconds are given for more to join its batch.
_GATHER = 0.005
_BRACE = ord("{")


class KafkaSource:
    """A ``Source``. Its position lists topic, partition and next offset of every partition ever seen."""

    def __init__(self, connection: Kafka, options: KafkaSourceOptions, opening: Opening) -> None:
        """Raises ConnectionFailed: 419 for a topic without partitions, 420 for wrong settings."""
        self._options = options
        self._clock = opening.clock
        self._trouble = Trouble(opening.clock)
        idle = options.partition_idle_timeout
        self._idle_after = None if idle is UNSET else idle.milliseconds / 1000
        config = options.config
        given = allowed(connection.config, CONSUMER_KEYS)
        self._reset = config.auto_offset_reset or given.pop("auto.offset.reset", "latest")
        group = config.group_id or given.pop("group.id", f"asp-{opening.processor_id}-consumer")
        self._auto_commit = config.enable_auto_commit is not False
        self._consumer = self._open(client_config(connection) | given, group)
        self._partitions = Partitions(self._consumer, options, self._trouble)
        try:
            self._begin(opening.position)
        except BaseException:
            self._consumer.close()
            raise

    def _open(self, given: dict[str, Any], group: str) -> Consumer:
        from confluent_kafka import Consumer, KafkaException

        config: dict[str, Any] = {
            "max.poll.interval.ms": 86_400_000,  # a slow sink is no reason to lose what nobody else assigns
            **given,
            "group.id": group,
            "auto.offset.reset": self._reset,
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            "fetch.wait.max.ms": 100,
            "error_cb": self._trouble.hear,
            "on_commit": _committed,
        }
        try:
            return Consumer(config)
        except KafkaException as e:
            raise failed("The Kafka connection's settings are not valid,", e.args[0]) from e

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

    def lag(self) -> dict[str, Any]:
        return self._partitions.stats(self._idle(self._clock.monotonic()))

    def close(self) -> None:
        self._consumer.close()

    def _discover(self, now: float) -> None:
        """A broker that does not answer is asked again later: reading goes on as long as it can."""
        self._discover_at = now + _DISCOVERY
        try:
            self._partitions.discover(self._reset, now, first=False)
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

    def _batch(self, messages: Sequence[Any], now: float) -> Batch:
        reading = _Reading(self._options)
        partitions, index = self._partitions, self._partitions.index
        for message in messages:
            error = message.error()
            if error is not None:
                self._consumed(error)
                continue
            number = index[message.topic(), message.partition()]
            partition = partitions[number]
            partition.next = message.offset() + 1
            partition.heard = now
            reading.add(message, number)
        self._trouble.over()
        return reading.batch(len(partitions), self._idle(now), self._clock.now())

    def _consumed(self, error: KafkaError) -> None:
        if hopeless(error):
            raise failed("Could not read the Kafka topic", error)
        log.warning("a Kafka partition cannot be read for now", error=error.str(), code=error.code())


class _Reading:
    """Messages on their way to a batch. Client types say that a message may lack what every read one has."""

    def __init__(self, options: KafkaSourceOptions) -> None:
        self._format = options.config.key_format
        self._pass_through = options.config.key_format_error == "passThrough"
        self._messages: list[Any] = []
        self._values: list[bytes] = []
        self._numbers: list[int] = []
        self._refused: list[DeadLetter] = []

    def add(self, message: Any, number: int) -> None:
        value = message.value()
        if self._format != "binData" and not self._pass_through:
            try:
                self._key(message)
            except DocumentError as e:
                meta = {"source": self._meta(message, None)}
                self._refused.append(DeadLetter(str(e), KafkaSourceOptions.operator, value, meta))
                return
        self._messages.append(message)
        self._values.append(value if value and value[0] == _BRACE else _unusual(value))
        self._numbers.append(number)

    def batch(self, partition_count: int, idle: frozenset[int], now: float) -> Batch:
        arrival = int(now * 1000)
        stamps = [m.timestamp() for m in self._messages]
        times = [at if kind else arrival for kind, at in stamps]
        return Batch(
            values=self._values,
            times=times,
            partitions=self._numbers,
            partition_count=partition_count,
            meta=lambda i: self._meta(self._messages[i], times[i]),
            idle=idle,
            refused=self._refused,
        )

    def _key(self, message: Any) -> Any:
        """The key as ``keyFormat`` says; missing keys are empty binary data there, as upstream shows them."""
        raw = message.key()
        if self._format == "binData":
            return raw or b""
        return None if raw is None else read_key(raw, self._format)

    def _meta(self, message: Any, time: int | None) -> dict[str, Any]:
        """``stream.source``. Reference: engine reference, section 1.9."""
        time = message.timestamp()[1] if time is None else time
        meta = {
            "type": "kafka",
            "ts": dt.datetime.fromtimestamp(time / 1000, dt.UTC),
            "topic": message.topic(),
            "partition": message.partition(),
            "offset": Int64(message.offset()),
        }
        try:
            key = self._key(message)
        except DocumentError:
            key = None if self._pass_through else message.key()
        if key is not None:
            meta["key"] = key
        return meta | {"headers": [{"k": k, "v": v} for k, v in message.headers() or ()]}


def _unusual(value: bytes | None) -> bytes:
    """A value that does not start like an object: a tombstone, or one behind a registry's prefix."""
    if value is None:
        return b"{}"
    return value[5:] if value[:1] == b"\0" and len(value) > 5 else value


def _committed(error: KafkaError | None, _: object) -> None:
    if error is not None:
        log.info("the consumer group's offsets were not updated", error=error.str())
