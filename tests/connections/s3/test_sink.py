"""Writing to S3: which objects come of which documents, when, and what follows when one cannot be written."""

from __future__ import annotations

import gzip
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import cramjam
import msgspec
import pytest
from aws_server import Cloud

from brookmill.clock import VirtualClock
from brookmill.connections import Output, Timely
from brookmill.connections.aws import AWSConfig
from brookmill.connections.objects.sink import ObjectSink
from brookmill.connections.s3 import S3
from brookmill.connections.s3.options import S3SinkOptions
from brookmill.connections.s3.sink import s3_sink
from brookmill.errors import ConnectionFailed

NOW = 1_790_000_000.123


@contextmanager
def opened(
    cloud: Cloud,
    bucket: str | None,
    path: str | None = "p",
    *,
    config: dict[str, Any] | None = None,
    clock: VirtualClock | None = None,
    memory: int = 2 * 1024**3,
    role: str | None = None,
    **fields: Any,
) -> Iterator[ObjectSink]:
    given = {"connectionName": "s", "bucket": "", "path": "", "config": config or {}, **fields}
    options = msgspec.convert(given, S3SinkOptions)
    constants = {name: value for name, value in (("bucket", bucket), ("path", path)) if value is not None}
    opening = cloud.opening(clock or VirtualClock(NOW), constants=constants)
    opening = replace(opening, memory=memory)
    connection = S3(aws=AWSConfig(role_arn=role or cloud.role))
    sink = s3_sink(connection, options, opening)
    try:
        yield sink
    finally:
        sink.close()


def texts(count: int, start: int = 0) -> list[bytes]:
    return [b'{"n":%d}' % n for n in range(start, start + count)]


def test_a_checkpoint_writes_one_object_with_all_documents(cloud: Cloud) -> None:
    bucket = cloud.bucket()
    with opened(cloud, bucket, "in/day") as sink:
        assert sink.write(Output(texts(2))) == []
        assert sink.write(Output(texts(1, 2))) == []
        assert cloud.objects(bucket) == {}
        assert sink.flush() == []
        assert sink.flush() == []
    [(key, body)] = cloud.objects(bucket).items()
    assert re.fullmatch(r"in/day/20260921T141320\.123Z-[0-9a-f-]{36}\.json", key)
    assert body == b'{"n":0}\n{"n":1}\n{"n":2}'
    head = cloud.client("s3").head_object(Bucket=bucket, Key=key)
    assert head["ContentType"] == "application/json"


@pytest.mark.parametrize(
    ("path", "prefix"), [("", ""), ("a/", "a/"), ("a//", "a//"), ("/a", "/a/"), ("é", "é/")]
)
def test_where_objects_go(cloud: Cloud, path: str, prefix: str) -> None:
    bucket = cloud.bucket()
    with opened(cloud, bucket, path) as sink:
        sink.write(Output(texts(1)))
        sink.flush()
    [key] = cloud.objects(bucket)
    assert re.fullmatch(re.escape(prefix) + r"2026[^/]*\.json", key)


def test_an_object_is_done_at_its_count(cloud: Cloud) -> None:
    bucket = cloud.bucket()
    with opened(cloud, bucket, config={"writeOptions": {"count": 3}, "delimiter": ","}) as sink:
        sink.write(Output(texts(7)))
        assert sorted(cloud.objects(bucket).values()) == [b",".join(texts(3)), b",".join(texts(3, 3))]
        sink.flush()
    assert sorted(cloud.objects(bucket).values())[2] == texts(1, 6)[0]


def test_an_object_is_done_at_its_bytes(cloud: Cloud) -> None:
    bucket = cloud.bucket()
    with opened(cloud, bucket, config={"writeOptions": {"bytes": 14}}) as sink:
        sink.write(Output(texts(5)))
        assert sorted(cloud.objects(bucket).values()) == [b"\n".join(texts(2)), b"\n".join(texts(2, 2))]


