"""Connections of a workspace: list, create, get, update, delete."""

from __future__ import annotations

from typing import Any

import msgspec

from brookmill.connections.kafka import Kafka
from brookmill.domain.connection import Connection, settled
from brookmill.domain.names import name_problem, new_id
from brookmill.domain.principal import PROJECT_READERS, STREAM_MANAGERS, STREAM_READERS
from brookmill.domain.workspace import Workspace
from brookmill.errors import UserError
from brookmill.operations import Call, Page, operation
from brookmill.operations.answer import answer
from brookmill.operations.body import Body
from brookmill.operations.connection_body import created, updated
from brookmill.operations.lookup import find_connection, find_workspace, started_with
from brookmill.operations.networking import check_networking, check_unmoved
from brookmill.store import Session

_LIST = "/groups/{groupId}/streams/{tenantName}/connections"
_ONE = _LIST + "/{connectionName}"


@operation(
    "listGroupStreamConnections",
    f"GET {_LIST}",
    since="2023-02-01",
    roles=STREAM_READERS,
    paged=True,
    aliases=("listStreamConnections",),
    guess="the order of the list: creation",
)
def list_connections(call: Call, group_id: str, tenant_name: str) -> Page:
    """All connections of the workspace."""
    with call.store.read() as session:
        connections = session.connections(find_workspace(session, group_id, tenant_name))
    page = call.page(connections)
    return Page([_shown(call, connection) for connection in page.results], page.total)


@operation(
    "createGroupStreamConnection",
    f"POST {_LIST}",
    since="2023-02-01",
    roles=STREAM_MANAGERS,
    aliases=("createStreamConnection",),
    guess="length and characters of names; what is said of a private link that is not there, and that a VPC "
    "peering must be active",
)
def create_connection(call: Call, group_id: str, tenant_name: str) -> Any:
    """Add a connection; the server fills ``id``, ``region`` and ``state``, and what the type documents."""
    with call.store.read() as session:
        workspace = find_workspace(session, group_id, tenant_name)
    body = Body.parse(call.body)
    connection = _ready_to_keep(call, workspace, _named(created(body, ("name", "type"))))
    with call.store.write() as session:
        workspace = find_workspace(session, group_id, tenant_name)
        check_networking(session, workspace, connection, call.clock.now())
        if session.connection(workspace, str(connection.name)) is not None:
            raise UserError("STREAM_CONNECTION_NAME_ALREADY_EXISTS", str(connection.name))
        session.add_connection(workspace, connection)
    return answer(connection)


@operation(
    "getGroupStreamConnection",
    f"GET {_ONE}",
    since="2023-02-01",
    roles=PROJECT_READERS,
    aliases=("getStreamConnection",),
)
def get_connection(call: Call, group_id: str, tenant_name: str, connection_name: str) -> Any:
    """One connection, without its secrets."""
    with call.store.read() as session:
        connection = find_connection(session, find_workspace(session, group_id, tenant_name), connection_name)
    return _shown(call, connection)


@operation(
    "updateGroupStreamConnection",
    f"PATCH {_ONE}",
    since="2023-02-01",
    roles=STREAM_MANAGERS,
    aliases=("updateStreamConnection",),
    guess="merge depth of nested members; omitted secrets; a body without type or name; the code for another "
    "type or name; whether and with which code a connection in use is refused (setting update_in_use)",
)
def update_connection(call: Call, group_id: str, tenant_name: str, connection_name: str) -> Any:
    """Change the members sent and keep the others, in the order of checks of the contract, c.2."""
    body = Body.attempt(call.body)  # others need not wait for its reading
    with call.store.write() as session:
        workspace = find_workspace(session, group_id, tenant_name)
        kept = find_connection(session, workspace, connection_name)
        now = updated(kept, body())
        check_unmoved(session, workspace, kept, now, call.clock.now())
        if call.settings.update_in_use == "refuse":
            _refuse_in_use(session, workspace, connection_name)
        session.replace_connection(workspace, now)
    return answer(now, omit=frozenset({"state"}))


@operation(
    "deleteGroupStreamConnection",
    f"DELETE {_ONE}",
    since="2023-02-01",
    roles=STREAM_MANAGERS,
    status=202,
    aliases=("deleteStreamConnection",),
    guess="the code for a connection in use",
)
def delete_connection(call: Call, group_id: str, tenant_name: str, connection_name: str) -> None:
    """Remove a connection that no running processor uses."""
    with call.store.write() as session:
        workspace = find_workspace(session, group_id, tenant_name)
        connection = settled(find_connection(session, workspace, connection_name), call.clock.now())
        if isinstance(connection, Kafka) and connection.state == "PENDING":
            raise UserError("STREAM_KAFKA_CONNECTION_IS_DEPLOYING", connection_name)
        _refuse_in_use(session, workspace, connection_name)
        session.remove_connection(workspace, connection_name)


def _shown(call: Call, connection: Connection) -> Any:
    return answer(settled(connection, call.clock.now()))


def _named(connection: Connection) -> Connection:
    if problem := name_problem("connection", str(connection.name)):
        raise UserError("VALIDATION_ERROR", problem, fields=[("name", problem)])
    return connection


def _ready_to_keep(call: Call, workspace: Workspace, connection: Connection) -> Connection:
    region = connection.region
    return msgspec.structs.replace(
        connection,
        id=new_id(call.clock.now()),
        region=workspace.region.region if region is msgspec.UNSET else region,
        state="PENDING" if connection.private else "READY",
    )


def _refuse_in_use(session: Session, workspace: Workspace, name: str) -> None:
    if users := started_with(session, workspace, name):
        raise UserError("STREAM_CONNECTION_HAS_STREAM_PROCESSORS", name, ", ".join(users))
