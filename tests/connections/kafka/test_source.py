"""Reading Kafka: every message once, from where the position says, whatever it holds."""

from __future__ import annotations

import datetime as dt
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
import pytest
from bson import Int64
from servers import Broker, free_port, wait_until

from brookmill.clock import SystemClock
from brookmill.config import Outside
from brookmill.connections import Batch, Opening
from brookmill.connections.kafka import Authentication, Kafka, Security
from brookmill.connections.kafka.options import KafkaSourceOptions
from brookmill.connections.kafka.source import KafkaSource
from brookmill.domain.secret import Secret
from brookmill.errors import ConnectionFailed

#: Brokers are on this machine.
LOCAL = Outside(allow_private=True)


@contextmanager
def opened(broker: Broker, topic: Any, position: Any = None, **fields: Any) -> Iterator[KafkaSource]:
    options = msgspec.convert({"connectionName": "k", "topic": topic, **fields}, KafkaSourceOptions)
    connection = Kafka(bootstrap_servers=broker.bootstrap)
    opening = Opening("p" * 24, SystemClock(), position, partition_limit=3, outside=LOCAL)
    source = KafkaSource(connection, options, opening)
    try:
        yield source
    finally:
        source.close()


def taken(source: KafkaSource, count: int) -> Batch:
    """All of ``count`` messages as one batch."""
    got = Batch([], [], partitions=[])
    metas: list[Callable[[], dict[str, Any]]] = []
    numbers: list[int] = []
    refused: list[Any] = []

    def enough() -> bool:
        batch = source.read(1000, 0.05)
        got.values = [*got.values, *batch.values]
        got.times = [*got.times, *batch.times]
        numbers.extend(batch.partitions or ())
        metas.extend(lambda i=i, b=batch: b.meta(i) for i in range(len(batch)))  # type: ignore[misc]
        refused.extend(batch.refused)
        return len(got.values) + len(refused) >= count

    wait_until(enough, what=f"{count} messages")
    got.partitions, got.refused, got.meta = numbers, refused, lambda i: metas[i]()
    return got


EARLIEST = {"config": {"auto_offset_reset": "earliest"}}


def test_earliest_reads_what_is_there(broker: Broker) -> None:
    topic = broker.topic()
    broker.write(topic, b'{"a":1}', b'{"a":2}')
    with opened(broker, topic, **EARLIEST) as source:
        assert taken(source, 2).values == [b'{"a":1}', b'{"a":2}']
        assert source.position() == [[topic, 0, 2]]


def test_latest_reads_only_what_comes_after_opening(broker: Broker) -> None:
    topic = broker.topic()
    broker.write(topic, b'{"a":1}')
    with opened(broker, topic) as source:
        broker.write(topic, b'{"a":2}')  # between opening and the first read: not lost
        assert taken(source, 1).values == [b'{"a":2}']


def test_the_position_is_where_the_next_read_starts(broker: Broker) -> None:
    topic = broker.topic(2)
    for partition in (0, 1):
        broker.write(topic, *(b'{"n":%d}' % n for n in range(5)), partition=partition)
    with opened(broker, topic, **EARLIEST) as source:
        first = source.read(3, 5.0)
        position = source.position()
    with opened(broker, topic, position) as source:
        rest = taken(source, 10 - len(first))
    assert sorted([*first.values, *rest.values]) == sorted(b'{"n":%d}' % n for n in range(5) for _ in "01")


def test_a_checkpoint_counts_more_than_the_group_and_the_group_more_than_the_reset(broker: Broker) -> None:
    topic = broker.topic()
    broker.write(topic, *(b'{"n":%d}' % n for n in range(6)))
    config = {"config": {"group_id": topic, "enable_auto_commit": False, "auto_offset_reset": "earliest"}}
    with opened(broker, topic, **config) as source:
        taken(source, 6)
        source.acknowledge([[topic, 0, Int64(4)]])
        wait_until(lambda: broker.committed(topic, topic) == 4, what="the commit")
        assert source.lag({})["kafkaPartitions"][0]["checkpointOffset"] == 4
    with opened(broker, topic, **config) as source:
        assert taken(source, 2).values[0] == b'{"n":4}'
    with opened(broker, topic, [[topic, 0, Int64(1)]], **config) as source:
        assert taken(source, 5).values[0] == b'{"n":1}'


def test_auto_commit_shows_progress_before_the_checkpoint(broker: Broker) -> None:
    topic = broker.topic()
    broker.write(topic, b"{}")
    config = {"config": {"group_id": topic, "auto_offset_reset": "earliest"}}
    with opened(broker, topic, **config) as source:
        taken(source, 1)

        def shown() -> bool:
            broker.write(topic, b"{}")
            taken(source, 1)
            return broker.committed(topic, topic) > 0

        wait_until(shown, what="the commit")


