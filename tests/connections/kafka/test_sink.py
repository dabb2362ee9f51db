"""Writing to Kafka: what arrives, and that nothing is taken for written before it is."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import msgspec
import pytest
from bson import Binary, Int64
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic
from kafka_broker import KafkaBroker
from servers import Broker, free_port

from brookmill.clock import SystemClock
from brookmill.config import Outside
from brookmill.connections import Opening, Output
from brookmill.connections.kafka import Kafka
from brookmill.connections.kafka.options import KafkaSinkOptions
from brookmill.connections.kafka.sink import KafkaSink
from brookmill.errors import ConnectionFailed
from brookmill.mql import MISSING

#: Brokers are on this machine.
LOCAL = Outside(allow_private=True)


@contextmanager
def opened(
    broker: Broker, constants: dict[str, Any], config: dict[str, Any] | None = None, **settings: Any
) -> Iterator[KafkaSink]:
    options = msgspec.convert({"connectionName": "k", "topic": "", "config": config or {}}, KafkaSinkOptions)
    connection = Kafka(bootstrap_servers=broker.bootstrap, config=settings)
    sink = KafkaSink(
        connection, options, Opening("p" * 24, SystemClock(), constants=constants, outside=LOCAL)
    )
    try:
        yield sink
    finally:
        sink.close()


def test_flushed_values_arrive_in_order(broker: Broker) -> None:
    topic = broker.topic()
    values = [b'{"n":%d}' % n for n in range(5000)]
    with opened(broker, {"topic": topic}) as sink:
        assert sink.write(Output(values)) == []
        assert sink.flush() == []
        assert broker.values(topic) == values
        assert sink.flush() == []


def test_columns_give_every_message_its_own(broker: Broker) -> None:
    one, two = broker.topic(), broker.topic()
    output = Output(
        [b'{"n":0}', b'{"n":1}', b'{"n":2}'],
        {
            "topic": [one, two, one],
            "key": ["a", MISSING, None],
            "headers": [
                {"h": "x", "i": Int64(7)},
                [{"k": "h", "v": None}, {"k": "h", "v": {"a": 1}}],
                MISSING,
            ],
            "tombstoneWhen": [False, False, True],
        },
    )
    with opened(broker, {}, {"keyFormat": "string"}) as sink:
        assert sink.write(output) == []
        sink.flush()
    first, third = broker.read(one)
    (second,) = broker.read(two)
    assert (first.value(), first.key()) == (b'{"n":0}', b"a")
    assert first.headers() == [("h", b"x"), ("i", struct.pack(">q", 7))]
    assert (second.value(), second.key(), second.headers()) == (
        b'{"n":1}',
        None,
        [("h", None), ("h", b'{"a":1}')],
    )
    assert (third.value(), third.key(), third.headers()) == (None, None, None)


@pytest.mark.parametrize(
    ("key_format", "key", "raw"),
    [
        ("binData", Binary(b"\1", 0), b"\1"),
        ("binData", "text", None),
        ("string", "é", "é".encode()),
        ("string", 1, None),
        ("json", {"a": Int64(1)}, b'{"a":1}'),
        ("json", "a", b'"a"'),
        ("int", -2, b"\xff\xff\xff\xfe"),
        ("int", 2**31, None),
        ("int", True, None),
        ("int", 1.5, None),
        ("long", Int64(1), b"\0" * 7 + b"\1"),
        ("long", 2**63, None),
        ("double", 1.5, struct.pack(">d", 1.5)),
        ("double", "1.5", None),
    ],
)
def test_keys_are_written_as_java_does_or_refused(
    broker: Broker, key_format: str, key: Any, raw: bytes | None
) -> None:
    topic = broker.topic()
    with opened(broker, {"topic": topic, "key": key}, {"keyFormat": key_format}) as sink:
        letters = [*sink.write(Output([b"{}"])), *sink.flush()]
    if raw is None:
        assert [letter.operator for letter in letters] == ["KafkaEmitOperator"]
        assert key_format in letters[0].reason
        assert broker.read(topic) == []
    else:
        assert letters == []
        assert [m.key() for m in broker.read(topic)] == [raw]


@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [
        ("topic", 5, "topic"),
        ("topic", MISSING, "topic"),
        ("topic", "a b", "topic"),
        ("topic", "../x", "topic"),
        ("topic", "a" * 250, "topic"),
        ("headers", "text", "headers"),
        ("headers", [{"k": "a"}], "headers"),
        ("headers", {"a": [1]}, "header"),
        ("headers", {"a": True}, "header"),
        ("tombstoneWhen", 1, "tombstoneWhen"),
        ("tombstoneWhen", None, "tombstoneWhen"),
    ],
)
def test_what_cannot_be_a_message_is_refused_alone(
    broker: Broker, column: str, value: Any, reason: str
) -> None:
    topic = broker.topic()
    output = Output([b'{"bad":1}', b'{"good":1}'], {"topic": [topic, topic], "key": [None, None]})
    good = {"topic": topic, "headers": None, "tombstoneWhen": False}[column]
    output.columns[column] = [value, good]
    with opened(broker, {}) as sink:
        letters = sink.write(output)
        assert sink.flush() == []
    assert [letter.document for letter in letters] == [b'{"bad":1}']
    assert reason in letters[0].reason
    assert broker.values(topic) == [b'{"good":1}']


def test_a_message_too_large_is_refused_and_the_others_arrive(broker: Broker) -> None:
    topic = broker.topic()
    with opened(broker, {"topic": topic}) as sink:
        letters = sink.write(Output([b"a" * 1_100_000, b"{}"]))
        letters += sink.flush()
    assert [len(letter.document) for letter in letters] == [1_100_000]
    assert broker.values(topic) == [b"{}"]


def test_a_processor_has_at_most_a_thousand_topics(broker: Broker) -> None:
    topic = broker.topic()
    with opened(broker, {}) as sink:
        sink._topics.update(f"x{n}" for n in range(999))
        assert sink.write(Output([b"{}"], {"topic": [topic]})) == []
        letters = sink.write(Output([b"{}", b"{}"], {"topic": ["one-more", topic]}))
        sink.flush()
    assert [letter.reason for letter in letters] == ["a processor writes to at most 1000 Kafka topics"]
    assert len(broker.values(topic)) == 2


def test_a_full_queue_makes_writing_wait_and_loses_nothing(broker: Broker) -> None:
    topic = broker.topic()
    values = [b'{"n":%d}' % n for n in range(2000)]
    settings: dict[str, Any] = {"queue.buffering.max.messages": "10", "linger.ms": "0"}
    with opened(broker, {"topic": topic}, **settings) as sink:
        assert sink.write(Output(values)) == []
        sink.flush()
    assert broker.values(topic) == values


def test_what_was_not_delivered_fails_the_flush(broker: Broker) -> None:
    """Thrown out of the queue, as the client does when brokers stay away for too long."""
    slow: dict[str, Any] = {"linger.ms": "900", "delivery.timeout.ms": "1200"}
    topic = broker.topic()
    with opened(broker, {"topic": topic}, **slow) as sink:
        sink.write(Output([b"{}"]))
        sink._producer.purge(in_queue=True)
        with pytest.raises(ConnectionFailed):
            sink.flush()


def test_brokers_that_are_not_there_fail_the_opening_and_may_be_tried_again() -> None:
    nowhere = Broker(f"127.0.0.1:{free_port()}")
    with (
        pytest.raises(ConnectionFailed, match="kafka error code: -195") as failure,
        opened(nowhere, {"topic": "t"}),
    ):
        pass
    assert failure.value.retry


def test_settings_that_the_client_does_not_take_fail_for_good(broker: Broker) -> None:
    with pytest.raises(ConnectionFailed, match="settings") as failure, opened(broker, {}, acks="many"):
        pass
    assert not failure.value.retry


@pytest.mark.parametrize("compression", ["gzip", "snappy", "lz4", "zstd"])
def test_compressed_messages_arrive(broker: Broker, compression: str) -> None:
    topic = broker.topic()
    config = {"compression_type": compression, "acks": "1"}
    with opened(broker, {"topic": topic}, config) as sink:
        sink.write(Output([b'{"a":1}'] * 100))
        sink.flush()
    assert len(broker.values(topic)) == 100


def test_a_topic_that_is_not_there_is_made_by_the_broker(broker: Broker) -> None:
    topic = broker.topic() + "-new"
    with opened(broker, {"topic": topic}) as sink:
        sink.write(Output([b"{}"]))
        sink.flush()
    assert topic in AdminClient({"bootstrap.servers": broker.bootstrap}).list_topics(timeout=10).topics


def traced(values: list[Any], **columns: list[Any]) -> Output:
    return Output(values, columns, trace=lambda i: {"source": {"offset": i}})


def test_what_is_refused_keeps_its_document_and_metadata(broker: Broker) -> None:
    topic = broker.topic()
    with opened(broker, {}) as sink:
        letters = sink.write(traced([b'{"a":1}', b'{"a":2}', b"a" * 1_100_000], topic=[topic, 5, topic]))
        sink.flush()
    assert [letter.meta["source"]["offset"] for letter in letters] == [1, 2]
    assert letters[0].document == b'{"a":2}'
    with opened(broker, {"topic": topic}) as sink:
        (letter,) = sink.write(traced([b"{}", b"a" * 1_100_000]))
        sink.flush()
    assert letter.meta == {"source": {"offset": 1}}


@pytest.fixture
def narrow(apache: KafkaBroker) -> str:
    """A topic that takes messages of 2,000 bytes."""
    name = f"narrow-{uuid4().hex[:12]}"
    admin = AdminClient({"bootstrap.servers": apache.plain.bootstrap})
    config = {"max.message.bytes": "2000"}
    admin.create_topics([NewTopic(name, 1, 1, config=config)])[name].result(20)
    return name


@pytest.mark.parametrize("keyed", [False, True])
def test_brokers_that_refuse_a_batch_get_its_messages_one_by_one(
    apache: KafkaBroker, narrow: str, keyed: bool
) -> None:
    values = [b'{"n":%d,"x":"%s"}' % (n, b"x" * (3000 if n == 4 else 900)) for n in range(10)]
    columns: dict[str, list[Any]] = (
        {"key": [f"k{n}" for n in range(10)], "headers": [{"h": n} for n in range(10)]} if keyed else {}
    )
    config = {"keyFormat": "string"} if keyed else {}
    with opened(apache.plain, {"topic": narrow}, config) as sink:
        letters = [*sink.write(traced(values, **columns)), *sink.flush()]
        assert sink.flush() == []
    (letter,) = letters
    assert (letter.document, letter.meta) == (values[4], {"source": {"offset": 4}})
    assert "too large" in letter.reason
    messages = apache.plain.read(narrow, 9)
    assert [m.value() for m in messages] == values[:4] + values[5:]
    if keyed:
        assert messages[0].key() == b"k0"
        assert messages[0].headers() == [("h", struct.pack(">i", 0))]


def test_a_compacted_topic_takes_all_but_messages_without_a_key(apache: KafkaBroker) -> None:
    name = f"compacted-{uuid4().hex[:12]}"
    admin = AdminClient({"bootstrap.servers": apache.plain.bootstrap})
    admin.create_topics([NewTopic(name, 1, 1, config={"cleanup.policy": "compact"})])[name].result(20)
    output = traced(
        [b'{"n":0}', b'{"n":1}', b'{"n":2}'], key=["a", None, "c"], tombstoneWhen=[False, False, True]
    )
    with opened(apache.plain, {"topic": name}, {"keyFormat": "string"}) as sink:
        letters = [*sink.write(output), *sink.flush()]
    assert [(letter.document, letter.meta["source"]["offset"]) for letter in letters] == [(b'{"n":1}', 1)]
    assert [(m.key(), m.value()) for m in apache.plain.read(name, 2)] == [(b"a", b'{"n":0}'), (b"c", None)]