def test_an_object_is_done_when_its_interval_is_over(cloud: Cloud) -> None:
    bucket, clock = cloud.bucket(), VirtualClock(time.time())
    interval = {"writeOptions": {"interval": {"size": 10, "unit": "second"}}}
    with opened(cloud, bucket, None, config=interval, clock=clock) as sink:
        assert isinstance(sink, Timely)
        sink.write(Output(texts(1), {"path": ["a"], "meta": [{}]}))
        clock.advance(6)
        sink.write(Output(texts(1, 1), {"path": ["b"], "meta": [{}]}))
        clock.advance(3.9)
        sink.tick()
        assert cloud.objects(bucket) == {}
        clock.advance(0.1)
        sink.tick()
        assert list(cloud.objects(bucket).values()) == texts(1)
        clock.advance(6)
        sink.tick()
    assert sorted(cloud.objects(bucket).values()) == texts(2)


@pytest.mark.parametrize(
    ("config", "suffix", "content_type", "read"),
    [
        ({"compression": "gzip"}, ".json.gz", "application/gzip", gzip.decompress),
        ({"compression": "gzip", "compressionLevel": 9}, ".json.gz", "application/gzip", gzip.decompress),
        (
            {"compression": "snappy"},
            ".json.snappy",
            "application/x-snappy-framed",
            lambda body: bytes(cramjam.snappy.decompress(body)),
        ),
    ],
)
def test_objects_may_be_compressed(
    cloud: Cloud, config: dict[str, Any], suffix: str, content_type: str, read: Any
) -> None:
    bucket = cloud.bucket()
    with opened(cloud, bucket, config=config) as sink:
        sink.write(Output(texts(20_000)))
        sink.flush()
    [(key, body)] = cloud.objects(bucket).items()
    assert key.endswith(suffix)
    assert len(body) < 120_000
    assert read(body) == b"\n".join(texts(20_000))
    assert cloud.client("s3").head_object(Bucket=bucket, Key=key)["ContentType"] == content_type


def test_levels_of_compression_differ(cloud: Cloud) -> None:
    sizes = []
    for level in (1, 9):
        bucket = cloud.bucket()
        with opened(cloud, bucket, config={"compression": "gzip", "compressionLevel": level}) as sink:
            sink.write(Output(texts(20_000)))
            sink.flush()
        [body] = cloud.objects(bucket).values()
        sizes.append(len(body))
    assert sizes[1] < sizes[0]


def test_a_large_object_goes_in_parts_and_is_seen_only_when_whole(cloud: Cloud) -> None:
    bucket, text = cloud.bucket(), b'{"s":"' + b"x" * 3_000_000 + b'"}'
    with opened(cloud, bucket) as sink:
        for _ in range(7):
            sink.write(Output([text]))
        s3 = cloud.client("s3")
        [under_way] = s3.list_multipart_uploads(Bucket=bucket)["Uploads"]
        parts = s3.list_parts(Bucket=bucket, Key=under_way["Key"], UploadId=under_way["UploadId"])["Parts"]
        assert [part["Size"] // 1_000_000 for part in parts] == [9, 9]
        assert cloud.objects(bucket) == {}
        sink.flush()
    assert list(cloud.objects(bucket).values()) == [b"\n".join([text] * 7)]
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=bucket)


def test_what_was_not_flushed_is_given_up_whole(cloud: Cloud) -> None:
    bucket, text = cloud.bucket(), b'{"s":"' + b"x" * 9_000_000 + b'"}'
    with opened(cloud, bucket) as sink:
        sink.write(Output([text]))
        assert "Uploads" in cloud.client("s3").list_multipart_uploads(Bucket=bucket)
    assert "Uploads" not in cloud.client("s3").list_multipart_uploads(Bucket=bucket)
    assert cloud.objects(bucket) == {}


def test_many_targets_grow_at_once_and_memory_stays_bounded(cloud: Cloud) -> None:
    one, other = cloud.bucket(), cloud.bucket()
    with opened(cloud, None, None, memory=8 * 100_000) as sink:
        for n in range(40):
            text = b'{"n":%d,"s":"%s"}' % (n, b"x" * 20_000)
            columns: dict[str, list[Any]] = {
                "bucket": [one if n % 2 else other],
                "path": [f"p{n % 10}"],
                "meta": [{}],
            }
            sink.write(Output([text], columns))
            assert sum(g._held for g in sink._gatherings) <= 100_000
        early = len(cloud.objects(one)) + len(cloud.objects(other))
        assert 5 <= early < 40
        sink.flush()
    found = {**cloud.objects(one), **cloud.objects(other)}
    assert sorted(int(n) for body in found.values() for n in re.findall(rb'"n":(\d+)', body)) == [*range(40)]
    assert {key.split("/")[0] for key in found} == {f"p{n}" for n in range(10)}


