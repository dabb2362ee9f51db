"""Writes to Kafka topics; whether it arrived is known when ``flush`` returns."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from msgspec import UNSET

from brookmill.connections import DeadLetter, Form, Opening, Output
from brookmill.connections.kafka.client import PRODUCER_KEYS, admitted, allowed
from brookmill.connections.kafka.keys import Headers, write_headers, write_key
from brookmill.connections.kafka.options import TOPIC, KafkaSinkOptions
from brookmill.connections.kafka.trouble import TIMEOUT, Trouble, failed
from brookmill.connections.schema_registry import open_registry
from brookmill.errors import ConnectionFailed, DocumentError
from brookmill.mql.values import MISSING, Document, nullish

if TYPE_CHECKING:
    from confluent_kafka import KafkaError, Message, Producer

    from brookmill.connections.kafka import Kafka

#: Upstream's limit of distinct topics of one processor.
_TOPICS = 1000
#: Seconds of one wait for room in the queue.
_WAIT = 0.1
#: Bytes on their way to the brokers, beyond which writing waits.
_QUEUE = 64 * 1024 * 1024


class KafkaSink:
    """A ``Sink``. Columns or constants it knows: ``topic``, ``key``, ``headers``, ``tombstoneWhen``."""

    def __init__(self, connection: Kafka, options: KafkaSinkOptions, opening: Opening) -> None:
        """Raises ConnectionFailed when the settings are wrong or no broker answers."""
        from confluent_kafka import KafkaException

        self._failure = KafkaException
        self._config = options.config
        self._constants = opening.constants
        self._trouble = Trouble(connection, opening)
        self._topics: set[str] = set()
        self._undelivered: KafkaError | None = None
        self._letters: list[DeadLetter] = []
        self.accepts: Form = "json" if options.schema_registry is UNSET else "document"
        with ExitStack() as stack:
            self._frame = self._framing(connection, options, opening, stack)
            self._producer = self._open(connection, opening)
            self._trouble.topics(self._producer)
            self._closing = stack.pop_all()

    def _framing(
        self, connection: Kafka, options: KafkaSinkOptions, opening: Opening, stack: ExitStack
    ) -> Callable[[str, Document], bytes] | None:
        if options.schema_registry is UNSET:
            return None
        from brookmill.connections.schema_registry.framing import Framing

        registry = open_registry(options.schema_registry.connection_name, connection, opening)
        stack.callback(registry.close)
        return Framing(registry, options.schema_registry.value_schema)

    def _open(self, connection: Kafka, opening: Opening) -> Producer:
        from confluent_kafka import Producer

        config = {
            "linger.ms": 5,
            "message.timeout.ms": int(TIMEOUT * 1000),
            "queue.buffering.max.kbytes": _QUEUE // 1024,
            **admitted(connection, opening.outside, opening.clock, self._trouble),
            **allowed(connection.config, PRODUCER_KEYS),
            "delivery.report.only.error": True,
            "on_delivery": self._delivered,
        }
        if self._config.acks is not None:
            config["acks"] = str(self._config.acks)
        if self._config.compression_type is not None:
            config["compression.type"] = self._config.compression_type
        config.setdefault("enable.idempotence", _keeps_order(config))
        try:
            return Producer(config)
        except self._failure as e:
            raise failed("The Kafka connection's settings are not valid,", e.args[0]) from e

    def write(self, output: Output) -> list[DeadLetter]:
        if output.columns or self._constants.keys() != {"topic"} or self._frame is not None:
            self._write_each(output)
        else:
            topic, produce = self._constants["topic"], self._producer.produce
            for value in output.values:
                try:
                    produce(topic, value)
                except (BufferError, self._failure):
                    self._produce(topic, value, value)
        self._producer.poll(0)
        return self._outcome()

    def flush(self) -> list[DeadLetter]:
        left = self._producer.flush(TIMEOUT)
        letters = self._outcome()
        if left:
            raise ConnectionFailed(
                f"{left} messages could not be delivered to Kafka in {TIMEOUT:.0f} seconds"
            )
        return letters

    def close(self) -> None:
        self._producer.purge()  # what is not flushed belongs to no checkpoint and will come again
        self._closing.close()

    def _write_each(self, output: Output) -> None:
        columns = output.columns
        for i, value in enumerate(output.values):
            message = {**self._constants, **{name: column[i] for name, column in columns.items()}}
            try:
                self._write_one(value, message)
            except DocumentError as e:
                self._refuse(value, str(e))

    def _write_one(self, document: Any, message: dict[str, Any]) -> None:
        topic = self._topic(message["topic"])
        tombstone = message.get("tombstoneWhen", False)
        if not isinstance(tombstone, bool):
            raise DocumentError("tombstoneWhen must give a boolean")
        key = message.get("key", MISSING)
        raw_key = None if nullish(key) else write_key(key, self._config.key_format)
        headers = message.get("headers", MISSING)
        pairs = [] if nullish(headers) else write_headers(headers)
        value = document if self._frame is None or tombstone else self._frame(topic, document)
        self._produce(topic, None if tombstone else value, document, raw_key, pairs)

    def _topic(self, topic: Any) -> str:
        if not isinstance(topic, str) or not TOPIC.fullmatch(topic):
            raise DocumentError("the Kafka topic must be a string of letters, digits, '.', '_' and '-'")
        if topic not in self._topics:
            if len(self._topics) >= _TOPICS:
                raise DocumentError(f"a processor writes to at most {_TOPICS} Kafka topics")
            self._topics.add(topic)
        return topic

    def _produce(
        self,
        topic: str,
        value: bytes | None,
        document: Any,
        key: bytes | None = None,
        headers: Headers = (),
    ) -> None:
        while True:
            try:
                self._producer.produce(topic, value, key, headers=list(headers))
            except BufferError:
                self._producer.poll(_WAIT)  # the queue is full: wait for the brokers, or for their failure
                self._raise()
            except self._failure as e:
                if not _too_large(e.args[0]):
                    raise failed("Could not write to the Kafka topic", e.args[0]) from e
                self._refuse(document, e.args[0].str())
                return
            else:
                return

    def _delivered(self, error: KafkaError | None, message: Message) -> None:
        """Called for failures only, from ``poll`` and ``flush``."""
        if error is None:
            return
        if _too_large(error):
            self._refuse(message.value() or b"", error.str())
        else:
            self._undelivered = error

    def _refuse(self, document: Any, reason: str) -> None:
        self._letters.append(DeadLetter(reason, KafkaSinkOptions.operator, document, {}))

    def _outcome(self) -> list[DeadLetter]:
        self._raise()
        letters, self._letters = self._letters, []
        return letters

    def _raise(self) -> None:
        if self._undelivered is not None:
            raise failed("Could not write to the Kafka topic", self._undelivered)
        self._trouble.check(self._producer)


def _keeps_order(config: Mapping[str, Any]) -> bool:
    """Whether messages that are sent again can be kept from overtaking others, and from coming twice."""
    acks, in_flight = config.get("acks", "all"), config.get("max.in.flight.requests.per.connection", "5")
    return acks in {"all", "-1"} and config.get("retries") != "0" and in_flight in {"1", "2", "3", "4", "5"}


def _too_large(error: KafkaError) -> bool:
    from confluent_kafka import KafkaError as Code

    return error.code() in {Code.MSG_SIZE_TOO_LARGE, Code.INVALID_RECORD}
