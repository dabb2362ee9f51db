"""Servers that the tests of the wire door share."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
import trustme
from servers import Endpoint
from wired import Wire, wired

from brookmill.connections.https import Https
from brookmill.domain.names import new_id
from brookmill.wire.server import tls_context


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


@pytest.fixture(scope="session")
def certified(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, str]:
    """What a door needs to speak TLS as ``localhost``, and the file of the authority to trust."""
    directory, authority = tmp_path_factory.mktemp("certified"), trustme.CA()
    made = authority.issue_cert("localhost")
    files = {name: str(directory / f"{name}.pem") for name in ("ca", "ssl_certfile", "ssl_keyfile")}
    authority.cert_pem.write_to_path(files["ca"])
    made.cert_chain_pems[0].write_to_path(files["ssl_certfile"])
    made.private_key_pem.write_to_path(files["ssl_keyfile"])
    context = tls_context({name: files[name] for name in ("ssl_certfile", "ssl_keyfile")})
    assert context is not None
    return context, files["ca"]


@pytest.fixture(scope="session")
def secure(
    tmp_path_factory: pytest.TempPathFactory, certified: tuple[ssl.SSLContext, str]
) -> Iterator[tuple[Wire, str]]:
    """A door that speaks TLS, and the options that trust it."""
    context, authority = certified
    with wired(tmp_path_factory.mktemp("secure"), tls=context) as running:
        yield running, f"tls=true&tlsCAFile={authority}"
