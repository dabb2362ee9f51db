"""Connections of a workspace: list, create, get, update, delete."""

from __future__ import annotations

from typing import Any

import msgspec

from brookmill.connections.kafka import Kafka
from brookmill.domain.connection import Connection, settled
from brookmill.domain.names import name_problem, new_id
from brookmill.domain.principal import PROJECT_READERS, STREAM_MANAGERS, STREAM_READERS
from brookmill.domain.rollout import Rollout
from brookmill.domain.workspace import Workspace
from brookmill.errors import UserError
from brookmill.operations import Answered, Call, Page, operation
from brookmill.operations.answer import answer
from brookmill.operations.body import Body
from brookmill.operations.condition import check_match, tag
from brookmill.operations.connection_body import created, updated
from brookmill.operations.connection_tests import dry_run
from brookmill.operations.connection_updates import refuse_in_use, replace, try_out
from brookmill.operations.lookup import find_revised, find_workspace
from brookmill.operations.networking import check_networking
from brookmill.operations.repetition import once
from brookmill.operations.rollouts import accepted

_LIST = "/groups/{groupId}/streams/{tenantName}/connections"
_ONE = _LIST + "/{connectionName}"

_CREATE = "createGroupStreamConnection"
_UPDATE = "updateGroupStreamConnection"
_DELETE = "deleteGroupStreamConnection"


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
    _CREATE,
    f"POST {_LIST}",
    since="2023-02-01",
    roles=STREAM_MANAGERS,
    aliases=("createStreamConnection",),
    guess="length and characters of names; what is said of a private link that is not there, and that a VPC "
    "peering must be active",
)
def create_connection(call: Call, group_id: str, tenant_name: str) -> Answered:
    """Add a connection; the server fills ``id``, ``region`` and ``state``, and what the type documents."""
    with call.store.read() as session:
        workspace = find_workspace(session, group_id, tenant_name)
    body = Body.parse(call.body)
    connection = _ready_to_keep(call, workspace, _named(created(body, ("name", "type"))))

    def write() -> Answered:
        workspace = find_workspace(session, group_id, tenant_name)
        check_networking(session, workspace, connection, call.clock.now())
        if session.connection(workspace, str(connection.name)) is not None:
            raise UserError("STREAM_CONNECTION_NAME_ALREADY_EXISTS", str(connection.name))
        revision = session.add_connection(workspace, connection, call.author)
        return Answered(answer(connection), tag=tag(connection, revision))

    with call.store.write() as session:
        return once(call, session, _CREATE, write)


@operation(
    "getGroupStreamConnection",
    f"GET {_ONE}",
    since="2023-02-01",
    roles=PROJECT_READERS,
    aliases=("getStreamConnection",),
)
def get_connection(call: Call, group_id: str, tenant_name: str, connection_name: str) -> Answered:
    """One connection, without its secrets."""
    with call.store.read() as session:
        workspace = find_workspace(session, group_id, tenant_name)
        connection, revision = find_revised(session, workspace, connection_name)
    return Answered(_shown(call, connection), tag=tag(connection, revision))


@operation(
    _UPDATE,
    f"PATCH {_ONE}",
    since="2023-02-01",
    roles=STREAM_MANAGERS,
    aliases=("updateStreamConnection",),
    guess="merge depth of nested members; omitted secrets; a body without type or name; the code for another "
    "type or name; whether and with which code a connection in use is refused (setting updates)",
    query=("dryRun", "updates"),
)
def update_connection(call: Call, group_id: str, tenant_name: str, connection_name: str) -> Answered:
    """Change the members sent and keep the others, in the order of checks of the contract, c.2.

    Ours: with ``dryRun=true`` nothing is kept, the connection is tested as it would be; ``updates`` says
    how processors that use it take up the change.
    """
    if call.flag("dryRun"):
        return Answered(dry_run(call, group_id, tenant_name, connection_name))
    body = Body.attempt(call.body)  # others need not wait for its reading
    try_out(call, group_id, tenant_name, connection_name, lambda _, __, kept: updated(kept, body()))
    begun: list[Rollout] = []

    def write() -> Answered:
        workspace = find_workspace(session, group_id, tenant_name)
        kept, revision = find_revised(session, workspace, connection_name)
        check_match(call, connection_name, tag(kept, revision))
        now = updated(kept, body())
        revision, rollout = replace(call, session, workspace, kept, now)
        if rollout is not None:
            begun.append(rollout)
            return accepted(workspace, rollout, tag(now, revision))
        return Answered(answer(now, omit=frozenset({"state"})), tag=tag(now, revision))

    with call.store.write() as session:
        answered = once(call, session, _UPDATE, write)
    for rollout in begun:
        call.supervisor.rollouts.begin(rollout.id)
    return answered


@operation(
    _DELETE,
    f"DELETE {_ONE}",
    since="2023-02-01",
    roles=STREAM_MANAGERS,
    status=202,
    aliases=("deleteStreamConnection",),
    guess="the code for a connection in use",
)
def delete_connection(call: Call, group_id: str, tenant_name: str, connection_name: str) -> Answered:
    """Remove a connection that no running processor uses."""

    def write() -> Answered:
        workspace = find_workspace(session, group_id, tenant_name)
        kept, revision = find_revised(session, workspace, connection_name)
        check_match(call, connection_name, tag(kept, revision))
        connection = settled(kept, call.clock.now())
        if isinstance(connection, Kafka) and connection.state == "PENDING":
            raise UserError("STREAM_KAFKA_CONNECTION_IS_DEPLOYING", connection_name)
        refuse_in_use(session, workspace, connection_name)
        session.remove_connection(workspace, connection_name, call.author)
        return Answered(None)

    with call.store.write() as session:
        return once(call, session, _DELETE, write)


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
