"""Real servers that tests of several areas talk to."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import aws_server
import azure_server
import kafka_broker
import pytest
import servers
import structlog
import token_endpoint

# Threads of servers log whenever they like: never into what a test reads as its command's output.
structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.__stderr__))


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[servers.Broker]:
    """A Kafka broker for the whole run; every test makes topics of its own."""
    with servers.broker(tmp_path_factory.mktemp("kafka")) as running:
        yield running


@pytest.fixture(scope="session")
def apache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[kafka_broker.KafkaBroker]:
    """A real Apache Kafka with every way to log in; skips where there can be none."""
    if missing := kafka_broker.unavailable():
        pytest.skip(missing)
    directory = tmp_path_factory.mktemp("apache-kafka")
    with token_endpoint.token_endpoint() as tokens, kafka_broker.kafka_broker(directory, tokens) as running:
        yield running


@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[aws_server.Cloud]:
    """An AWS account that checks signatures and rights; skips where there can be none."""
    if missing := aws_server.MINISTACK.unavailable():
        pytest.skip(missing)
    with aws_server.cloud(tmp_path_factory.mktemp("aws")) as running:
        yield running


@pytest.fixture(scope="session")
def resharding_cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[aws_server.Cloud]:
    """An AWS account whose streams keep closed shards; skips where there can be none."""
    if missing := aws_server.KINESIS_LOCAL.unavailable():
        pytest.skip(missing)
    with aws_server.resharding_cloud(tmp_path_factory.mktemp("aws")) as running:
        yield running


@pytest.fixture(scope="session")
def azure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[azure_server.Azure]:
    """A storage account and a place to log in; skips where there can be none."""
    if missing := azure_server.unavailable():
        pytest.skip(missing)
    with azure_server.azure(tmp_path_factory.mktemp("azure")) as running:
        yield running


@pytest.fixture
def endpoint() -> Iterator[servers.Endpoint]:
    """An HTTP endpoint."""
    with servers.endpoint() as running:
        yield running
