"""What a write to a connection does while processors use it."""

from __future__ import annotations

from brookmill.domain.connection import Connection
from brookmill.domain.workspace import Workspace
from brookmill.errors import UserError
from brookmill.operations import Call
from brookmill.operations.lookup import started_with
from brookmill.operations.networking import check_unmoved
from brookmill.store import Session

#: The ways: the setting ``updates``, and what a call may ask for instead.
WAYS = ("refuse", "next-start")


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


def replace(
    call: Call,
    session: Session,
    workspace: Workspace,
    kept: Connection,
    now: Connection,
    *,
    restored: int | None = None,
) -> int:
    """Put ``now`` in the place of ``kept``; the number of the revision that it makes.

    Raises UserError when it leads elsewhere, or is in use and may not be changed meanwhile.
    """
    check_unmoved(session, workspace, kept, now, call.clock.now())
    if way(call) == "refuse":
        refuse_in_use(session, workspace, str(kept.name))
    return session.replace_connection(workspace, now, call.author, restored=restored)


def refuse_in_use(session: Session, workspace: Workspace, name: str) -> None:
    """Raises STREAM_CONNECTION_HAS_STREAM_PROCESSORS."""
    if users := started_with(session, workspace, name):
        raise UserError("STREAM_CONNECTION_HAS_STREAM_PROCESSORS", name, ", ".join(users))
