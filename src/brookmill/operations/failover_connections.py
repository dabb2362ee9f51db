"""Failover connections of a connection: list, create, get, update, delete.

They would take its place in another region. They are kept and returned; a processor never fails over here.
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET

from brookmill.domain.connection import Connection, settled
from brookmill.domain.names import new_id
from brookmill.domain.principal import STREAM_MANAGERS
from brookmill.domain.workspace import Workspace
from brookmill.errors import UserError
from brookmill.operations import Call, Page, operation
from brookmill.operations.answer import answer
from brookmill.operations.body import Body
from brookmill.operations.connection_body import created, updated
from brookmill.operations.lookup import find_connection, find_workspace
from brookmill.operations.networking import check_networking, check_unmoved
from brookmill.store import Session

_LIST = "/groups/{groupId}/streams/{tenantName}/connections/{connectionName}/failoverConnections"
_ONE = _LIST + "/{failoverConnectionId}"

#: The types that can have failover connections.
_TYPES = frozenset({"Cluster", "Kafka"})


@operation(
    "listGroupStreamConnectionFailoverConnections",
    f"GET {_LIST}",
    since="2025-03-12",
    roles=STREAM_MANAGERS,
    paged=True,
    aliases=("listFailoverConnections",),
    guess="the order of the list: creation",
)
def list_failover_connections(call: Call, group_id: str, tenant_name: str, connection_name: str) -> Page:
    """All failover connections of a connection."""
    with call.store.read() as session:
        _, connection = _parents(session, group_id, tenant_name, connection_name)
        page = call.page(session.failovers.all(str(connection.id)))
    return Page([_shown(call, failover) for failover in page.results], page.total)


@operation(
    "createGroupStreamConnectionFailoverConnection",
    f"POST {_LIST}",
    since="2025-03-12",
    roles=STREAM_MANAGERS,
    status=201,
    aliases=("createFailoverConnection",),
    guess="that the type must be the connection's; one for each region, and the code for a second one; what "
    "a name means",
)
def create_failover_connection(call: Call, group_id: str, tenant_name: str, connection_name: str) -> Any:
    """Add a failover connection; the server fills ``id`` and ``state``, and what the type documents."""
    now, body = call.clock.now(), Body.attempt(call.body)
    with call.store.write() as session:
        workspace, connection = _parents(session, group_id, tenant_name, connection_name)
        failover = created(body(), ("type",))
        _check_type(connection, failover)
        check_networking(session, workspace, failover, now)
        state = "PENDING" if failover.private else "READY"
        failover = msgspec.structs.replace(failover, id=new_id(now), state=state)
        _check_region(session, connection, failover)
        session.failovers.add(str(connection.id), failover)
    return answer(failover)


@operation(
    "getGroupStreamConnectionFailoverConnection",
    f"GET {_ONE}",
    since="2025-03-12",
    roles=STREAM_MANAGERS,
    aliases=("getFailoverConnection",),
    guess="the code for an unknown id",
)
def get_failover_connection(
    call: Call, group_id: str, tenant_name: str, connection_name: str, failover_connection_id: str
) -> Any:
    """One failover connection, without its secrets."""
    with call.store.read() as session:
        _, connection = _parents(session, group_id, tenant_name, connection_name)
        return _shown(call, _find(session, connection, failover_connection_id))


@operation(
    "updateGroupStreamConnectionFailoverConnection",
    f"PATCH {_ONE}",
    since="2025-03-12",
    roles=STREAM_MANAGERS,
    aliases=("updateFailoverConnection",),
    guess="the rules of a connection's PATCH hold",
)
def update_failover_connection(
    call: Call, group_id: str, tenant_name: str, connection_name: str, failover_connection_id: str
) -> Any:
    """Change the members sent and keep the others."""
    body = Body.attempt(call.body)
    with call.store.write() as session:
        workspace, connection = _parents(session, group_id, tenant_name, connection_name)
        kept = _find(session, connection, failover_connection_id)
        now = updated(kept, body())
        check_unmoved(session, workspace, kept, now, call.clock.now())
        _check_region(session, connection, now)
        session.failovers.replace(str(connection.id), now)
    return _shown(call, now)


@operation(
    "deleteGroupStreamConnectionFailoverConnection",
    f"DELETE {_ONE}",
    since="2025-03-12",
    roles=STREAM_MANAGERS,
    status=204,
    aliases=("deleteFailoverConnection",),
)
def delete_failover_connection(
    call: Call, group_id: str, tenant_name: str, connection_name: str, failover_connection_id: str
) -> None:
    """Remove a failover connection."""
    with call.store.write() as session:
        _, connection = _parents(session, group_id, tenant_name, connection_name)
        failover = _find(session, connection, failover_connection_id)
        session.failovers.remove(str(connection.id), str(failover.id))


def _parents(session: Session, group_id: str, workspace: str, name: str) -> tuple[Workspace, Connection]:
    found = find_workspace(session, group_id, workspace)
    return found, find_connection(session, found, name)


def _find(session: Session, connection: Connection, id: str) -> Connection:
    failover = session.failovers.one(str(connection.id), id)
    if failover is None:
        raise UserError("STREAM_FAILOVER_CONNECTION_NOT_FOUND", id[:120], str(connection.name))
    return failover


def _check_type(connection: Connection, failover: Connection) -> None:
    if connection.type not in _TYPES:
        text = f"A connection of type {connection.type} cannot have failover connections"
        raise UserError("VALIDATION_ERROR", text)
    if failover.type != connection.type:
        raise UserError("VALIDATION_ERROR", f"The type must be that of the connection, {connection.type}")


def _check_region(session: Session, connection: Connection, failover: Connection) -> None:
    region = "" if failover.region is UNSET else failover.region
    for other in session.failovers.all(str(connection.id)):
        if other.id != failover.id and (other.region or "") == region:
            raise UserError(
                "STREAM_FAILOVER_CONNECTION_ALREADY_EXISTS", str(connection.name), region or "none"
            )


def _shown(call: Call, failover: Connection) -> Any:
    return answer(settled(failover, call.clock.now()))
