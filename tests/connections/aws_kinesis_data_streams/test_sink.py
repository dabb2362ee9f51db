"""Writing to Kinesis: records with keys, in requests that fit, in order even when only some are taken."""

from __future__ import annotations

import base64
import json
from collections import Counter, defaultdict
from typing import Any

import msgspec
import pytest
from aws_server import Cloud
from connections.aws_kinesis_data_streams.streams import sink
from servers import Endpoint, Reply, Request

from brookmill.clock import VirtualClock
from brookmill.config import Outside
from brookmill.connections import Opening, Output
from brookmill.connections.aws_kinesis_data_streams import AWSKinesisDataStreams
from brookmill.connections.aws_kinesis_data_streams.options import KinesisSinkOptions
from brookmill.connections.aws_kinesis_data_streams.sink import KinesisSink
from brookmill.errors import ConnectionFailed


def texts(count: int) -> list[bytes]:
    return [b'{"n":%d}' % n for n in range(count)]


def columns(keys: list[Any]) -> dict[str, list[Any]]:
    return {"partitionKey": keys, "meta": [{"source": {"n": n}} for n in range(len(keys))]}


def test_documents_become_records_with_their_keys_in_order(cloud: Cloud) -> None:
    stream = cloud.stream(3)
    keys = [f"k{n % 7}" for n in range(1200)]
    with sink(cloud, stream) as writing:
        assert writing.write(Output(texts(1200), columns(keys))) == []
        assert writing.flush() == []
    found: dict[str, list[bytes]] = defaultdict(list)
    for record in cloud.records(stream):
        found[record["PartitionKey"]].append(record["Data"])
    assert found == {f"k{n}": texts(1200)[n::7] for n in range(7)}


def test_the_key_may_be_the_same_for_all(cloud: Cloud) -> None:
    stream = cloud.stream()
    with sink(cloud, stream, "const") as writing:
        assert writing.write(Output()) == []
        assert writing.write(Output(texts(2), {"meta": [{}, {}]})) == []
    assert [(r["PartitionKey"], r["Data"]) for r in cloud.records(stream)] == [
        ("const", text) for text in texts(2)
    ]


def test_large_documents_go_in_requests_that_fit_and_too_large_ones_are_refused(cloud: Cloud) -> None:
    stream, fits = cloud.stream(), b'{"s":"' + b"x" * (1024**2 - 10) + b'"}'
    assert len(fits) + len("é".encode()) == 1024**2
    with sink(cloud, stream) as writing:
        values = [fits] * 7 + [fits, fits + b"  "]
        letters = writing.write(Output(values, columns(["é"] * 7 + ["éé", "k"])))
    assert [letter.meta["source"]["n"] for letter in letters] == [7, 8]
    assert all("1048576 bytes of a Kinesis record" in letter.reason for letter in letters)
    assert [record["Data"] == fits for record in cloud.records(stream)] == [True] * 7


def test_what_has_no_key_is_a_dead_letter_and_nothing_else_stops(cloud: Cloud) -> None:
    stream = cloud.stream()
    keys = ["a", None, 5, "", "x" * 257, ["a"], "x" * 256]
    with sink(cloud, stream) as writing:
        letters = writing.write(Output(texts(7), columns(keys)))
    assert [letter.document for letter in letters] == texts(7)[1:6]
    assert [letter.meta for letter in letters] == [{"source": {"n": n}} for n in range(1, 6)]
    assert {letter.operator for letter in letters} == {"KinesisEmitOperator"}
    assert [record["Data"] for record in cloud.records(stream)] == [texts(7)[0], texts(7)[6]]


def test_a_stream_that_is_not_there_fails_for_good(cloud: Cloud) -> None:
    with pytest.raises(ConnectionFailed, match="ResourceNotFoundException") as failure, sink(cloud, "none"):
        pass
    assert not failure.value.retry


def test_a_role_without_the_right_to_write_fails_for_good(cloud: Cloud) -> None:
    stream = cloud.stream()
    with sink(cloud, stream, "k", role=cloud.allow("kinesis:DescribeStreamSummary")) as writing:
        output = Output(texts(1), {"meta": [{}]})
        with pytest.raises(ConnectionFailed, match="kinesis:PutRecords") as failure:
            writing.write(output)
    assert not failure.value.retry


def choosy(endpoint: Endpoint, *refuse: int) -> list[list[tuple[str, int]]]:
    """Let ``endpoint`` be a Kinesis that refuses, of its first requests, the records at these places; what it
    was sent.
    """
    sent: list[list[tuple[str, int]]] = []

    def answer(request: Request) -> Reply:
        said: dict[str, Any] = {"StreamDescriptionSummary": {}}
        if request.headers["x-amz-target"].endswith("PutRecords"):
            records = json.loads(request.body)["Records"]
            no = refuse[len(sent)] if len(sent) < len(refuse) else None
            sent.append([(r["PartitionKey"], json.loads(base64.b64decode(r["Data"]))["n"]) for r in records])
            results: list[dict[str, str]] = [{"SequenceNumber": "1", "ShardId": "s"}] * len(records)
            if no is not None:
                error = {"ErrorCode": "ProvisionedThroughputExceededException", "ErrorMessage": "slow down"}
                results[no] = error
            said = {"FailedRecordCount": int(no is not None), "Records": results}
        return Reply(200, json.dumps(said).encode(), {"content-type": "application/x-amz-json-1.1"})

    endpoint.answer = answer
    return sent


def written(url: str, clock: VirtualClock, keys: list[str]) -> None:
    outside = Outside(
        aws_endpoint_url=url,
        aws_credentials="static",
        aws_access_key_id="a",
        aws_secret_access_key="b",
        allow_private=True,
    )
    spec = {"connectionName": "k", "stream": "s", "partitionKey": "$k"}
    options = msgspec.convert(spec, KinesisSinkOptions)
    writing = KinesisSink(AWSKinesisDataStreams(), options, Opening("p" * 24, clock, outside=outside))
    try:
        assert writing.write(Output(texts(len(keys)), columns(list(keys)))) == []
    finally:
        writing.close()


def test_a_key_goes_again_from_the_first_record_that_was_not_taken(endpoint: Endpoint) -> None:
    clock, sent = VirtualClock(), choosy(endpoint, 1, 0)
    written(endpoint.url, clock, ["a", "b", "a", "b", "c", "b"])
    assert sent[0] == [("a", 0), ("b", 1), ("a", 2), ("b", 3), ("c", 4), ("b", 5)]
    assert sent[1:] == [[("b", 1), ("b", 3), ("b", 5)]] * 2
    assert clock.monotonic() == pytest.approx(0.1 + 0.2)


def test_a_shard_that_takes_nothing_for_too_long_fails_and_may_be_tried_again(endpoint: Endpoint) -> None:
    clock, sent = VirtualClock(), choosy(endpoint, *[0] * 99)
    with pytest.raises(ConnectionFailed, match="slow down") as failure:
        written(endpoint.url, clock, ["a", "a"])
    assert failure.value.retry
    assert "2 records were not taken: ProvisionedThroughputExceededException" in str(failure.value)
    assert Counter(map(len, sent)) == {2: 10}
    assert 30 < clock.monotonic() < 40
