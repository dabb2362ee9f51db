"""The test of a Kafka connection: brokers, their certificates, the login, a topic, one message of it."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from msgspec import UNSET

from brookmill.connections import Opening
from brookmill.connections.kafka.brokers import parts
from brookmill.connections.kafka.client import CONSUMER_KEYS, admitted, allowed, client_config
from brookmill.connections.kafka.options import KafkaProbe
from brookmill.connections.kafka.trouble import TIMEOUT, Trouble, failed, fault_of
from brookmill.connections.ladder import Ladder
from brookmill.connections.reach import Place, reach
from brookmill.connections.schema_registry import open_registry
from brookmill.errors import ConnectionFailed, DocumentError
from brookmill.mql.ejson import parse_json
from brookmill.mql.values import Document

if TYPE_CHECKING:
    from confluent_kafka import Consumer, Message

    from brookmill.connections.kafka import Kafka

#: Seconds for a message that the broker says is there.
_READ = 5.0


def probe(connection: Kafka, options: KafkaProbe, opening: Opening, ladder: Ladder) -> None:
    """Raises ConnectionFailed and DocumentError. Nothing is written, no group is joined."""
    with ladder.step("settings") as seen:
        protocol = client_config(connection)["security.protocol"]
        secure = protocol.endswith("SSL")
        context = _context(connection) if secure else None
        servers = str(connection.bootstrap_servers).split(",")
        places = [Place(*parts(server.strip()), secure) for server in servers]
        seen["protocol"] = protocol
    reach(places, opening, ladder, context, own_certificate=protocol == "SSL")
    trouble = Trouble(connection, opening)
    with _entered(connection, opening, trouble, ladder) as consumer:
        if options.topic is UNSET:
            return
        with ladder.step("authorize") as seen:
            bounds = _bounds(consumer, options.topic, trouble, opening)
            seen.update(topic=options.topic, partitions=len(bounds))
        with ladder.step("read") as seen:
            message = _first(consumer, options.topic, bounds, trouble, opening)
            seen.update(_seen(message))
    if message is not None:
        with ladder.step("decode") as seen:
            seen["fields"] = len(_decoded(connection, options, opening, message.value()))


def _context(connection: Kafka) -> ssl.SSLContext:
    """As librdkafka does: the connection's authority alone or, without one, the machine's."""
    security = connection.security
    authority = None if security is UNSET else security.broker_public_certificate or None
    try:
        return ssl.create_default_context(cadata=authority)
    except (ssl.SSLError, ValueError) as e:
        text = "security.brokerPublicCertificate is no certificate in PEM form"
        raise ConnectionFailed(text, retry=False, code=420) from e


@contextmanager
def _entered(connection: Kafka, opening: Opening, trouble: Trouble, ladder: Ladder) -> Iterator[Consumer]:
    """A consumer with the settings of a source whom the brokers have let in."""
    from confluent_kafka import Consumer, KafkaException

    with ladder.step("authenticate") as seen:
        given = allowed(connection.config, CONSUMER_KEYS) | admitted(
            connection, opening.outside, opening.clock, trouble
        )
        own = {"enable.auto.commit": False, "auto.offset.reset": "error", "fetch.wait.max.ms": 100}
        group = given.pop("group.id", "") or f"asp-{opening.processor_id}-consumer"
        try:
            consumer = Consumer(given | own | {"group.id": group})
        except KafkaException as e:
            failure = failed("The Kafka connection's settings are not valid,", e.args[0])
            failure.fault = "SETTINGS"
            raise failure from e
        try:
            seen["brokers"] = len(trouble.topics(consumer).brokers)
        except BaseException:
            consumer.close()
            raise
    try:
        yield consumer
    finally:
        consumer.close()


def _bounds(consumer: Consumer, topic: str, trouble: Trouble, opening: Opening) -> dict[int, tuple[int, int]]:
    """First and next offset by partition, as far as the topic and the group may be read."""
    from confluent_kafka import TopicPartition

    found = trouble.topics(consumer, topic).topics[topic]
    if found.error is not None:
        failure = failed(f"The Kafka topic {topic} cannot be used", found.error)
        failure.fault = fault_of(found.error)
        raise failure
    asked = [TopicPartition(topic, number) for number in sorted(found.partitions)]
    wait = opening.patience(TIMEOUT)
    trouble.patiently("Could not look at the consumer group", lambda: consumer.committed(asked, wait))

    def bounds(partition: TopicPartition) -> Callable[[], tuple[int, int]]:
        return lambda: consumer.get_watermark_offsets(partition, opening.patience(TIMEOUT))

    what = f"Could not read the offsets of the Kafka topic {topic}"
    return {p.partition: trouble.patiently(what, bounds(p)) for p in asked}


def _first(
    consumer: Consumer, topic: str, bounds: dict[int, tuple[int, int]], trouble: Trouble, opening: Opening
) -> Message | None:
    """The oldest message of the first partition that has one; None: the topic is empty."""
    from confluent_kafka import TopicPartition

    filled = [(number, low) for number, (low, high) in bounds.items() if high > low]
    if not filled:
        return None
    consumer.assign([TopicPartition(topic, *filled[0])])
    end = opening.clock.monotonic() + opening.patience(_READ)
    while (left := end - opening.clock.monotonic()) > 0:
        message = consumer.poll(min(left, 0.5))
        if message is None:
            trouble.check(consumer)
        elif (error := message.error()) is not None:
            raise failed(f"Could not read the Kafka topic {topic}", error)
        else:
            return message
    # What was there may have been markers of transactions, or of ones that were never committed.
    return None


def _seen(message: Message | None) -> Document:
    if message is None:
        return {"messages": 0}
    value = message.value()
    place = {"partition": message.partition(), "offset": message.offset()}
    return {**place, "bytes": 0 if value is None else len(value)}


def _decoded(connection: Kafka, options: KafkaProbe, opening: Opening, value: Any) -> Document:
    """Raises DocumentError, and ConnectionFailed for a schema that is not to be had."""
    if value is None:
        return {}
    if options.schema_registry is UNSET:
        document = parse_json(value)
        if not isinstance(document, dict):
            raise DocumentError("the message is JSON, but no object")
        return document
    from brookmill.connections.schema_registry.framing import Unframing, schema_of

    registry = open_registry(options.schema_registry, connection, opening)
    try:
        number = schema_of(value)
        try:
            registry.declaration(number)
        except DocumentError as e:
            raise ConnectionFailed(str(e), retry=False, fault="UNKNOWN_SCHEMA") from e
        return Unframing(registry)(value)
    finally:
        registry.close()
