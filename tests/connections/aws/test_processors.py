"""Pipelines through AWS end to end: real worker processes between real servers."""

from __future__ import annotations

import json
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import mill as mills
import pytest
from aws_server import Cloud
from servers import wait_until

from brookmill.connections.aws import AWSConfig
from brookmill.connections.aws_kinesis_data_streams import AWSKinesisDataStreams
from brookmill.connections.aws_lambda import AWSLambda
from brookmill.connections.s3 import S3
from brookmill.errors import ConnectionFailed

Make = Callable[..., mills.Mill]
SOURCE = {"connectionName": "k", "config": {"initialPosition": "TRIM_HORIZON"}}
DOUBLE = """
import json, time

def handler(event, context):
    if event["n"] % 10 == 7:
        raise ValueError("seven")
    return event["n"] * 2
"""


@pytest.fixture
def mill(cloud: Cloud, tmp_path: Path) -> Iterator[Make]:
    """Makes a mill that knows the account, with a connection of each type."""
    made: list[mills.Mill] = []

    def make(role: str | None = None, **settings: Any) -> mills.Mill:
        here = mills.opened(tmp_path, **cloud.settings(**settings))
        made.append(here)
        aws = AWSConfig(role_arn=role or cloud.role)
        here.connect("k", AWSKinesisDataStreams(aws=aws))
        here.connect("s", S3(aws=aws))
        here.connect("f", AWSLambda(aws=aws))
        return here

    yield make
    for one in made:
        one.supervisor.close()
        one.store.close()


def texts(first: int, last: int) -> list[bytes]:
    return [b'{"n":%d}' % n for n in range(first, last)]


def numbers(cloud: Cloud, bucket: str) -> list[int]:
    bodies = cloud.objects(bucket).values()
    return [json.loads(line)["n"] for body in bodies for line in body.splitlines()]


def test_kinesis_through_a_function_to_s3_with_metadata_and_dead_letters(cloud: Cloud, mill: Make) -> None:
    stream, bucket, function = cloud.stream(2), cloud.bucket(), cloud.function(DOUBLE)
    keys = [f"k{n % 3}" for n in range(30)]
    cloud.put(stream, *texts(0, 30), keys=keys)
    here = mill(checkpoint_interval=0.5)
    here.process(
        {"$source": {**SOURCE, "stream": stream}},
        {"$externalFunction": {"connectionName": "f", "functionName": function, "as": "r", "parallelism": 4}},
        {"$addFields": {"key": {"$meta": "stream.source.partitionKey"}}},
        {"$emit": {"connectionName": "s", "bucket": bucket, "path": {"$concat": ["out/", "$key"]}}},
    )
    wait_until(lambda: len(numbers(cloud, bucket)) == 27, what="27 documents")
    stats = here.stats(inputMessageCount=30, dlqMessageCount=3)
    assert stats["outputMessageCount"] == 27
    assert [shard["shardId"] for shard in stats["kinesisShards"]] == [f"shardId-{n:012}" for n in range(2)]
    for key, body in cloud.objects(bucket).items():
        for line in map(json.loads, body.splitlines()):
            assert line["r"] == line["n"] * 2
            assert key.startswith(f"out/k{line['n'] % 3}/")
    here.supervisor.stop(here.processor.id)
    assert sorted(numbers(cloud, bucket)) == [n for n in range(30) if n % 10 != 7]


def test_documents_to_kinesis(cloud: Cloud, mill: Make) -> None:
    stream = cloud.stream()
    documents = [{"n": n, "k": f"k{n % 2}", "d": {"$date": "2024-08-12T21:41:01.788Z"}} for n in range(10)]
    emit = {
        "connectionName": "k",
        "stream": stream,
        "partitionKey": "$k",
        "config": {"outputFormat": "basicJson"},
    }
    mill().process({"$source": {"documents": documents}}, {"$emit": emit})
    records = wait_until(lambda: len(r := cloud.records(stream)) == 10 and r, what="ten records")
    assert [record["PartitionKey"] for record in records] == ["k0", "k1"] * 5
    assert json.loads(records[3]["Data"]) == {"n": 3, "k": "k1", "d": 1723498861788}


