"""Kafka messages by the schemas of a registry, with Confluent's own serializers at the other end."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
import pytest
from bson import Decimal128, Int64
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.serialization import MessageField, SerializationContext
from schema_registry import PASSWORD, USER, SchemaRegistryServer
from servers import Broker, free_port, wait_until

from brookmill.clock import SystemClock
from brookmill.config import Outside
from brookmill.connections import DeadLetter, Opening, Output
from brookmill.connections.kafka import Authentication, Kafka
from brookmill.connections.kafka.options import KafkaSinkOptions, KafkaSourceOptions
from brookmill.connections.schema_registry import SchemaRegistry, SchemaRegistryAuthentication
from brookmill.connections.schema_registry.framing import Unframing
from brookmill.connections.schema_registry.registry import Registry
from brookmill.domain.secret import Secret
from brookmill.errors import ConnectionFailed

MONEY = {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}
ORDER: dict[str, Any] = {
    "type": "record",
    "name": "Order",
    "namespace": "com.example",
    "fields": [
        {"name": "id", "type": "long"},
        {"name": "price", "type": ["null", MONEY], "default": None},
        {"name": "tags", "type": {"type": "array", "items": "string"}, "default": []},
    ],
}
DOCUMENT = {"id": Int64(7), "price": Decimal128("1.50"), "tags": ["a"]}
THEIRS = {"id": 7, "price": Decimal128("1.50").to_decimal(), "tags": ["a"]}
NOBODY = "http://127.0.0.1:1"
INHERIT = SchemaRegistryAuthentication(type="SASL_INHERIT")


def connection(*urls: str, login: SchemaRegistryAuthentication | None = None) -> SchemaRegistry:
    own = SchemaRegistryAuthentication(type="USER_INFO", username=USER, password=Secret(PASSWORD))
    return SchemaRegistry(
        provider="CONFLUENT", schema_registry_urls=urls, schema_registry_authentication=login or own
    )


def opening(registry: SchemaRegistry, **more: Any) -> Opening:
    local = Outside(allow_private=True)
    return Opening("p" * 24, SystemClock(), outside=local, connections={"r": registry}, **more)


@contextmanager
def source(broker: Broker, topic: str, registry: SchemaRegistry) -> Iterator[Any]:
    spec = {
        "connectionName": "k",
        "topic": topic,
        "schemaRegistry": {"connectionName": "r"},
        "config": {"auto_offset_reset": "earliest"},
    }
    kafka = Kafka(bootstrap_servers=broker.bootstrap)
    opened = kafka.open_source(msgspec.convert(spec, KafkaSourceOptions), opening(registry))
    try:
        yield opened
    finally:
        opened.close()


@contextmanager
def sink(
    broker: Broker, topic: Any, registry: SchemaRegistry, schema: Any = ORDER, **options: Any
) -> Iterator[Any]:
    declared = {"type": "avro", "schema": schema, "options": options}
    spec = {
        "connectionName": "k",
        "topic": "",
        "schemaRegistry": {"connectionName": "r", "valueSchema": declared},
    }
    kafka = Kafka(bootstrap_servers=broker.bootstrap)
    constants = {} if topic is None else {"topic": topic}
    opened = kafka.open_sink(msgspec.convert(spec, KafkaSinkOptions), opening(registry, constants=constants))
    try:
        yield opened
    finally:
        opened.close()


def read(opened: Any, count: int) -> tuple[list[Any], list[DeadLetter]]:
    found: list[Any] = []
    refused: list[DeadLetter] = []

    def enough() -> bool:
        batch = opened.read(10, 0.05)
        assert batch.form == "document" or not batch.values
        found.extend(batch.values)
        refused.extend(batch.refused)
        return len(found) + len(refused) >= count

    wait_until(enough, what=f"{count} messages")
    return found, refused


def peer(registry: SchemaRegistryServer, login: str = "") -> SchemaRegistryClient:
    settings = {"url": registry.url}
    return SchemaRegistryClient(settings | ({"basic.auth.user.info": login} if login else {}))


def framed(registry: SchemaRegistryServer, topic: str, document: Any) -> bytes:
    write = AvroSerializer(peer(registry), json.dumps(ORDER))
    return bytes(write(document, SerializationContext(topic, MessageField.VALUE)))


def unframed(registry: SchemaRegistryServer, topic: str, raw: bytes, **config: Any) -> Any:
    return AvroDeserializer(peer(registry))(raw, SerializationContext(topic, MessageField.VALUE))


def test_what_the_peer_writes_is_read(broker: Broker, registry: SchemaRegistryServer) -> None:
    topic = broker.topic()
    broker.write(topic, framed(registry, topic, THEIRS), framed(registry, topic, {"id": 8}), None)
    with source(broker, topic, connection(registry.url)) as opened:
        documents, refused = read(opened, 3)
    assert documents == [DOCUMENT, {"id": 8, "price": None, "tags": []}, {}]
    assert type(documents[0]["id"]) is Int64
    assert refused == []
    assert registry.asked.count(("GET", "/schemas/ids/1")) == 1


def test_the_peer_reads_what_is_written(broker: Broker, registry: SchemaRegistryServer) -> None:
    topic = broker.topic()
    with sink(broker, topic, connection(registry.url)) as opened:
        assert opened.accepts == "document"
        assert opened.write(Output([DOCUMENT, {"id": 8}])) == []
        assert opened.flush() == []
    values = [unframed(registry, topic, raw) for raw in broker.values(topic, 2)]
    assert values == [THEIRS, {"id": 8, "price": None, "tags": []}]
    assert registry.subjects == {f"{topic}-value": [1]}


@pytest.mark.parametrize(
    ("strategy", "subject"),
    [
        ("TopicNameStrategy", "{}-value"),
        ("RecordNameStrategy", "com.example.Order"),
        ("TopicRecordNameStrategy", "{}-com.example.Order"),
    ],
)
def test_subjects(broker: Broker, registry: SchemaRegistryServer, strategy: str, subject: str) -> None:
    topics = [broker.topic(), broker.topic()]
    with sink(broker, None, connection(registry.url), subjectNameStrategy=strategy) as opened:
        opened.write(Output([DOCUMENT, DOCUMENT], {"topic": topics}))
        opened.flush()
    assert set(registry.subjects) == {subject.format(topic) for topic in topics}


def test_a_schema_that_must_be_known_is_looked_up(broker: Broker, registry: SchemaRegistryServer) -> None:
    known, unknown = broker.topic(), broker.topic()
    registry.add("other", '"string"')
    number = registry.add(f"{known}-value", ORDER)
    with sink(broker, None, connection(registry.url), autoRegisterSchemas=False) as opened:
        columns = {"topic": [known, unknown, unknown]}
        letters = opened.write(Output([DOCUMENT, {"id": 8}, {"id": 9}], columns))
        opened.flush()
    assert [letter.document for letter in letters] == [{"id": 8}, {"id": 9}]
    assert f"does not know the schema of the subject {unknown}-value" in letters[0].reason
    assert [raw[1:5] for raw in broker.values(known, 1)] == [number.to_bytes(4, "big")]
    assert registry.asked.count(("POST", f"/subjects/{unknown}-value")) == 1
    assert f"{unknown}-value" not in registry.subjects


def test_documents_that_do_not_fit_are_dead_letters(broker: Broker, registry: SchemaRegistryServer) -> None:
    topic = broker.topic()
    with sink(broker, topic, connection(registry.url)) as opened:
        letters = opened.write(Output([{"id": "x"}, DOCUMENT, {}]))
        opened.flush()
    assert [(letter.document, letter.operator) for letter in letters] == [
        ({"id": "x"}, "KafkaEmitOperator"),
        ({}, "KafkaEmitOperator"),
    ]
    assert "the field id does not fit the Avro schema" in letters[0].reason
    assert len(broker.values(topic, 1)) == 1


def test_messages_that_cannot_be_read_are_dead_letters(
    broker: Broker, registry: SchemaRegistryServer
) -> None:
    topic = broker.topic()
    good = framed(registry, topic, THEIRS)
    protobuf = registry.add("p", "syntax", schemaType="PROTOBUF")
    bad = [b"{}", b"", b"\0\0\0\0", b"\0\0\0\0\x63" + good[5:], good[:-1], b"\0\0\0\0\x63x"]
    bad.append(b"\0" + protobuf.to_bytes(4, "big") + b"x")
    broker.write(topic, *bad, good)
    with source(broker, topic, connection(registry.url)) as opened:
        documents, refused = read(opened, len(bad) + 1)
        assert opened.position()[0][2] == len(bad) + 1
    assert documents == [DOCUMENT]
    assert [letter.document for letter in refused] == bad
    assert refused[0].operator == "KafkaConsumerOperator"
    assert refused[3].meta["source"]["offset"] == 3
    reasons = [letter.reason for letter in refused]
    assert "does not begin with the id" in reasons[0]
    assert "does not know the schema 99" in reasons[3]
    assert "ends too early" in reasons[4]
    assert "only AVRO" in reasons[6]
    assert registry.asked.count(("GET", "/schemas/ids/99")) == 1


def test_schemas_may_refer_to_others(broker: Broker, registry: SchemaRegistryServer) -> None:
    item = {
        "type": "record",
        "name": "Item",
        "namespace": "com.example",
        "fields": [{"name": "n", "type": "int"}],
    }
    registry.add("item", item)
    cart = {"type": "record", "name": "Cart", "fields": [{"name": "item", "type": "com.example.Item"}]}
    reference = {"name": "com.example.Item", "subject": "item", "version": 1}
    number = registry.add("cart", cart, references=[reference])
    topic = broker.topic()
    broker.write(topic, b"\0" + number.to_bytes(4, "big") + b"\x04")
    with source(broker, topic, connection(registry.url)) as opened:
        assert read(opened, 1) == ([{"item": {"n": 2}}], [])


def test_the_next_url_answers_when_one_does_not(broker: Broker, registry: SchemaRegistryServer) -> None:
    topic = broker.topic()
    broker.write(topic, framed(registry, topic, THEIRS))
    urls = (f"http://127.0.0.1:{free_port()}", f"http://127.0.0.1:{free_port()}", f"{registry.url}/")
    with source(broker, topic, connection(*urls)) as opened:
        assert read(opened, 1) == ([DOCUMENT], [])


@pytest.mark.parametrize("status", [500, 503, 429])
def test_a_registry_that_is_down_may_be_tried_again(
    broker: Broker, registry: SchemaRegistryServer, status: int
) -> None:
    topic = broker.topic()
    broker.write(topic, framed(registry, topic, THEIRS))
    registry.status = status
    with source(broker, topic, connection(registry.url)) as opened:
        with pytest.raises(ConnectionFailed, match=f"127.0.0.1 does not answer: status {status}") as failure:
            read(opened, 1)
        assert failure.value.retry
    with sink(broker, topic, connection(f"http://127.0.0.1:{free_port()}")) as opened:
        with pytest.raises(ConnectionFailed, match="does not answer: ConnectError") as failure:
            opened.write(Output([DOCUMENT]))
        assert failure.value.retry


def test_a_schema_that_the_registry_does_not_take_fails_for_good(
    broker: Broker, registry: SchemaRegistryServer
) -> None:
    topic = broker.topic()
    registry.add(f"{topic}-value", '"string"')
    registry.frozen.add(f"{topic}-value")
    with sink(broker, topic, connection(registry.url)) as opened:
        with pytest.raises(ConnectionFailed, match="is not compatible") as failure:
            opened.write(Output([DOCUMENT]))
        assert not failure.value.retry


def test_its_own_login(broker: Broker, registry: SchemaRegistryServer) -> None:
    topic = broker.topic()
    broker.write(topic, framed(registry, topic, THEIRS))
    registry.login = (USER, PASSWORD)
    with source(broker, topic, connection(registry.url)) as opened:
        assert read(opened, 1) == ([DOCUMENT], [])
    wrong = SchemaRegistryAuthentication(type="USER_INFO", username=USER, password=Secret("wr0ng"))
    with (
        source(broker, topic, connection(registry.url, login=wrong)) as opened,
        pytest.raises(ConnectionFailed, match=r"refuses the login \(401\)") as failure,
    ):
        read(opened, 1)
    assert not failure.value.retry
    assert "wr0ng" not in str(failure.value)


def test_the_login_of_kafka(registry: SchemaRegistryServer) -> None:
    raw = framed(registry, "t", THEIRS)
    registry.login = (USER, PASSWORD)
    sasl = Authentication(mechanism="PLAIN", username=USER, password=Secret(PASSWORD))
    here = connection(registry.url, login=INHERIT)
    opened = Registry(here, Kafka(authentication=sasl), opening(here))
    assert Unframing(opened)(raw) == DOCUMENT
    opened.close()


@pytest.mark.parametrize(
    ("registry_", "schema", "options", "text"),
    [
        (connection("http://127.0.0.1:1"), {"type": "nothing"}, {}, "Avro schema is not valid"),
        (
            connection("http://127.0.0.1:1"),
            ["null", "int"],
            {"subjectNameStrategy": "RecordNameStrategy"},
            "name",
        ),
        (connection("http://127.0.0.1:1", login=INHERIT), ORDER, {}, "needs a username and a password"),
        (SchemaRegistry(), ORDER, {}, "schemaRegistryUrls is missing"),
        (Kafka(), ORDER, {}, "r is no connection of type SchemaRegistry"),
    ],
)
def test_settings_that_cannot_work_fail_for_good(
    broker: Broker, registry_: Any, schema: Any, options: dict[str, Any], text: str
) -> None:
    with (
        pytest.raises(ConnectionFailed, match=text) as failure,
        sink(broker, "t", registry_, schema, **options),
    ):
        pass
    assert (failure.value.retry, failure.value.code) == (False, 420)


def test_the_registry_is_nowhere_else_than_connections_may_lead(broker: Broker) -> None:
    topic = broker.topic()
    broker.write(topic, b"\0\0\0\0\1x")
    with (
        source(broker, topic, connection("http://169.254.169.254")) as opened,
        pytest.raises(ConnectionFailed, match=r"169\.254\.169\.254 is at a") as failure,
    ):
        read(opened, 1)
    assert not failure.value.retry
