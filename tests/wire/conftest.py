"""Servers that the tests of the wire door share."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from servers import Endpoint
from wired import Wire, wired

from brookmill.connections.https import Https
from brookmill.domain.names import new_id


@pytest.fixture(scope="session")
def wire(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wire]:
    with wired(tmp_path_factory.mktemp("wire")) as running:
        yield running


@pytest.fixture(scope="session")
def admin(wire: Wire) -> Any:
    """The database that all commands are for, to somebody who may do everything."""
    return wire.client().admin


@pytest.fixture
def sink(wire: Wire, endpoint: Endpoint) -> dict[str, Any]:
    """A sink stage that works."""
    name = f"h{uuid4().hex[:8]}"
    with wire.served.store.write() as session:
        session.add_connection(
            wire.workspace,
            Https(id=new_id(wire.served.clock.now()), name=name, url=endpoint.url, state="READY"),
        )
    return {"$https": {"connectionName": name, "method": "POST"}}
