"""Real servers that tests of several areas talk to."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import servers


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[servers.Broker]:
    """A Kafka broker for the whole run; every test makes topics of its own."""
    with servers.broker(tmp_path_factory.mktemp("kafka")) as running:
        yield running


@pytest.fixture
def endpoint() -> Iterator[servers.Endpoint]:
    """An HTTP endpoint."""
    with servers.endpoint() as running:
        yield running
