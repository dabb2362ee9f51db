"""A store with one project, and a way to ask its operations as a caller who owns everything."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
from networks import add_networks

from brookmill.clock import VirtualClock
from brookmill.config import Settings
from brookmill.domain.names import new_id
from brookmill.domain.principal import Principal, Role
from brookmill.domain.workspace import DataProcessRegion, Group, Organization, Workspace
from brookmill.errors import UserError
from brookmill.operations import OPERATIONS, Answered, Call, Page, perform
from brookmill.runtime import Supervisor
from brookmill.store import Store

ORG, GROUP = "a" * 24, "b" * 24
OWNER = Principal(
    kind="API_KEY", id="c" * 24, name="owner", org_id=ORG, org_roles=frozenset({Role.ORG_OWNER})
)


@dataclass(frozen=True)
class Asker:
    """Asks operations by their id; ``body`` is encoded unless it is bytes."""

    store: Store
    supervisor: Supervisor
    clock: VirtualClock
    settings: Settings
    path: dict[str, str] = field(default_factory=dict)
    principal: Principal = OWNER
    headers: dict[str, str] = field(default_factory=dict)

    def __call__(
        self, operation: str, body: Any = b"", query: dict[str, str] | None = None, **path: str
    ) -> Any:
        """The answer as a client reads it; raises UserError."""
        answer = self.raw(operation, body, query, **path)
        if isinstance(answer, Answered):
            answer = answer.value
        if isinstance(answer, Page):
            answer = {"results": answer.results, "totalCount": answer.total}
        return json.loads(msgspec.json.encode(answer))

    def raw(self, operation: str, body: Any = b"", query: dict[str, str] | None = None, **path: str) -> Any:
        """The answer as a door gets it; raises UserError."""
        call = Call(
            principal=self.principal,
            path={"groupId": GROUP} | self.path | path,
            query=query or {},
            body=body if isinstance(body, bytes) else json.dumps(body).encode(),
            base_url="http://localhost",
            remote="127.0.0.1",
            request_id="test",
            version=dt.date(2024, 8, 5),
            store=self.store,
            supervisor=self.supervisor,
            clock=self.clock,
            settings=self.settings,
            headers=self.headers,
        )
        found = OPERATIONS[operation]
        names = set(found.arguments)
        return perform(found, replace(call, path={k: v for k, v in call.path.items() if k in names}))

    def attempt(self, operation: str, body: Any = b"", **path: str) -> Any:
        """The answer, or the UserError instead of it."""
        try:
            return self(operation, body, None, **path)
        except UserError as error:
            return error

    def error(self, operation: str, body: Any = b"", **path: str) -> UserError:
        """The error that the operation answers with."""
        answer = self.attempt(operation, body, **path)
        assert isinstance(answer, UserError)
        return answer

    def by(self, **members: Any) -> Asker:
        """The same, asked by another principal: the owner with other members."""
        return replace(self, principal=msgspec.structs.replace(self.principal, **members))

    def sending(self, **headers: str) -> Asker:
        """The same with request headers, ``if_match`` for If-Match."""
        return replace(self, headers={name.replace("_", "-"): value for name, value in headers.items()})

    def set(self, **settings: Any) -> Asker:
        """The same with other settings."""
        return replace(self, settings=msgspec.structs.replace(self.settings, **settings))


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asker]:
    """A store on disk with a project, and its supervisor; shared by a module."""
    clock = VirtualClock(1_700_000_000.0)
    settings = Settings(data_dir=str(tmp_path_factory.mktemp("mill")))
    store = Store.open(settings, clock)
    supervisor = Supervisor(store, clock, settings)
    with store.write() as session:
        session.add_organization(Organization(id=ORG, name="Mill", created=1.0))
        session.add_group(Group(id=GROUP, org_id=ORG, name="Wheel", created=1.0))
        add_networks(session, GROUP)
    yield Asker(store, supervisor, clock, settings)
    supervisor.close()
    store.close()


@pytest.fixture
def ask(services: Asker) -> Asker:
    """Asks about a workspace of the test's own."""
    id = new_id(services.clock.now())
    workspace = Workspace(
        id=id,
        group_id=GROUP,
        name=f"ws-{id}",
        region=DataProcessRegion(cloud_provider="AWS", region="VIRGINIA_USA"),
        created=services.clock.now(),
    )
    with services.store.write() as session:
        session.add_workspace(workspace)
    return replace(services, path={"tenantName": workspace.name})


@pytest.fixture(scope="session")
def samples() -> dict[str, dict[str, Any]]:
    """A body with every member of every connection type, by type."""
    path = Path(__file__).parents[1] / "cases" / "connections" / "samples.json"
    bodies: dict[str, dict[str, Any]] = json.loads(path.read_text("utf-8"))
    return bodies


@pytest.fixture
def secrets_of(ask: Asker) -> Callable[[str], dict[str, str]]:
    """What is kept of a connection's secrets, by path."""
    from brookmill.domain.connection import secrets

    def read(name: str) -> dict[str, str]:
        with ask.store.read() as session:
            workspace = session.workspace(GROUP, ask.path["tenantName"])
            assert workspace is not None
            connection = session.connection(workspace, name)
        return {path: secret.reveal() for path, secret in secrets(connection)}

    return read