def test_documents_to_a_function_as_sink(cloud: Cloud, mill: Make, tmp_path: Path) -> None:
    source = "def handler(event, context):\n    open('%s/' + str(event['n']), 'w').close()\n"
    (calls := tmp_path / "calls").mkdir()
    spec = {"connectionName": "f", "functionName": cloud.function(source % calls), "execution": "async"}
    documents = [{"n": n} for n in range(5)]
    mill().process({"$source": {"documents": documents}}, {"$externalFunction": spec})
    wait_until(lambda: len([*calls.iterdir()]) == 5, what="five calls")


def test_an_object_is_written_when_its_interval_is_over_though_nothing_comes(
    cloud: Cloud, mill: Make
) -> None:
    bucket = cloud.bucket()
    write = {"writeOptions": {"interval": {"size": 200, "unit": "ms"}}}
    emit = {"connectionName": "s", "bucket": bucket, "path": "p", "config": write}
    mill().process({"$source": {"documents": [{"n": 1}]}}, {"$emit": emit})  # a checkpoint a minute
    wait_until(lambda: numbers(cloud, bucket) == [1], what="an object")


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"aws_secret_access_key": "wr0ng-key-of-nobody"}, "SignatureDoesNotMatch"),
        ({"aws_external_id": "an0ther-id"}, "AccessDenied"),
        ({"aws_access_key_id": None}, "aws_access_key_id"),
        ({"allow_private": False}, "allow_private"),
    ],
)
def test_wrong_credentials_fail_a_processor_at_once_and_are_not_shown(
    cloud: Cloud, mill: Make, settings: dict[str, Any], text: str, capfd: pytest.CaptureFixture[str]
) -> None:
    here = mill(**settings)
    begun = time.monotonic()
    with pytest.raises(ConnectionFailed, match=text):
        here.process(
            {"$source": {"documents": [{"n": 1}]}},
            {"$emit": {"connectionName": "s", "bucket": cloud.bucket(), "path": "p"}},
        )
    error = here.failed()
    assert time.monotonic() - begun < 10
    assert text in error
    shown = error + "".join(capfd.readouterr())
    assert "wr0ng-key-of-nobody" not in shown
    assert cloud.key["aws_secret_access_key"] not in shown


@pytest.mark.parametrize("kills", [2])
def test_a_worker_killed_at_any_moment_loses_nothing(cloud: Cloud, mill: Make, kills: int) -> None:
    stream, bucket, total = cloud.stream(2), cloud.bucket(), 2000
    here = mill(checkpoint_interval=0.3, retry_budget=60)
    write = {"writeOptions": {"count": 150}, "compression": "none"}
    here.process(
        {"$source": {**SOURCE, "stream": stream}},
        {"$emit": {"connectionName": "s", "bucket": bucket, "path": "p", "config": write}},
    )
    for kill in range(kills):
        share = range(total * kill // kills, total * (kill + 1) // kills)
        cloud.put(stream, *texts(share.start, share.stop), keys=[f"k{n % 5}" for n in share])
        worker = here.worker()
        least = share.start + len(share) * (kill + 1) // (kills + 1)
        wait_until(lambda: len(set(numbers(cloud, bucket))) > least, what=f"{least} documents")  # noqa: B023
        worker.kill()
        wait_until(lambda: not worker.is_running() or worker.status() == "zombie", what="its end")  # noqa: B023
    wait_until(lambda: set(numbers(cloud, bucket)) == {*range(total)}, 60, "all documents")
    found = numbers(cloud, bucket)
    repeated = Counter(found).most_common(1)[0][1]
    assert repeated <= kills + 1
    for body in cloud.objects(bucket).values():
        for key in range(5):
            mine = [int(n) for n in re.findall(rb"\d+", body) if int(n) % 5 == key]
            assert mine == sorted(mine)