def test_a_new_partition_is_read_from_its_beginning(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("brookmill.connections.kafka.source._DISCOVERY", 0.2)
    topic = broker.topic()
    with opened(broker, topic) as source:
        broker.grow(topic, 2)
        broker.write(topic, b'{"new":1}', partition=1)
        batch = taken(source, 1)
        assert batch.values == [b'{"new":1}']
        assert batch.partitions == [1]
        assert source.position() == [[topic, 0, 0], [topic, 1, 1]]


def test_what_retention_took_away_is_passed_over_and_nothing_more(broker: Broker) -> None:
    topic = broker.topic()
    broker.write(topic, *(b'{"n":%d}' % n for n in range(6)))
    broker.forget(topic, 3)
    with opened(broker, topic, [[topic, 0, Int64(1)]], config={"auto_offset_reset": "latest"}) as source:
        assert taken(source, 3).values == [b'{"n":3}', b'{"n":4}', b'{"n":5}']
        assert source.position() == [[topic, 0, 6]]


def test_several_topics_have_partitions_of_their_own(broker: Broker) -> None:
    one, two = broker.topic(2), broker.topic()
    broker.write(one, b"{}", partition=1)
    broker.write(two, b"{}")
    with opened(broker, [one, two, one], **EARLIEST) as source:
        batch = taken(source, 2)
        assert source.read(10, 0.01).partition_count == 3
        assert sorted(batch.partitions or ()) == [1, 2]
        assert {batch.meta(i)["topic"] for i in range(2)} == {one, two}
        assert {p["topic"] for p in source.lag({})["kafkaPartitions"]} == {one, two}


def test_what_the_metadata_tells(broker: Broker) -> None:
    topic = broker.topic()
    broker.write(topic, b"{}", key=b"k", headers=[("h", b"v"), ("h", None)], timestamp=1_700_000_000_123)
    broker.write(topic, b"{}")
    with opened(broker, topic, **EARLIEST) as source:
        batch = taken(source, 2)
    assert batch.times[0] == 1_700_000_000_123
    assert batch.meta(0) == {
        "type": "kafka",
        "ts": dt.datetime(2023, 11, 14, 22, 13, 20, 123000, tzinfo=dt.UTC),
        "topic": topic,
        "partition": 0,
        "offset": 0,
        "key": b"k",
        "headers": [{"k": "h", "v": b"v"}, {"k": "h", "v": None}],
    }
    assert (batch.meta(1)["key"], batch.meta(1)["headers"]) == (b"", [])


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        pytest.param(None, b"{}", id="a tombstone is an empty document"),
        pytest.param(b"\0\0\0\0\x07" + b'{"a":1}', b'{"a":1}', id="a registry's prefix is left out"),
        pytest.param(b"\0\0\0\0\x07[1]", b"[1]", id="prefix and array"),
        pytest.param(b' {"a":1}', b' {"a":1}', id="blanks"),
        pytest.param(b"no JSON", b"no JSON", id="not JSON: the program's to refuse"),
        pytest.param(b"", b"", id="nothing"),
        pytest.param(b"\0\0", b"\0\0", id="too short for a prefix"),
    ],
)
def test_unusual_values(broker: Broker, raw: bytes | None, value: bytes) -> None:
    topic = broker.topic()
    broker.write(topic, raw)
    with opened(broker, topic, **EARLIEST) as source:
        assert taken(source, 1).values == [value]


@pytest.mark.parametrize(
    ("key_format", "raw", "key"),
    [
        ("binData", b"\xff", b"\xff"),
        ("string", "é".encode(), "é"),
        ("json", b'{"a":{"$numberLong":"1"}}', {"a": Int64(1)}),
        ("int", struct.pack(">i", -5), -5),
        ("long", struct.pack(">q", 5), Int64(5)),
    ],
)
def test_key_formats(broker: Broker, key_format: str, raw: bytes, key: Any) -> None:
    topic = broker.topic()
    broker.write(topic, b"{}", key=raw)
    broker.write(topic, b"{}")
    config = {"auto_offset_reset": "earliest", "keyFormat": key_format}
    with opened(broker, topic, config=config) as source:
        batch = taken(source, 2)
    assert batch.meta(0)["key"] == key
    assert type(batch.meta(0)["key"]) is type(key)
    assert batch.meta(1).get("key") == (b"" if key_format == "binData" else None)


@pytest.mark.parametrize(
    ("key_format", "raw"), [("string", b"\xff"), ("json", b"{"), ("int", b"123"), ("long", b"")]
)
def test_a_key_of_another_format_is_refused_or_left_out(broker: Broker, key_format: str, raw: bytes) -> None:
    topic = broker.topic()
    broker.write(topic, b'{"a":1}', key=raw)
    config = {"auto_offset_reset": "earliest", "keyFormat": key_format}
    with opened(broker, topic, config=config) as source:
        batch = taken(source, 1)
        assert source.position() == [[topic, 0, 1]]
    assert batch.values == []
    letter = batch.refused[0]
    assert letter.operator == "KafkaConsumerOperator"
    assert letter.document == b'{"a":1}'
    assert key_format in letter.reason
    assert letter.meta["source"]["key"] == raw
    with opened(broker, topic, config=config | {"keyFormatError": "passThrough"}) as source:
        batch = taken(source, 1)
    assert batch.values == [b'{"a":1}']
    assert "key" not in batch.meta(0)


