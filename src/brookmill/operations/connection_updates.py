"""What a write to a connection does while processors use it."""

from __future__ import annotations

from collections.abc import Callable

from brookmill.domain.connection import Connection
from brookmill.domain.names import new_id
from brookmill.domain.processor import Processor
from brookmill.domain.revision import changes
from brookmill.domain.rollout import Rollout, Step
from brookmill.domain.workspace import Workspace
from brookmill.errors import UserError
from brookmill.operations import Call
from brookmill.operations.condition import check_match, tag
from brookmill.operations.connection_tests import report_on
from brookmill.operations.lookup import find_revised, find_workspace, started_with
from brookmill.operations.networking import check_unmoved
from brookmill.operations.repetition import repeated
from brookmill.store import Session

#: The ways: the setting ``updates``, and what a call may ask for instead.
WAYS = ("refuse", "next-start", "rolling")

#: What a connection shall become, from what it is.
Wanted = Callable[[Session, Workspace, Connection], Connection]


def way(call: Call) -> str:
    """How the caller wants a connection in use to be treated: query parameter, header or setting.

    Raises INVALID_QUERY_PARAMETER.
    """
    asked = call.query.get("updates") or call.headers.get("brookmill-updates")
    if asked is None:
        return call.settings.updates
    if asked not in WAYS:
        raise UserError(
            "INVALID_QUERY_PARAMETER", "updates", fields=[("updates", f"must be one of {', '.join(WAYS)}")]
        )
    return asked


def try_out(call: Call, group_id: str, tenant_name: str, name: str, wanted: Wanted) -> None:
    """Test what shall be rolled out to running processors, before anything is written or anybody stopped.

    Nothing happens unless there is somebody to roll it out to. Raises what the write would, and
    STREAM_CONNECTION_TEST_FAILED.
    """
    if way(call) != "rolling":
        return
    with call.store.read() as session:
        if repeated(call, session):
            return
        workspace = find_workspace(session, group_id, tenant_name)
        kept, revision = find_revised(session, workspace, name)
        check_match(call, name, tag(kept, revision))
        now = wanted(session, workspace, kept)
        check_unmoved(session, workspace, kept, now, call.clock.now())
        used = started_with(session, workspace, name)
    if not used or not changes(kept, now):
        return
    report = report_on(call, workspace, now)
    if not report["ok"]:
        step = report["steps"][-1]
        text = str(step.get("message") or step.get("hint") or "no more is known").removesuffix(".")
        raise UserError("STREAM_CONNECTION_TEST_FAILED", name, step["step"], step["code"], text)


def replace(
    call: Call,
    session: Session,
    workspace: Workspace,
    kept: Connection,
    now: Connection,
    *,
    restored: int | None = None,
) -> tuple[int, Rollout | None]:
    """Put ``now`` in the place of ``kept``: the revision that it makes, and the rollout that is to follow.

    Raises UserError when it leads elsewhere, or is in use and may not be changed meanwhile.
    """
    name, how = str(kept.name), way(call)
    check_unmoved(session, workspace, kept, now, call.clock.now())
    if how == "refuse":
        refuse_in_use(session, workspace, name)
    users = started_with(session, workspace, name) if how == "rolling" and changes(kept, now) else []
    if users and (other := session.rollouts.active(workspace.id, name)) is not None:
        raise UserError("STREAM_CONNECTION_IS_ROLLING_OUT", name, other)
    revision = session.replace_connection(workspace, now, call.author, restored=restored)
    if not users:
        return revision, None
    rollout = _rollout(call, workspace, name, revision, users)
    session.rollouts.add(rollout)
    return revision, rollout


def _rollout(call: Call, workspace: Workspace, name: str, revision: int, users: list[Processor]) -> Rollout:
    now = call.clock.now()
    return Rollout(
        id=new_id(now),
        workspace_id=workspace.id,
        connection=name,
        before=revision - 1,
        after=revision,
        created=now,
        steps=tuple(Step(processor_id=user.id, name=user.name) for user in users),
    )


def refuse_in_use(session: Session, workspace: Workspace, name: str) -> None:
    """Raises STREAM_CONNECTION_HAS_STREAM_PROCESSORS."""
    if users := started_with(session, workspace, name):
        names = ", ".join(user.name for user in users)
        raise UserError("STREAM_CONNECTION_HAS_STREAM_PROCESSORS", name, names)
