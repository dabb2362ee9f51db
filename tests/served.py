"""A server in this process, on loopback, with organizations, projects and credentials of every kind."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import uvicorn
from networks import add_networks

from brookmill import http
from brookmill.clock import SystemClock
from brookmill.config import Settings
from brookmill.domain.access import ApiKey, ClientSecret, ServiceAccount
from brookmill.domain.names import new_id
from brookmill.domain.principal import Role
from brookmill.domain.workspace import DataProcessRegion, Group, Organization, Workspace
from brookmill.http.connection import Connection
from brookmill.operations import Services
from brookmill.runtime import Supervisor
from brookmill.runtime.launcher import Launcher
from brookmill.store import Store, credentials

V = "application/vnd.atlas.2024-08-05+json"


class ShiftedClock(SystemClock):
    """The machine's clock, moved on by ``shift`` seconds."""

    shift = 0.0

    def now(self) -> float:
        return super().now() + self.shift

    def monotonic(self) -> float:
        return super().monotonic() + self.shift


@dataclass(frozen=True)
class Bearer(httpx.Auth):
    """An access token on every request."""

    token: str

    def auth_flow(self, request: httpx.Request) -> Any:
        request.headers["Authorization"] = f"Bearer {self.token}"
        yield request


@dataclass
class Served:
    """A running server. Organization ``a`` has the projects ``own`` and ``foreign``, ``b`` has ``other``."""

    services: Services
    clock: ShiftedClock
    a: Organization
    b: Organization
    own: Group
    foreign: Group
    other: Group
    url: str = ""
    clients: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)
    _made: int = 0

    @property
    def store(self) -> Store:
        return self.services.store

    def api_key(
        self,
        org: frozenset[Role] = frozenset({Role.ORG_OWNER}),
        groups: dict[str, frozenset[Role]] | None = None,
        org_id: str | None = None,
    ) -> tuple[str, str]:
        """Public and private key."""
        public, private = credentials.new_public_key(), credentials.new_private_key()
        key = ApiKey(
            id=new_id(self.clock.now()),
            org_id=org_id or self.a.id,
            public_key=public,
            description="test",
            created=0.0,
            org_roles=org,
            group_roles=groups or {},
        )
        with self.store.write() as session:
            session.access.add_api_key(key, credentials.ha1(public, private))
        return public, private.reveal()

    def account(
        self,
        org: frozenset[Role] = frozenset({Role.ORG_OWNER}),
        groups: dict[str, frozenset[Role]] | None = None,
        org_id: str | None = None,
    ) -> tuple[str, str]:
        """Client id and client secret."""
        client_id, text = credentials.new_client_id(), credentials.new_client_secret()
        account = ServiceAccount(
            id=client_id,
            org_id=org_id or self.a.id,
            name="tester",
            description="test",
            created=0.0,
            org_roles=org,
            group_roles=groups or {},
        )
        secret = ClientSecret(
            id=new_id(self.clock.now()),
            masked=credentials.masked(text),
            created=0.0,
            expires=self.clock.now() + 1e9,
        )
        with self.store.write() as session:
            session.access.add_service_account(account)
            session.access.add_client_secret(client_id, secret, text)
        return client_id, text.reveal()

    def bearer(self, *args: Any, **kwargs: Any) -> Bearer:
        """A fresh token of a fresh account."""
        answer = httpx.post(
            f"{self.url}/api/oauth/token",
            data={"grant_type": "client_credentials"},
            auth=self.account(*args, **kwargs),
            verify=False,
        )
        return Bearer(answer.json()["access_token"])

    def client(self, auth: Any = None, accept: str | None = V) -> httpx.Client:
        headers = {"Accept": accept} if accept else {}
        # Nothing to verify on plain HTTP; loading the trusted authorities would cost more than a test.
        client = httpx.Client(
            base_url=f"{self.url}/api/atlas/v2", auth=auth, headers=headers, timeout=30, verify=False
        )
        return self.clients.enter_context(client)

    def workspace(self, group: Group | None = None) -> Workspace:
        """A new one."""
        self._made += 1
        workspace = Workspace(
            id=new_id(self.clock.now()),
            group_id=(group or self.own).id,
            name=f"ws{self._made}",
            region=DataProcessRegion(cloud_provider="AWS", region="VIRGINIA_USA"),
            hostnames=("localhost:27017",),
            created=3.0,
        )
        with self.store.write() as session:
            session.add_workspace(workspace)
        return workspace


@contextlib.contextmanager
def running(settings: Settings, launcher: Launcher | None = None) -> Iterator[Served]:
    """Serve until the end of the block; ``launcher``: of its workers."""
    clock = ShiftedClock()
    with (
        contextlib.closing(Store.open(settings, clock)) as store,
        contextlib.closing(Supervisor(store, clock, settings, launcher=launcher)) as supervisor,
        socket.create_server(("127.0.0.1", 0)) as listener,
    ):
        services = Services(store, supervisor, clock, settings)
        served = _seeded(services, clock)
        served.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        config = uvicorn.Config(
            http.application(services),
            http=Connection,
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            ws="none",
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        try:
            _wait(lambda: server.started or not thread.is_alive())
            yield served
        finally:
            served.clients.close()
            server.should_exit = True
            thread.join()


def _seeded(services: Services, clock: ShiftedClock) -> Served:
    a, b = (Organization(id=c * 24, name=f"Org {c}", created=1.0) for c in "ab")
    own = Group(id="1" * 24, org_id=a.id, name="Own", created=2.0)
    foreign = Group(id="2" * 24, org_id=a.id, name="Foreign", created=2.0)
    other = Group(id="3" * 24, org_id=b.id, name="Other", created=2.0)
    with services.store.write() as session:
        for organization in (a, b):
            session.add_organization(organization)
        for group in (own, foreign, other):
            session.add_group(group)
        add_networks(session, own.id)
    return Served(services, clock, a, b, own, foreign, other)


def _wait(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + 10
    while not condition():
        if time.monotonic() > until:
            raise TimeoutError
        time.sleep(0.005)
