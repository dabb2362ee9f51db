"""Who uses a connection, and what a change of it would do, before it is sent. Brookmill's own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import UNSET

from brookmill.domain.certificate import DAY, certificates
from brookmill.domain.connection import Connection
from brookmill.domain.options import options_of
from brookmill.domain.pipeline import uses
from brookmill.domain.principal import STREAM_MANAGERS
from brookmill.domain.processor import Processor, State
from brookmill.domain.revision import changes
from brookmill.domain.tier import Limits, tier_limits
from brookmill.domain.token import tokens
from brookmill.domain.workspace import Workspace
from brookmill.errors import UserError
from brookmill.operations import Call, operation
from brookmill.operations.answer import answer, instant
from brookmill.operations.body import Body
from brookmill.operations.condition import tag
from brookmill.operations.connection_body import updated
from brookmill.operations.connection_updates import refuse_in_use, way
from brookmill.operations.lookup import find_revised, find_revision, find_workspace
from brookmill.operations.networking import check_unmoved
from brookmill.operations.processors import check, connections_in
from brookmill.store import Session

_ONE = "/groups/{groupId}/streams/{tenantName}/connections/{connectionName}"


@operation("getGroupStreamConnectionUsedBy", f"GET {_ONE}:usedBy", since="2023-02-01", roles=STREAM_MANAGERS)
def used_by(call: Call, group_id: str, tenant_name: str, connection_name: str) -> Any:
    """The processors and stages that name the connection, and how long its certificates and tokens last."""
    with call.store.read() as session:
        workspace = find_workspace(session, group_id, tenant_name)
        connection, revision = find_revised(session, workspace, connection_name)
        processors = session.processors(workspace)
    return {
        "certificates": _certificates(connection, call.clock.now()),
        "name": connection_name,
        "processors": [shown for one in processors if (shown := _use(one, connection_name))],
        "revision": revision,
        "tokens": _tokens(connection, call.clock.now()),
        "type": connection.type,
    }


@operation(
    "planGroupStreamConnectionUpdate",
    f"POST {_ONE}:plan",
    since="2023-02-01",
    roles=STREAM_MANAGERS,
    query=("delete", "revision", "updates"),
)
def plan_update(call: Call, group_id: str, tenant_name: str, connection_name: str) -> Any:
    """What a PATCH with this body would change, touch and break; nothing is written.

    ``revision``: a rollback to it instead, ``delete=true``: a deletion.
    """
    with call.store.read() as session:
        workspace = find_workspace(session, group_id, tenant_name)
        kept, revision = find_revised(session, workspace, connection_name)
        now = _wanted(call, session, workspace, kept)
        refusal = _refusal(call, session, workspace, kept, now)
        processors = session.processors(workspace)
        before = connections_in(session, workspace)
    after = {name: one for name, one in before.items() if name != connection_name}
    after |= {} if now is None else {connection_name: now}
    touched = changes(kept, now)
    limits = tier_limits(call.settings.tiers)
    shown: dict[str, Any] = {
        "certificates": [] if now is None else _certificates(now, call.clock.now()),
        "changes": answer(touched),
        "ifMatch": f'"{tag(kept, revision)}"',
        "processors": [
            use | _effect(one, bool(touched), _broken(one, workspace, before, after, limits))
            for one in processors
            if (use := _use(one, connection_name))
        ],
        "tokens": [] if now is None else _tokens(now, call.clock.now()),
    }
    return shown if refusal is None else shown | {"refused": refusal}


def _wanted(call: Call, session: Session, workspace: Workspace, kept: Connection) -> Connection | None:
    """What the connection would be; None: deleted. Raises what the body, or a missing revision, deserves."""
    if call.flag("delete"):
        return None
    if (number := call.query.get("revision")) is None:
        return updated(kept, Body.parse(call.body, optional=True))
    wanted = find_revision(session, workspace, str(kept.name), number)
    if wanted.connection is None or wanted.type != kept.type:
        raise UserError("VALIDATION_ERROR", f"Revision {number} is nothing that {kept.name} can become")
    return msgspec.structs.replace(wanted.connection, id=kept.id, state=kept.state)


def _refusal(
    call: Call, session: Session, workspace: Workspace, kept: Connection, now: Connection | None
) -> dict[str, str] | None:
    """What the write would be refused with at this moment."""
    try:
        if now is not None:
            check_unmoved(session, workspace, kept, now, call.clock.now())
        if now is None or way(call) == "refuse":
            refuse_in_use(session, workspace, str(kept.name))
    except UserError as e:
        return {"detail": e.detail, "errorCode": e.code}
    return None


def _use(processor: Processor, connection: str) -> dict[str, Any]:
    """Where the processor names the connection; empty: nowhere."""
    pipeline = msgspec.json.decode(processor.pipeline)
    stages = [
        {"path": use.path, "stage": use.stage} for use in uses(pipeline) if use.connection == connection
    ]
    queue = options_of(processor.options).dlq
    letters = queue is not UNSET and queue.connection_name == connection
    if not stages and not letters:
        return {}
    return {
        "deadLetters": letters,
        "id": processor.id,
        "name": processor.name,
        "stages": stages,
        "state": processor.state.value,
    }


def _effect(processor: Processor, changed: bool, problem: str | None) -> dict[str, Any]:
    if problem is not None:
        return {"effect": "BREAKS", "problem": problem}
    runs = processor.state is State.STARTED
    return {"effect": ("RESTART" if runs else "NEXT_START") if changed else "NONE"}


def _broken(
    processor: Processor,
    workspace: Workspace,
    before: Mapping[str, Connection],
    after: Mapping[str, Connection],
    limits: Mapping[str, Limits],
) -> str | None:
    """Why the processor cannot be planned ``after``, if it can be ``before``."""
    problem = _problem(processor, workspace, after, limits)
    return None if problem is None or _problem(processor, workspace, before, limits) else problem


def _problem(
    processor: Processor,
    workspace: Workspace,
    connections: Mapping[str, Connection],
    limits: Mapping[str, Limits],
) -> str | None:
    try:
        check(processor, workspace, connections, limits)
    except UserError as e:
        return str(e.parameters[-1]) if e.parameters else e.detail
    return None


def _certificates(connection: Connection, now: float) -> list[dict[str, Any]]:
    return [
        {
            "daysLeft": int((one.not_after - now) // DAY),
            "member": one.member,
            "notAfter": instant(one.not_after),
            "notBefore": instant(one.not_before),
            "state": one.standing(now),
            "subject": one.subject,
        }
        for one in certificates(connection)
    ]


def _tokens(connection: Connection, now: float) -> list[dict[str, Any]]:
    return [
        {
            "daysLeft": int((one.not_after - now) // DAY),
            "member": one.member,
            "notAfter": instant(one.not_after),
            "state": one.standing(now),
        }
        for one in tokens(connection)
    ]
