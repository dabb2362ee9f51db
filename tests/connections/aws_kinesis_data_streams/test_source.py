"""Reading Kinesis: from where, in which order, on after a restart, and what is told of each record."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import json
import time
from typing import Any

import pytest
from aws_server import Cloud
from connections.aws_kinesis_data_streams.streams import nothing_more, read, read_until, source
from servers import Endpoint, Reply, Request, wait_until

from brookmill.connections.aws_kinesis_data_streams.aggregated import Packed, unpacked
from brookmill.errors import ConnectionFailed

SECOND = {"size": 1, "unit": "second"}


def texts(count: int, start: int = 0) -> list[bytes]:
    return [b'{"n":%d}' % n for n in range(start, start + count)]


def test_records_come_in_order_with_their_metadata(cloud: Cloud) -> None:
    stream = cloud.stream()
    cloud.put(stream, *texts(3), key="kéy")
    records = cloud.records(stream)
    with source(cloud, stream) as reading:
        batch = read_until(reading, lambda batch: len(batch) == 3)
        assert batch.values == texts(3)
        assert (batch.form, list(batch.partitions or []), batch.partition_count) == ("json", [0, 0, 0], 1)
        arrived = records[1]["ApproximateArrivalTimestamp"]
        assert batch.times[1] == int(arrived.timestamp() * 1000)
        meta = batch.meta(1)
    assert abs((meta.pop("ts") - arrived).total_seconds()) < 0.001
    assert meta == {
        "type": "kinesis",
        "kinesisStream": stream,
        "shardId": "shardId-000000000000",
        "sequenceNumber": records[1]["SequenceNumber"],
        "partitionKey": "kéy",
    }


def test_reading_goes_on_where_the_position_was(cloud: Cloud) -> None:
    stream = cloud.stream(2)
    for key in ("a", "b", "c"):
        cloud.put(stream, *texts(5), key=key)
    with source(cloud, stream) as reading:
        first = read(reading, 4, limit=4)
        position = reading.position()
        read(reading, 3, limit=3)
    cloud.put(stream, b'{"late":1}')
    with source(cloud, stream, position) as reading:
        rest = read(reading, 12)
        assert nothing_more(reading)
    assert sorted(first + rest) == sorted(texts(5) * 3 + [b'{"late":1}'])


def test_by_default_only_what_comes_from_now_on_is_read_even_after_a_restart_before_it(cloud: Cloud) -> None:
    stream = cloud.stream()
    cloud.put(stream, *texts(2))
    wait_until(lambda: time.time() % 1 < 0.2)  # positions in time count whole seconds of the server's clock
    time_of_old = time.time()
    wait_until(lambda: time.time() > time_of_old + 1)
    with source(cloud, stream, initialPosition="LATEST") as reading:
        assert nothing_more(reading)
        position = reading.position()
        cloud.put(stream, *texts(1, 2))
        assert read(reading, 1) == texts(1, 2)
    cloud.put(stream, *texts(1, 3))
    with source(cloud, stream, position, initialPosition="LATEST") as reading:
        assert read(reading, 2) == texts(2, 2)


@pytest.mark.parametrize(("type_", "expected"), [("AT", texts(2, 1)), ("AFTER", texts(1, 2))])
def test_reading_may_begin_at_a_sequence_number(cloud: Cloud, type_: str, expected: list[bytes]) -> None:
    stream = cloud.stream()
    cloud.put(stream, *texts(3))
    number = cloud.records(stream)[1]["SequenceNumber"]
    config = {"initialPosition": f"{type_}_SEQUENCE_NUMBER", "sequenceNumber": number}
    with source(cloud, stream, **config) as reading:
        assert read(reading, len(expected)) == expected


def test_reading_may_begin_at_a_point_in_time(cloud: Cloud) -> None:
    stream = cloud.stream()
    cloud.put(stream, *texts(2))
    begun = time.time()
    wait_until(lambda: time.time() > begun + 0.05)
    since = dt.datetime.now(dt.UTC)
    cloud.put(stream, *texts(2, 2))
    with source(cloud, stream, initialPosition="AT_TIMESTAMP", atTimestamp=since) as reading:
        assert read(reading, 2) == texts(2, 2)


def test_a_shard_that_is_silent_becomes_idle(cloud: Cloud) -> None:
    stream = cloud.stream(2)
    with source(cloud, stream, idle=SECOND) as reading:
        assert reading.read(1, 0).idle == frozenset()
        read_until(reading, lambda batch: batch.idle == {0, 1})
        cloud.put(stream, b"{}", key="a")
        [partition] = read_until(reading, lambda batch: bool(batch.values)).partitions or []
        assert reading.read(1, 0).idle == {1 - partition}
        shown = reading.lag({partition: 1_700_000_000_000})["kinesisShards"]
        assert [one["isIdle"] for one in shown] == [partition != 0, partition != 1]
        assert shown[partition]["watermark"] == dt.datetime(2023, 11, 14, 22, 13, 20, tzinfo=dt.UTC)


def test_statistics_tell_how_far_each_shard_is(cloud: Cloud) -> None:
    stream = cloud.stream()
    cloud.put(stream, *texts(2))
    with source(cloud, stream) as reading:
        read(reading, 2)
        reading.acknowledge(reading.position())
        cloud.put(stream, *texts(1))
        read(reading, 1)
        [shown] = reading.lag({})["kinesisShards"]
    first, second, third = (record["SequenceNumber"] for record in cloud.records(stream))
    assert first < second
    assert shown == {
        "shardId": "shardId-000000000000",
        "isIdle": False,
        "currentSequenceNumber": third,
        "checkpointSequenceNumber": second,
        "millisBehindLatest": 0,
    }


def test_a_subscription_pushes_what_comes(cloud: Cloud) -> None:
    stream = cloud.stream(2)
    kinesis = cloud.client("kinesis")
    arn = kinesis.describe_stream_summary(StreamName=stream)["StreamDescriptionSummary"]["StreamARN"]
    consumer = kinesis.register_stream_consumer(StreamARN=arn, ConsumerName="c")["Consumer"]["ConsumerARN"]
    for key in ("a", "b"):
        cloud.put(stream, *texts(3), key=key)
    with source(cloud, stream, consumerARN=consumer) as reading:
        assert sorted(read(reading, 6)) == sorted(texts(3) * 2)
        position = reading.position()
        cloud.put(stream, *texts(1, 3))
        assert read(reading, 1) == texts(1, 3)
    cloud.put(stream, *texts(1, 4))
    with source(cloud, stream, position, consumerARN=consumer) as reading:  # the old one still counts for 5 s
        assert read(reading, 2) == texts(2, 3)


def test_a_consumer_that_is_not_there_fails_for_good(cloud: Cloud) -> None:
    stream = cloud.stream()
    consumer = f"arn:aws:kinesis:us-east-1:000000000000:stream/{stream}/consumer/none:1"
    with (
        source(cloud, stream, consumerARN=consumer) as reading,
        pytest.raises(ConnectionFailed, match="consumer/none") as failure,
    ):
        read(reading, 1)
    assert not failure.value.retry


def test_a_stream_that_is_not_there_fails_for_good(cloud: Cloud) -> None:
    with pytest.raises(ConnectionFailed) as failure, source(cloud, "none"):
        pass
    assert not failure.value.retry
    assert "Could not read the Kinesis stream none: AWS answered ResourceNotFoundException" in str(
        failure.value
    )


def test_a_role_without_the_right_to_read_fails_for_good(cloud: Cloud) -> None:
    stream = cloud.stream()
    with pytest.raises(ConnectionFailed, match=r"kinesis:GetRecords") as failure:  # noqa: SIM117
        with source(
            cloud, stream, role=cloud.allow("kinesis:ListShards", "kinesis:GetShardIterator")
        ) as reading:
            read(reading, 1)
    assert not failure.value.retry


def numbered(batch_values: list[bytes]) -> list[int]:
    return [int(value[5:-1]) for value in batch_values]


def test_a_split_while_reading_loses_nothing_and_keeps_the_order_of_keys(resharding_cloud: Cloud) -> None:
    cloud = resharding_cloud
    stream, fives = cloud.stream(), [key for key in "abcdefgh" for _ in range(5)]
    with source(cloud, stream) as reading:
        cloud.put(stream, *[text for n in range(8) for text in texts(5, 100 * n)], keys=fives)
        found = read(reading, 20, limit=7)
        cloud.split(stream, "shardId-000000000000")
        cloud.put(stream, *[text for n in range(8) for text in texts(5, 100 * n + 5)], keys=fives)
        found += read(reading, 80 - len(found), limit=7)
        batch = reading.read(1, 0)
        assert batch.partition_count == 3
        assert batch.idle == {0}
        position = reading.position()
        assert [one["ended"] for one in position] == [True, False, False]
        assert [one["shardId"] for one in reading.lag({})["kinesisShards"]] == [
            "shardId-000000000001",
            "shardId-000000000002",
        ]
    assert sorted(numbered(found)) == [100 * n + i for n in range(8) for i in range(10)]
    for n in range(8):
        mine = [number for number in numbered(found) if number // 100 == n]
        assert mine == sorted(mine)
    cloud.put(stream, *texts(1, 999))
    with source(cloud, stream, position) as reading:
        assert read(reading, 1) == texts(1, 999)
        assert nothing_more(reading)


def test_children_wait_for_both_parents_of_a_merge_and_for_theirs(resharding_cloud: Cloud) -> None:
    cloud = resharding_cloud
    stream = cloud.stream()
    cloud.put(stream, *texts(5))
    cloud.split(stream, "shardId-000000000000")
    cloud.put(stream, *texts(5, 5), key="a")
    cloud.put(stream, *texts(5, 5), key="b")
    one, other = "shardId-000000000001", "shardId-000000000002"
    cloud.merge(stream, one, other)
    cloud.put(stream, *texts(5, 10))
    with source(cloud, stream) as reading:
        found = numbered(read(reading, 20, limit=3))
        assert found[:5] == [*range(5)]
        assert sorted(found[5:15]) == sorted([*range(5, 10)] * 2)
        assert found[15:] == [*range(10, 15)]
        assert [shard["ended"] for shard in reading.position()] == [True, True, True, False]


def test_a_restart_in_the_middle_of_a_closed_shard_reads_it_first(resharding_cloud: Cloud) -> None:
    cloud = resharding_cloud
    stream = cloud.stream()
    cloud.put(stream, *texts(10))
    cloud.split(stream, "shardId-000000000000")
    cloud.put(stream, *texts(5, 10))
    with source(cloud, stream) as reading:
        read(reading, 4, limit=4)
        position = reading.position()
    with source(cloud, stream, position) as reading:
        assert numbered(read(reading, 11)) == [*range(4, 15)]


def test_the_latest_of_a_stream_that_was_split_is_in_its_open_shards(resharding_cloud: Cloud) -> None:
    cloud = resharding_cloud
    stream = cloud.stream()
    cloud.put(stream, *texts(5))
    cloud.split(stream, "shardId-000000000000")
    with source(cloud, stream, initialPosition="LATEST") as reading:
        assert nothing_more(reading)
        cloud.put(stream, *texts(1, 5))
        assert read(reading, 1) == texts(1, 5)
        position = reading.position()
        assert [shard["ended"] for shard in position] == [True, False, False]
    cloud.put(stream, *texts(1, 6))
    with source(cloud, stream, position, initialPosition="LATEST") as reading:
        assert read(reading, 1) == texts(1, 6)


def test_a_shard_that_is_gone_gives_way_to_its_children(cloud: Cloud) -> None:
    """This server forgets closed shards at once, as AWS does when their last record is too old."""
    stream = cloud.stream()
    cloud.put(stream, *texts(1))
    with source(cloud, stream, reshardDetectionIntervalSecs=1) as reading:
        read(reading, 1)
        position = reading.position()
        cloud.split(stream, "shardId-000000000000")
        cloud.put(stream, *texts(1, 1))
        assert read(reading, 1) == texts(1, 1)
    with source(cloud, stream, position) as reading:
        assert read(reading, 1) == texts(1, 1)
        position = reading.position()
    assert [(one["shard"][-1], one["number"]) for one in position] == [("1", 1), ("2", 2)], "0 is forgotten"
    cloud.put(stream, *texts(1, 2))
    with source(cloud, stream, position) as reading:
        batch = read_until(reading, lambda batch: bool(batch.values))
        assert batch.values == texts(1, 2)
        assert batch.partition_count == 3
        assert batch.idle == {0}
        assert set(batch.partitions or []) < {1, 2}
        assert nothing_more(reading)


class Script:
    """Lets an endpoint be a stream of one shard whose GetRecords answers what stands here, in order."""

    def __init__(self, endpoint: Endpoint, *answers: Reply) -> None:
        self.asked: list[tuple[str, Any]] = []
        self._answers = iter(answers)
        endpoint.answer = self._answer

    def _answer(self, request: Request) -> Reply:
        operation = request.headers["x-amz-target"].rpartition(".")[2]
        asked = json.loads(request.body)
        self.asked.append((operation, asked))
        if operation == "ListShards":
            return said(
                {"Shards": [{"ShardId": "s", "SequenceNumberRange": {"StartingSequenceNumber": "1"}}]}
            )
        if operation == "GetShardIterator":
            return said({"ShardIterator": f"from {asked.get('StartingSequenceNumber')}"})
        return next(self._answers, said({"Records": [], "NextShardIterator": "i"}))

    def iterators(self) -> list[str]:
        """Where reading began, each time."""
        return [asked["ShardIteratorType"] for name, asked in self.asked if name == "GetShardIterator"]


def said(body: Any, status: int = 200) -> Reply:
    return Reply(status, json.dumps(body).encode(), {"content-type": "application/x-amz-json-1.1"})


def records(*numbers: int) -> Reply:
    rows = [
        {"SequenceNumber": str(n), "Data": base64.b64encode(b"%d" % n).decode(), "PartitionKey": "k"}
        | {"ApproximateArrivalTimestamp": 1_700_000_000 + n}
        for n in numbers
    ]
    return said({"Records": rows, "NextShardIterator": "i", "MillisBehindLatest": 0})


def error(name: str, status: int = 400) -> Reply:
    return said({"__type": name, "message": "no"}, status)


def test_an_iterator_that_expired_and_shards_asked_too_often_are_only_waited_for(endpoint: Endpoint) -> None:
    script = Script(
        endpoint,
        records(1, 2),
        error("ExpiredIteratorException"),
        error("ProvisionedThroughputExceededException"),
        error("InternalFailure", 500),
        records(3),
    )
    alone = Cloud(endpoint.url, credentials="static")
    with source(alone, "s") as reading:
        assert read(reading, 3) == [b"1", b"2", b"3"]
    assert script.iterators() == ["TRIM_HORIZON", "AFTER_SEQUENCE_NUMBER"]
    assert [asked["ShardIterator"] for name, asked in script.asked if name == "GetRecords"][2] == "from 2"


def test_a_failure_that_does_not_pass_fails_the_source(endpoint: Endpoint) -> None:
    Script(endpoint, records(1), error("KMSDisabledException"))
    alone = Cloud(endpoint.url, credentials="static")
    with source(alone, "s") as reading:
        read(reading, 1)
        with pytest.raises(ConnectionFailed, match="KMSDisabledException") as failure:
            read(reading, 1)
    assert not failure.value.retry


def test_a_stream_asked_by_a_position_without_a_record_begins_at_its_time(endpoint: Endpoint) -> None:
    script = Script(endpoint)
    alone = Cloud(endpoint.url, credentials="static")
    with source(alone, "s", initialPosition="LATEST") as reading:
        position = reading.position()
    with source(alone, "s", position, initialPosition="LATEST"):
        pass
    assert script.iterators() == ["LATEST", "AT_TIMESTAMP"]


def varint(value: int) -> bytes:
    return bytes([value]) if value < 128 else bytes([value & 127 | 128]) + varint(value >> 7)


def field(number: int, value: int | bytes) -> bytes:
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def packed(*records: Packed) -> bytes:
    """As the Kinesis Producer Library packs them."""
    keys = sorted({record.key for record in records})
    message = b"".join(field(1, key.encode()) for key in keys)
    for record in records:
        message += field(3, field(1, keys.index(record.key)) + field(3, record.data))
    return b"\xf3\x89\x9a\xc2" + message + hashlib.md5(message).digest()


def test_records_packed_by_the_producer_library_are_unpacked(cloud: Cloud) -> None:
    stream = cloud.stream()
    records = [
        Packed("a", texts(1)[0]),
        Packed("b", b'{"s":"%s"}' % (b"x" * 300)),
        Packed("a", texts(1, 2)[0]),
    ]
    cloud.put(stream, packed(*records), *texts(1, 3))
    with source(cloud, stream) as reading:
        batch = reading.read(1, 0)
        batch = read_until(reading, lambda batch: bool(batch.values), limit=2)
        assert batch.values == [record.data for record in records]
        assert [batch.meta(i)["partitionKey"] for i in range(3)] == ["a", "b", "a"]
        assert read(reading, 1) == texts(1, 3)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b"\xf3\x89\x9a\xc2",
        packed(Packed("a", b"{}"))[:-1],
        packed(Packed("a", b"{}"))[:-1] + b"\0",
        *(
            b"\xf3\x89\x9a\xc2" + m + hashlib.md5(m).digest()
            for m in (b"\x1a", b"\x1a\xff", b"\x1a\x02\x08", b"\xff" * 20)
        ),
        *(
            b"\xf3\x89\x9a\xc2" + m + hashlib.md5(m).digest()
            for m in (field(3, field(1, 7) + field(3, b"")), field(3, b""))
        ),
    ],
)
def test_what_only_looks_packed_is_a_record_like_any_other(data: bytes) -> None:
    assert unpacked(data) is None
