"""Rollouts of changed connections: list, get. Brookmill's own."""

from __future__ import annotations

from typing import Any

from brookmill.domain.principal import STREAM_MANAGERS
from brookmill.domain.rollout import Rollout
from brookmill.domain.workspace import Workspace
from brookmill.errors import UserError
from brookmill.operations import Answered, Call, Page, operation
from brookmill.operations.answer import instant
from brookmill.operations.lookup import find_workspace

_LIST = "/groups/{groupId}/streams/{tenantName}/rollouts"
_ONE = _LIST + "/{rolloutId}"


@operation("listGroupStreamRollouts", f"GET {_LIST}", since="2023-02-01", roles=STREAM_MANAGERS, paged=True)
def list_rollouts(call: Call, group_id: str, tenant_name: str) -> Page:
    """All rollouts of the workspace, newest first."""
    with call.store.read() as session:
        found = session.rollouts.all(find_workspace(session, group_id, tenant_name).id)
    page = call.page(found[::-1])
    return Page([shown(rollout) for rollout in page.results], page.total)


@operation("getGroupStreamRollout", f"GET {_ONE}", since="2023-02-01", roles=STREAM_MANAGERS)
def get_rollout(call: Call, group_id: str, tenant_name: str, rollout_id: str) -> Any:
    """How far a rollout is, processor by processor."""
    with call.store.read() as session:
        workspace = find_workspace(session, group_id, tenant_name)
        rollout = session.rollouts.one(rollout_id)
    if rollout is None or rollout.workspace_id != workspace.id:
        raise UserError("STREAM_ROLLOUT_NOT_FOUND", rollout_id[:120], tenant_name)
    return shown(rollout)


def accepted(workspace: Workspace, rollout: Rollout, tag: str) -> Answered:
    """The answer to a write that begins ``rollout``: 202, with the way to it."""
    path = _ONE.format(groupId=workspace.group_id, tenantName=workspace.name, rolloutId=rollout.id)
    return Answered(shown(rollout), tag=tag, status=202, path=path)


def shown(rollout: Rollout) -> dict[str, Any]:
    """Pauses are in milliseconds: how long a processor had no worker."""
    members: dict[str, Any] = {
        "connectionName": rollout.connection,
        "createdAt": instant(rollout.created),
        "fromRevision": rollout.before,
        "id": rollout.id,
        "processors": [
            {"id": step.processor_id, "name": step.name, "state": step.state}
            | ({} if step.pause is None else {"pauseMs": round(step.pause * 1000)})
            for step in rollout.steps
        ],
        "state": rollout.state,
        "toRevision": rollout.after,
    }
    members |= {} if rollout.ended is None else {"endedAt": instant(rollout.ended)}
    return members | ({} if rollout.error is None else {"error": rollout.error})
