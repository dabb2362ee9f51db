"""Mills for the tests of this folder, and connections for their processors."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from mill import Mill, opened
from servers import Broker

from brookmill.connections.kafka import Kafka
from brookmill.connections.sample import Sample
from brookmill.domain.connection import Connection


@pytest.fixture
def mill(tmp_path: Path) -> Iterator[Callable[..., Mill]]:
    """Opens mills; all are closed in the end."""
    made: list[Mill] = []

    def make(**settings: Any) -> Mill:
        made.append(opened(tmp_path, **settings))
        return made[-1]

    yield make
    for one in made:
        one.supervisor.close()
        one.store.close()


@pytest.fixture
def solar() -> Connection:
    return Sample()


@pytest.fixture
def kafka(broker: Broker) -> Connection:
    return Kafka(bootstrap_servers=broker.bootstrap)
