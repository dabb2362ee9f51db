"""Tests of connections, step by step, before anything depends on them. docs/probes.md."""

from __future__ import annotations

from typing import Any

import msgspec

from brookmill.connections import Opening, Probeable
from brookmill.connections.references import resolved
from brookmill.domain.connection import Connection
from brookmill.domain.names import new_id
from brookmill.domain.principal import STREAM_MANAGERS
from brookmill.domain.workspace import Workspace
from brookmill.errors import ConnectionFailed, UserError
from brookmill.operations import Call, operation
from brookmill.operations.answer import answer
from brookmill.operations.body import Body
from brookmill.operations.condition import check_match, tag
from brookmill.operations.connection_body import created, updated
from brookmill.operations.lookup import find_connection, find_revised, find_workspace
from brookmill.operations.networking import check_unmoved
from brookmill.runtime.probing import LIMIT, MOST, Busy, probed
from brookmill.store import Session

_ALL = "/groups/{groupId}/streams/{tenantName}/connections:test"
_ONE = "/groups/{groupId}/streams/{tenantName}/connections/{connectionName}:test"

#: The member of a connection's body that says what to try.
TRY = "try"


@operation(
    "testGroupStreamConnection",
    f"POST {_ONE}",
    since="2023-02-01",
    roles=STREAM_MANAGERS,
    waits=True,
)
def test_connection(call: Call, group_id: str, tenant_name: str, connection_name: str) -> Any:
    """How far a kept connection leads. The body says what to try, e.g. ``{"topic": …}``, if anything."""
    with call.store.read() as session:
        workspace = find_workspace(session, group_id, tenant_name)
        connection = find_connection(session, workspace, connection_name)
        opening = _opening(call, session, workspace, connection)
    return _tested(call, connection, Body.parse(call.body, optional=True), opening)


@operation(
    "testGroupStreamConnectionUnsaved",
    f"POST {_ALL}",
    since="2023-02-01",
    roles=STREAM_MANAGERS,
    waits=True,
)
def test_unsaved(call: Call, group_id: str, tenant_name: str) -> Any:
    """How far a connection would lead that the body describes; its member ``try`` says what to try."""
    body, wanted = _split(Body.parse(call.body))
    with call.store.read() as session:
        workspace = find_workspace(session, group_id, tenant_name)
        connection = created(body, ("type",))
        if connection.region is msgspec.UNSET:
            connection = msgspec.structs.replace(connection, region=workspace.region.region)
        opening = _opening(call, session, workspace, connection)
    return _tested(call, connection, wanted, opening)


def dry_run(call: Call, group_id: str, tenant_name: str, connection_name: str) -> Any:
    """What a PATCH with ``dryRun=true`` does: what would be kept, kept secrets among it, is tested instead.

    Processors that use the connection are no obstacle. Raises what the PATCH would.
    """
    body = Body.attempt(call.body)
    with call.store.read() as session:
        workspace = find_workspace(session, group_id, tenant_name)
        kept, revision = find_revised(session, workspace, connection_name)
        check_match(call, connection_name, tag(kept, revision))
        sent, wanted = _split(body())
        now = updated(kept, sent)
        check_unmoved(session, workspace, kept, now, call.clock.now())
        opening = _opening(call, session, workspace, now)
    return _tested(call, now, wanted, opening)


def report_on(call: Call, workspace: Workspace, connection: Connection) -> Any:
    """How far ``connection`` leads, with nothing more tried."""
    with call.store.read() as session:
        opening = _opening(call, session, workspace, connection)
    return _tested(call, connection, Body(b"", {}), opening)


def _split(body: Body) -> tuple[Body, Body]:
    """A connection's body without its member ``try``, and that. Raises INVALID_JSON_ATTRIBUTE."""
    members = dict(body.members)
    wanted = members.pop(TRY, None)
    if not isinstance(wanted, dict | None):
        raise UserError("INVALID_JSON_ATTRIBUTE", TRY, fields=[(TRY, "must be an object")])
    return Body(body.text, members), Body(b"", wanted or {})


def _tested(call: Call, connection: Connection, wanted: Body, opening: Opening) -> Any:
    """The report. Every test of whatever origin passes through here; who asked for it the audit log knows."""
    try:
        connection = resolved(connection, call.settings)
    except ConnectionFailed as e:
        raise UserError("VALIDATION_ERROR", str(e)) from None
    if not isinstance(connection, Probeable):
        raise TypeError(f"nobody knows how to test a {connection.type}")
    options = wanted.into(connection.probe_options)
    try:
        report = probed(connection, options, opening)
    except Busy:
        seconds = round(LIMIT)
        raise UserError(
            *("RATE_LIMITED_TOKEN_BUCKET", "connection tests", seconds, MOST, MOST, seconds),
            headers=[("Retry-After", str(seconds))],
        ) from None
    name = {} if connection.name is msgspec.UNSET else {"name": connection.name}
    return {**name, "type": connection.type, **answer(report)}


def _opening(call: Call, session: Session, workspace: Workspace, connection: Connection) -> Opening:
    """What a worker would be told, but for a processor. Its name in AWS and Kafka is one of its own."""
    others = {str(other.name): other for other in session.connections(workspace)}
    name = getattr(connection, "cluster_name", None)
    cluster = session.cluster(name) if isinstance(name, str) else None
    return Opening(
        new_id(call.clock.now()),
        call.clock,
        outside=call.settings.outside,
        clusters={} if cluster is None else {cluster.name: cluster.uri.reveal()},
        connections=others,
    )
