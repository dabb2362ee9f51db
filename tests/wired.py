"""A server in this process with both doors, a workspace with a sample connection, and database users."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pymongo
import pytest
from mill import Recorder
from pymongo.errors import OperationFailure
from served import Served, running

from brookmill.config import Settings
from brookmill.connections.sample import SOLAR, Sample
from brookmill.domain.database_user import DatabaseRole, DatabaseUser
from brookmill.domain.names import new_id
from brookmill.domain.workspace import Workspace
from brookmill.wire.peers import Peers
from brookmill.wire.scram import Credential
from brookmill.wire.server import serving

PASSWORD = "s3cret"
SAMPLE = {"$source": {"connectionName": SOLAR}}


@dataclass
class Wire:
    """``address``: host and port of the door. ``workspace``: the only one of the project ``own``.

    ``launcher``: knows the workers of this server.
    """

    served: Served
    address: tuple[str, int]
    peers: Peers
    workspace: Workspace
    launcher: Recorder
    clients: ExitStack = field(default_factory=ExitStack)

    @property
    def uri(self) -> str:
        return f"mongodb://{self.address[0]}:{self.address[1]}/"

    def user(self, *roles: DatabaseRole, workspaces: tuple[str, ...] = ()) -> str:
        """A new one with ``PASSWORD``."""
        name = f"u{uuid4().hex[:8]}"
        user = DatabaseUser(
            id=new_id(self.served.clock.now()),
            group_id=self.served.own.id,
            name=name,
            created=0.0,
            roles=roles or (DatabaseRole.ATLAS_ADMIN,),
            workspaces=workspaces,
        )
        with self.served.store.write() as session:
            session.database_users.add(user, Credential.of(PASSWORD).kept())
        return name

    def client(self, user: str | None = None, password: str = PASSWORD, **options: Any) -> Any:
        """A driver's client; ``user`` None: a new one who may do everything, "": nobody."""
        usual: dict[str, Any] = {"serverSelectionTimeoutMS": 5000, "directConnection": True}
        if user != "":
            usual |= {"username": user or self.user(), "password": password}
        client: Any = pymongo.MongoClient(self.uri, **(usual | options))
        return self.clients.enter_context(client)

    def api(self) -> httpx.Client:
        """The Admin API, below the workspace."""
        client = self.served.client(httpx.DigestAuth(*self.served.api_key()))
        path = f"/groups/{self.served.own.id}/streams/{self.workspace.name}"
        client.base_url = client.base_url.join(f"{client.base_url.path.rstrip('/')}{path}")
        return client


@contextmanager
def wired(directory: Path, tls: ssl.SSLContext | None = None, **settings: Any) -> Iterator[Wire]:
    """Serve until the end of the block; ``tls``: of the door."""
    usual: dict[str, Any] = {"allow_private": True, "sample_rate": 50.0, "rate_limit": 0}
    chosen = Settings(data_dir=str(directory), **(usual | settings))
    with ExitStack() as stack:
        launcher = Recorder()
        served = stack.enter_context(running(chosen, launcher))
        workspace = served.workspace()
        solar = Sample(id=new_id(0), name=SOLAR, region="VIRGINIA_USA", state="READY")
        with served.store.write() as session:
            session.add_connection(workspace, solar)
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        peers = stack.enter_context(serving(served.services, listener, tls))
        made = Wire(served, listener.getsockname(), peers, workspace, launcher)
        stack.enter_context(made.clients)
        yield made


def refused(admin: Any, *command: Any, **members: Any) -> tuple[int, str, str]:
    """Code, name and text of a refusal."""
    with pytest.raises(OperationFailure) as caught:
        admin.command(*command, **members)
    details: Any = caught.value.details
    return details["code"], details["codeName"], details["errmsg"]
