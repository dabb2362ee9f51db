"""Kinesis sources and sinks for tests."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import bson
import msgspec
from aws_server import Cloud

from brookmill.connections import Batch
from brookmill.connections.aws import AWSConfig
from brookmill.connections.aws_kinesis_data_streams import AWSKinesisDataStreams
from brookmill.connections.aws_kinesis_data_streams.options import KinesisSinkOptions, KinesisSourceOptions
from brookmill.connections.aws_kinesis_data_streams.sink import KinesisSink
from brookmill.connections.aws_kinesis_data_streams.source import KinesisSource


@contextmanager
def source(
    cloud: Cloud,
    stream: str,
    position: Any = None,
    *,
    role: str | None = None,
    idle: Any = None,
    **config: Any,
) -> Iterator[KinesisSource]:
    """A source that begins with the oldest record, unless ``config`` says else."""
    spec: dict[str, Any] = {"connectionName": "k", "stream": stream}
    spec["config"] = {"initialPosition": "TRIM_HORIZON", **config}
    if idle is not None:
        spec["shardIdleTimeout"] = idle
    options = msgspec.convert(spec, KinesisSourceOptions)
    kept = None if position is None else bson.decode(bson.encode({"p": position}))["p"]
    connection = AWSKinesisDataStreams(aws=AWSConfig(role_arn=role or cloud.role))
    opened = KinesisSource(connection, options, cloud.opening(position=kept))
    try:
        yield opened
    finally:
        opened.close()


@contextmanager
def sink(
    cloud: Cloud, stream: str, key: str | None = None, *, role: str | None = None
) -> Iterator[KinesisSink]:
    """``key``: the constant partition key; None: it is a column."""
    options = msgspec.convert(
        {"connectionName": "k", "stream": stream, "partitionKey": key or "$k"}, KinesisSinkOptions
    )
    constants = {} if key is None else {"partitionKey": key}
    connection = AWSKinesisDataStreams(aws=AWSConfig(role_arn=role or cloud.role))
    opened = KinesisSink(connection, options, cloud.opening(constants=constants))
    try:
        yield opened
    finally:
        opened.close()


def read(source: KinesisSource, count: int, limit: int = 1000, seconds: float = 20.0) -> list[bytes]:
    """The next ``count`` documents."""
    found: list[bytes] = []
    read_until(source, lambda batch: len(found.__iadd__(batch.values)) >= count, limit, seconds)
    return found


def read_until(
    source: KinesisSource, enough: Callable[[Batch], bool], limit: int = 1000, seconds: float = 20.0
) -> Batch:
    """Read until a batch is ``enough``; that batch."""
    end = time.monotonic() + seconds
    while not enough(batch := source.read(limit, 0.05)):
        assert time.monotonic() < end, f"not enough in {seconds} s"
    return batch


def nothing_more(source: KinesisSource, seconds: float = 1.0) -> bool:
    """Whether nothing comes for so long."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if source.read(10, 0.05).values:
            return False
    return True
