"""Revisions of a connection: list, show, compare, bring back. Brookmill's own; Atlas has none."""

from __future__ import annotations

import itertools
from typing import Any

import msgspec

from brookmill.domain.connection import Connection, settled
from brookmill.domain.principal import STREAM_MANAGERS
from brookmill.domain.revision import Revision, changes
from brookmill.domain.rollout import Rollout
from brookmill.domain.workspace import Workspace
from brookmill.errors import UserError
from brookmill.operations import Answered, Call, Page, operation
from brookmill.operations.answer import answer, instant
from brookmill.operations.condition import check_match, tag
from brookmill.operations.connection_updates import replace, try_out
from brookmill.operations.lookup import find_revision, find_workspace
from brookmill.operations.networking import check_networking
from brookmill.operations.repetition import once
from brookmill.operations.rollouts import accepted
from brookmill.store import Session

_LIST = "/groups/{groupId}/streams/{tenantName}/connections/{connectionName}/revisions"
_ONE = _LIST + "/{revision}"
_ROLL_BACK = "rollBackGroupStreamConnection"


@operation(
    "listGroupStreamConnectionRevisions",
    f"GET {_LIST}",
    since="2023-02-01",
    roles=STREAM_MANAGERS,
    paged=True,
)
def list_revisions(call: Call, group_id: str, tenant_name: str, connection_name: str) -> Page:
    """All revisions of the name, newest first, with what each changed; those from before a deletion, too."""
    with call.store.read() as session:
        workspace = find_workspace(session, group_id, tenant_name)
        total = session.revisions.count(workspace, connection_name)
        if not total:
            raise UserError("STREAM_CONNECTION_NOT_FOUND_FOR_NAME", connection_name, group_id, workspace.name)
        page = call.page(range(total))
        skip, count = page.results[0] if page.results else total, len(page.results)
        found = session.revisions.some(workspace, connection_name, count=count + 1, skip=skip)
    pairs = itertools.zip_longest(found, found[1:])
    return Page([_shown(revision, before) for revision, before in pairs][:count], total)


@operation("getGroupStreamConnectionRevision", f"GET {_ONE}", since="2023-02-01", roles=STREAM_MANAGERS)
def get_revision(call: Call, group_id: str, tenant_name: str, connection_name: str, revision: str) -> Any:
    """One revision, with the whole connection as it was; no secrets."""
    with call.store.read() as session:
        workspace = find_workspace(session, group_id, tenant_name)
        found = find_revision(session, workspace, connection_name, revision)
        before = session.revisions.one(workspace, connection_name, found.number - 1)
    whole = {} if found.connection is None else {"connection": _settings(found.connection)}
    return _shown(found, before) | whole


@operation(
    "diffGroupStreamConnectionRevision",
    f"GET {_ONE}:diff",
    since="2023-02-01",
    roles=STREAM_MANAGERS,
    query=("from",),
)
def diff_revision(call: Call, group_id: str, tenant_name: str, connection_name: str, revision: str) -> Any:
    """How the revision differs from another one (``from``, by default the one before)."""
    with call.store.read() as session:
        workspace = find_workspace(session, group_id, tenant_name)
        found = find_revision(session, workspace, connection_name, revision)
        other = call.query.get("from", str(found.number - 1))
        before = None if other == "0" else find_revision(session, workspace, connection_name, other)
    old = None if before is None else before.connection
    return {
        "changes": answer(changes(old, found.connection)),
        "from": 0 if before is None else before.number,
        "to": found.number,
    }


@operation(_ROLL_BACK, f"POST {_ONE}:rollback", since="2023-02-01", roles=STREAM_MANAGERS, query=("updates",))
def roll_back(call: Call, group_id: str, tenant_name: str, connection_name: str, revision: str) -> Answered:
    """Make the connection what it was, secrets too, as a new revision; a deleted one comes back."""
    begun: list[Rollout] = []

    def write() -> Answered:
        workspace = find_workspace(session, group_id, tenant_name)
        wanted = find_revision(session, workspace, connection_name, revision)
        found = session.revised_connection(workspace, connection_name)
        check_match(call, connection_name, None if found is None else tag(*found))
        if found is None:
            return _revived(call, session, workspace, wanted)
        now = _restored(found[0], wanted)
        number, rollout = replace(call, session, workspace, found[0], now, restored=wanted.number)
        if rollout is not None:
            begun.append(rollout)
            return accepted(workspace, rollout, tag(now, number))
        return Answered(answer(settled(now, call.clock.now())), tag=tag(now, number))

    _try_out(call, group_id, tenant_name, connection_name, revision)
    with call.store.write() as session:
        answered = once(call, session, _ROLL_BACK, write)
    for rollout in begun:
        call.supervisor.rollouts.begin(rollout.id)
    return answered


def _try_out(call: Call, group_id: str, tenant_name: str, name: str, number: str) -> None:
    """One that is deleted has no users."""
    with call.store.read() as session:
        if session.connection(find_workspace(session, group_id, tenant_name), name) is None:
            return

    def wanted(session: Session, workspace: Workspace, kept: Connection) -> Connection:
        return _restored(kept, find_revision(session, workspace, name, number))

    try_out(call, group_id, tenant_name, name, wanted)


def _revived(call: Call, session: Session, workspace: Workspace, wanted: Revision) -> Answered:
    before = _settings_of(wanted)
    connection = msgspec.structs.replace(before, state="PENDING" if before.private else "READY")
    check_networking(session, workspace, connection, call.clock.now())
    number = session.add_connection(workspace, connection, call.author, restored=wanted.number)
    return Answered(answer(settled(connection, call.clock.now())), tag=tag(connection, number))


def _restored(kept: Connection, wanted: Revision) -> Connection:
    """What ``kept`` becomes; its id and state stay. Raises VALIDATION_ERROR."""
    before = _settings_of(wanted)
    if wanted.type != kept.type:
        raise UserError("VALIDATION_ERROR", f"The type of connection {kept.name} cannot be changed")
    return msgspec.structs.replace(before, id=kept.id, state=kept.state)


def _settings_of(revision: Revision) -> Connection:
    if revision.connection is None:
        text = f"Revision {revision.number} is the deletion of connection {revision.name}"
        raise UserError("VALIDATION_ERROR", text)
    return revision.connection


def _shown(revision: Revision, before: Revision | None) -> dict[str, Any]:
    """``changes`` are told unless the revision before it is gone."""
    author = revision.author
    shown: dict[str, Any] = {
        "action": revision.action,
        "by": {"id": author.id, "kind": author.kind, "name": author.name},
        "connectionId": revision.connection_id,
        "createdAt": instant(author.at),
        "from": {"address": author.address, "client": author.client},
        "number": revision.number,
        "type": revision.type,
    }
    if revision.restored is not None:
        shown["restored"] = revision.restored
    if before is not None or revision.number == 1:
        old = None if before is None else before.connection
        shown["changes"] = answer(changes(old, revision.connection))
    return shown


def _settings(connection: Connection) -> Any:
    return answer(connection, omit=frozenset({"state"}))
