"""Topics that are written in transactions, on a real Apache Kafka: what is not committed is not read."""

from __future__ import annotations

from contextlib import closing
from typing import Any

import msgspec
import pytest
from confluent_kafka import Producer
from kafka_broker import KafkaBroker
from servers import wait_until

from brookmill.clock import SystemClock
from brookmill.config import Outside
from brookmill.connections import Opening
from brookmill.connections.kafka import Kafka
from brookmill.connections.kafka.options import KafkaSourceOptions


@pytest.fixture
def topic(apache: KafkaBroker) -> str:
    """Values a and c are committed, b is not, and d never will be: its transaction stays open."""
    topic = apache.plain.topic()
    producer = Producer({"bootstrap.servers": apache.plain.bootstrap, "transactional.id": topic})
    producer.init_transactions()
    for value, end in (("a", "commit"), ("b", "abort"), ("c", "commit"), ("d", "")):
        producer.begin_transaction()
        producer.produce(topic, f'{{"v":"{value}"}}')
        producer.flush()
        if end:
            getattr(producer, f"{end}_transaction")()
    return topic


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({}, "ac"),
        ({"isolation.level": "read_committed"}, "ac"),
        ({"isolation.level": "read_uncommitted"}, "abcd"),
    ],
)
def test_isolation(apache: KafkaBroker, topic: str, config: dict[str, str], expected: str) -> None:
    spec: dict[str, Any] = {
        "connectionName": "k",
        "topic": topic,
        "config": {"auto_offset_reset": "earliest"},
    }
    kafka = Kafka(bootstrap_servers=apache.plain.bootstrap, config=config)
    opening = Opening("p" * 24, SystemClock(), outside=Outside(allow_private=True))
    found: list[str] = []
    with closing(kafka.open_source(msgspec.convert(spec, KafkaSourceOptions), opening)) as source:

        def all_read() -> bool:
            found.extend(msgspec.json.decode(value)["v"] for value in source.read(10, 0.1).values)
            return len(found) >= len(expected)

        wait_until(all_read, what="the messages")
        found.extend(source.read(10, 0.3).values)
    assert "".join(found) == expected