def test_what_names_no_target_is_a_dead_letter_and_nothing_else_stops(cloud: Cloud) -> None:
    bucket = cloud.bucket()
    buckets = [bucket, None, 5, "No_Bucket", bucket, bucket, bucket, bucket, bucket]
    paths = ["a", "a", "a", "a", 5, "../x", "x" * 901, "a\0b", "b"]
    metas = [{"source": {"n": n}} for n in range(9)]
    with opened(cloud, None, None) as sink:
        columns: dict[str, list[Any]] = {"bucket": buckets, "path": paths, "meta": metas}
        letters = sink.write(Output(texts(9), columns))
        sink.flush()
    assert [letter.meta for letter in letters] == metas[1:8]
    assert [letter.document for letter in letters] == texts(7, 1)
    assert {letter.operator for letter in letters} == {"S3EmitOperator"}
    assert ["bucket" in letter.reason for letter in letters] == [True] * 3 + [False] * 4
    assert sorted(cloud.objects(bucket).values()) == [texts(9)[0], texts(9)[8]]


def test_a_document_over_sixteen_megabytes_is_refused(cloud: Cloud) -> None:
    bucket = cloud.bucket()
    with opened(cloud, bucket) as sink:
        [letter] = sink.write(Output([b'{"s":"' + b"x" * 16 * 1024**2 + b'"}', b"{}"]))
        assert "larger than 16777216 bytes" in letter.reason
        sink.flush()
    assert list(cloud.objects(bucket).values()) == [b"{}"]


def test_documents_of_one_partition_stay_in_order_whatever_runs_side_by_side(cloud: Cloud) -> None:
    bucket, count = cloud.bucket(), 300
    with opened(
        cloud, bucket, parallelism=4, partitionBy="$k", config={"writeOptions": {"count": 10}}
    ) as sink:
        sink.write(Output(texts(count), {"partitionBy": [n % 7 for n in range(count)]}))
        sink.flush()
    found = [[int(n) for n in re.findall(rb"\d+", body)] for body in cloud.objects(bucket).values()]
    assert sorted(n for numbers in found for n in numbers) == [*range(count)]
    for key in range(7):
        shares = sorted([n for n in numbers if n % 7 == key] for numbers in found)
        assert [n for share in shares for n in share] == [*range(key, count, 7)]


@pytest.mark.parametrize(
    ("bucket", "retry", "text"),
    [("no-such-bucket-here", False, "Could not find the S3 bucket no-such-bucket-here: AWS answered 404")],
)
def test_a_bucket_that_is_not_there_is_told_at_once(
    cloud: Cloud, bucket: str, retry: bool, text: str
) -> None:
    with pytest.raises(ConnectionFailed, match=text) as failure, opened(cloud, bucket):
        pass
    assert failure.value.retry is retry


def test_a_bucket_named_by_documents_that_is_not_there_fails_when_written(cloud: Cloud) -> None:
    with opened(cloud, None) as sink:
        sink.write(Output(texts(1), {"bucket": ["no-such-bucket-here"], "meta": [{}]}))
        with pytest.raises(ConnectionFailed, match="NoSuchBucket") as failure:
            sink.flush()
    assert not failure.value.retry


def test_a_role_without_the_right_to_write_fails_for_good(cloud: Cloud) -> None:
    bucket = cloud.bucket()
    with opened(cloud, bucket, role=cloud.allow("s3:ListBucket")) as sink:
        sink.write(Output(texts(1)))
        with pytest.raises(ConnectionFailed, match=r"AccessDenied.*s3:PutObject") as failure:
            sink.flush()
    assert not failure.value.retry
    assert cloud.objects(bucket) == {}