def test_silent_partitions_are_idle_after_their_time(broker: Broker) -> None:
    topic = broker.topic(2)
    with opened(broker, topic, partitionIdleTimeout={"size": 200, "unit": "ms"}) as source:
        assert source.read(10, 0.01).idle == frozenset()
        wait_until(lambda: source.read(10, 0.05).idle == {0, 1}, what="idleness")
        broker.write(topic, b"{}", partition=1)
        wait_until(lambda: source.read(10, 0.05).idle == {0}, what="partition 1 to be heard")


def test_lag_counts_what_is_not_read(broker: Broker) -> None:
    topic = broker.topic()
    broker.write(topic, *[b"{}"] * 10)
    with opened(broker, topic, **EARLIEST) as source:
        source.read(4, 5.0)
        lag = source.lag({})
    partition = lag["kafkaPartitions"][0]
    assert (
        partition["partitionOffsetLag"] == lag["kafkaTotalOffsetLag"] == 10 - partition["currentOffset"] > 0
    )
    assert isinstance(lag["kafkaTotalOffsetLag"], Int64)
    assert (partition["partition"], partition["isIdle"]) == (0, False)


def test_partitions_show_how_far_they_are_in_event_time(broker: Broker) -> None:
    with opened(broker, broker.topic(2)) as source:
        one, two = source.lag({1: 1_700_000_000_123})["kafkaPartitions"]
    assert "watermark" not in one
    assert two["watermark"] == dt.datetime(2023, 11, 14, 22, 13, 20, 123000, tzinfo=dt.UTC)


def test_a_misspelt_reset_of_the_connection_fails_for_good(broker: Broker) -> None:
    connection = Kafka(bootstrap_servers=broker.bootstrap, config={"auto.offset.reset": "frist"})
    options = KafkaSourceOptions(connection_name="k", topic="t")
    with pytest.raises(ConnectionFailed, match="latest, end, largest, earliest") as failure:
        KafkaSource(connection, options, Opening("p", SystemClock(), outside=LOCAL))
    assert (failure.value.retry, failure.value.code) == (False, 420)


def test_an_unknown_topic_fails_for_good(broker: Broker) -> None:
    with pytest.raises(ConnectionFailed, match="no partitions found") as failure, opened(broker, "nowhere"):
        pass
    assert (failure.value.retry, failure.value.code) == (False, 419)


def test_more_partitions_than_the_tier_allows_fail_for_good(broker: Broker) -> None:
    with opened(broker, broker.topic(3)):
        pass
    with pytest.raises(ConnectionFailed, match="3 that the tier") as failure, opened(broker, broker.topic(4)):
        pass
    assert (failure.value.retry, failure.value.code) == (False, 420)


def test_a_broker_that_is_not_there_fails_and_may_be_tried_again() -> None:
    nowhere = Broker(f"127.0.0.1:{free_port()}")
    with pytest.raises(ConnectionFailed, match="kafka error code: -19") as failure, opened(nowhere, "t"):
        pass
    assert failure.value.retry


def test_a_login_that_is_refused_fails_for_good_and_tells_no_secret(broker: Broker) -> None:
    connection = Kafka(
        bootstrap_servers=broker.bootstrap,
        authentication=Authentication(mechanism="SCRAM-512", username="u", password=Secret("hush-hush")),
        security=Security(protocol="SASL_PLAINTEXT"),
    )
    options = KafkaSourceOptions(connection_name="k", topic="t")
    with pytest.raises(ConnectionFailed) as failure:
        KafkaSource(connection, options, Opening("p", SystemClock(), outside=LOCAL))
    assert not failure.value.retry
    assert "hush" not in str(failure.value)


def test_a_position_with_more_partitions_than_the_tier_allows_is_no_way_round_it(broker: Broker) -> None:
    topic = broker.topic(4)
    position = [[topic, number, Int64(0)] for number in range(4)]
    with (
        pytest.raises(ConnectionFailed, match="more partitions than the 3") as failure,
        opened(broker, topic, position),
    ):
        pass
    assert (failure.value.retry, failure.value.code) == (False, 420)


def test_a_topic_that_outgrows_the_tier_is_not_read_in_part(
    broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("brookmill.connections.kafka.source._DISCOVERY", 0.2)
    topic = broker.topic(3)
    with opened(broker, topic) as source:
        broker.grow(topic, 4)
        with pytest.raises(ConnectionFailed, match="more partitions than the 3"):
            wait_until(lambda: source.read(10, 0.05) and False, seconds=10)
