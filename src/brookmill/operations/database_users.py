"""Database users, as the door of the MongoDB protocol asks for them: who they are and where they work."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from brookmill.domain.database_user import DatabaseUser
from brookmill.domain.principal import Principal
from brookmill.domain.secret import Secret
from brookmill.domain.workspace import Workspace
from brookmill.errors import UserError
from brookmill.operations import Call

if TYPE_CHECKING:
    from brookmill.operations import Services
    from brookmill.store import Session

_HOW = "Name one as authSource in the connection string: mongodb://user:password@host/?authSource=WORKSPACE"


def by_name(services: Services, name: str) -> tuple[DatabaseUser, Secret] | None:
    """The user of that name and what is kept of the password; None for nobody."""
    with services.store.read() as session:
        return session.database_users.by_name(name)


def sees(services: Services, user: DatabaseUser, workspace: str) -> bool:
    """Whether the user's project has a workspace of that name, and he may use it."""
    with services.store.read() as session:
        return user.reaches(workspace) and session.workspace(user.group_id, workspace) is not None


def admitted(
    services: Services, user_id: str, action: str, *, named: str | None, host: str | None, remote: str
) -> tuple[Call, Workspace]:
    """The call of a user who may do ``action``, and the workspace it is about.

    ``named``: the workspace that the login named. ``host``: the name by which a TLS client called the server.
    Raises UserError: USER_UNAUTHORIZED when the user is gone, or lacks the privilege.
    """
    with services.store.read() as session:
        user = session.database_users.by_id(user_id)
        group = None if user is None else session.group(user.group_id)
        if user is None or group is None:
            raise UserError("USER_UNAUTHORIZED")
        workspace = _workspace(session, user, named, host)
        if not user.may(action):
            text = f"not authorized: missing privilege for action {action} on resource {workspace.name}"
            raise UserError("VALIDATION_ERROR", text, wire_code=13)
    principal = Principal(kind="DATABASE_USER", id=user.id, name=user.name, org_id=group.org_id)
    path = {"groupId": workspace.group_id, "tenantName": workspace.name}
    return _call(services, principal, path, remote), workspace


def _call(services: Services, principal: Principal, path: Mapping[str, str], remote: str) -> Call:
    return Call(
        principal=principal,
        path=path,
        query={},
        body=b"",
        base_url="",
        remote=remote,
        request_id="",
        version=dt.datetime.fromtimestamp(services.clock.now(), dt.UTC).date(),
        store=services.store,
        supervisor=services.supervisor,
        clock=services.clock,
        settings=services.settings,
    )


def _workspace(session: Session, user: DatabaseUser, named: str | None, host: str | None) -> Workspace:
    """The one that the login named, or whose host name was called, or the only one."""
    known = [one for one in session.workspaces(user.group_id) if user.reaches(one.name)]
    if named is not None:
        chosen = [one for one in known if one.name == named]
    else:
        chosen = [one for one in known if host is not None and host in one.hostnames] or known
    if len(chosen) == 1:
        return chosen[0]
    raise UserError("VALIDATION_ERROR", _undecided(known, named))


def _undecided(known: Sequence[Workspace], named: str | None) -> str:
    if named is not None:
        return f"the workspace {named} does not exist any more"
    if not known:
        return "there is no stream processing workspace yet; create one through the Admin API"
    names = ", ".join(sorted(one.name for one in known)[:20])
    return f"there are several workspaces: {names}. {_HOW}"
