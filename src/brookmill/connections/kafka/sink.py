"""Writes to Kafka topics; whether it arrived is known when ``flush`` returns."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from msgspec import UNSET

from brookmill.connections import DeadLetter, Form, Opening, Output
from brookmill.connections.kafka.client import PRODUCER_KEYS, admitted, allowed
from brookmill.connections.kafka.keys import key_writer, write_headers
from brookmill.connections.kafka.options import TOPIC, KafkaSinkOptions
from brookmill.connections.kafka.returned import Returned, Sent
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

    target = ("topic",)

    def __init__(self, connection: Kafka, options: KafkaSinkOptions, opening: Opening) -> None:
        """Raises ConnectionFailed when the settings are wrong or no broker answers."""
        from confluent_kafka import KafkaException

        self._failure = KafkaException
        self._config = options.config
        self._write_key = key_writer(options.config.key_format)
        self.constants = opening.constants
        self._trouble = Trouble(connection, opening)
        self._topics: set[str] = set()
        self._undelivered: KafkaError | None = None
        self._returned = Returned()
        self._letters: list[DeadLetter] = []
        self.accepts: Form = "json" if options.schema_registry is UNSET else "document"
        with ExitStack() as stack:
            self._frame = self._framing(connection, options, opening, stack)
            self._settings = self._configured(connection, opening)
            self._producer = self._open(self._settings)
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

    def _configured(self, connection: Kafka, opening: Opening) -> dict[str, Any]:
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
        return config

    def _open(self, config: dict[str, Any]) -> Producer:
        from confluent_kafka import Producer

        try:
            return Producer(config)
        except self._failure as e:
            raise failed("The Kafka connection's settings are not valid,", e.args[0]) from e

    def write(self, output: Output) -> list[DeadLetter]:
        if output.columns or self.constants.keys() != {"topic"} or self._frame is not None:
            self._write_each(output)
        else:
            self._returned.remember(output.values, output)
            topic, produce = self.constants["topic"], self._producer.produce
            for i, value in enumerate(output.values):
                try:
                    produce(topic, value)
                except (BufferError, self._failure):
                    self._produce(Sent(topic, value), output, i)
        self._producer.poll(0)
        return self._outcome()

    def flush(self) -> list[DeadLetter]:
        self._flush(self._producer)
        return self._outcome()

    def _flush(self, producer: Producer) -> None:
        left = producer.flush(TIMEOUT)
        self._raise()
        if left:
            raise ConnectionFailed(
                f"{left} messages could not be delivered to Kafka in {TIMEOUT:.0f} seconds"
            )

    def close(self) -> None:
        self._producer.purge()  # what is not flushed belongs to no checkpoint and will come again
        self._closing.close()

    def _write_each(self, output: Output) -> None:
        sent: list[Sent | None] = []
        self._returned.remember(sent, output)
        produce = self._producer.produce
        columns = (self._column(output, name) for name in ("topic", "key", "headers", "tombstoneWhen"))
        for i, (document, *given) in enumerate(zip(output.values, *columns, strict=False)):
            try:
                message = self._message(document, *given)
            except DocumentError as e:
                sent.append(None)
                self._refuse(output, i, str(e))
                continue
            sent.append(message)
            topic, value, key, headers = message
            try:
                if headers:
                    produce(topic, value, key, headers=headers)
                else:
                    produce(topic, value, key)
            except (BufferError, self._failure):
                self._produce(message, output, i)

    def _column(self, output: Output, name: str) -> Iterable[Any]:
        """A value for every document, MISSING where neither stage nor document say any."""
        column = output.columns.get(name)
        return itertools.repeat(self.constants.get(name, MISSING)) if column is None else column

    def _message(self, document: Any, topic: Any, key: Any, headers: Any, tombstone: Any) -> Sent:
        """Raises DocumentError."""
        if type(topic) is not str or topic not in self._topics:
            self._admit(topic)
        raw_key = None if nullish(key) else self._write_key(key)
        pairs = None if nullish(headers) else write_headers(headers)
        if tombstone is not MISSING and tombstone is not False:
            if tombstone is not True:
                raise DocumentError("tombstoneWhen must give a boolean")
            return Sent(topic, None, raw_key, pairs)
        return Sent(topic, document if self._frame is None else self._frame(topic, document), raw_key, pairs)

    def _admit(self, topic: Any) -> None:
        """A topic that was not written to so far. Raises DocumentError."""
        if not isinstance(topic, str) or not TOPIC.fullmatch(topic):
            raise DocumentError("the Kafka topic must be a string of letters, digits, '.', '_' and '-'")
        if len(self._topics) >= _TOPICS:
            raise DocumentError(f"a processor writes to at most {_TOPICS} Kafka topics")
        self._topics.add(topic)

    def _produce(self, message: Sent, output: Output, i: int) -> None:
        topic, value, key, headers = message
        while True:
            try:
                self._producer.produce(topic, value, key, headers=headers)
            except BufferError:
                self._producer.poll(_WAIT)  # the queue is full: wait for the brokers, or for their failure
                self._raise()
            except self._failure as e:
                if not _refused(e.args[0]):
                    raise failed("Could not write to the Kafka topic", e.args[0]) from e
                self._refuse(output, i, e.args[0].str())
                return
            else:
                return

    def _delivered(self, error: KafkaError | None, message: Message) -> None:
        """Called for failures only, from ``poll`` and ``flush``."""
        if error is None:
            return
        if _refused(error):
            self._returned.add(message)
        else:
            self._undelivered = error

    def _send_alone(self) -> None:
        """Brokers refuse whole batches, whichever message in it they do not like: now each has its own.

        They come behind others that were written later.
        """
        alone = self._open({**self._settings, "batch.num.messages": 1})
        for (topic, value, key, headers), output, i in self._returned.take():
            told = functools.partial(self._delivered_alone, output, i)
            alone.produce(topic, value, key, headers=headers, on_delivery=told)
            self._flush(alone)

    def _delivered_alone(self, output: Output, i: int, error: KafkaError | None, _: Message) -> None:
        if error is None:
            return
        if _refused(error):
            self._refuse(output, i, error.str())
        else:
            self._undelivered = error

    def _refuse(self, output: Output, i: int, reason: str) -> None:
        letter = DeadLetter(reason, KafkaSinkOptions.operator, output.values[i], output.trace(i))
        self._letters.append(letter)

    def _outcome(self) -> list[DeadLetter]:
        self._raise()
        if self._returned:
            self._send_alone()
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


def _refused(error: KafkaError) -> bool:
    """Whether it is the message's own fault: too large, or without the key that its topic wants."""
    from confluent_kafka import KafkaError as Code

    return error.code() in {Code.MSG_SIZE_TOO_LARGE, Code.INVALID_RECORD}
