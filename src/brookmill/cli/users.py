"""``brookmill access users``: who may log in with mongosh and drivers. Passwords are never shown again."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from brookmill.cli import Refused, show
from brookmill.cli.flags import HERE, Output, Place
from brookmill.domain.database_user import DatabaseRole

if TYPE_CHECKING:
    from brookmill.domain.secret import Secret
    from brookmill.store import Session

app = App(name="users", help="Database users, for mongosh and drivers.")

Roles = Annotated[
    list[str],
    Parameter(name="--role", negative="", help=f"One of {', '.join(DatabaseRole)}; may be repeated."),
]
Workspaces = Annotated[
    list[str],
    Parameter(name="--workspace", negative="", help="Only this workspace; may be repeated. Default: all."),
]


@app.command
def add(
    name: str,
    place: Place = HERE,
    *,
    project: str | None = None,
    role: Roles | None = None,
    workspace: Workspaces | None = None,
    password_stdin: bool = False,
    output: Output = "table",
) -> None:
    """Add a database user and show the password, unless it is your own. Default role: atlasAdmin.

    Parameters
    ----------
    name
        What the user logs in as; unique on the whole server.
    project
        Name or id. May be left out when there is one.
    password_stdin
        Read the password from standard input instead of making one.
    """
    from brookmill.clock import SystemClock
    from brookmill.domain.database_user import DatabaseUser, user_problem
    from brookmill.domain.names import new_id

    if problem := user_problem(name):
        raise Refused(problem)
    roles = _roles(role or [DatabaseRole.ATLAS_ADMIN])
    password, kept = _password(password_stdin)
    now = SystemClock().now()
    with place.store() as store, store.write() as session:
        if session.database_users.by_name(name) is not None:
            raise Refused(f"there is a database user {name!r} already")
        user = DatabaseUser(
            id=new_id(now),
            group_id=_project(session, project),
            name=name,
            created=now,
            roles=roles,
            workspaces=tuple(workspace or ()),
        )
        session.database_users.add(user, kept)
    _tell(name, password, output, own=password_stdin)


@app.command
def password(
    name: str, place: Place = HERE, *, password_stdin: bool = False, output: Output = "table"
) -> None:
    """Give a database user another password. Who is logged in stays so.

    Parameters
    ----------
    password_stdin
        Read the password from standard input instead of making one.
    """
    chosen, kept = _password(password_stdin)
    with place.store() as store, store.write() as session:
        found = session.database_users.by_name(name)
        if found is None:
            raise Refused(f"there is no database user {name!r}")
        session.database_users.replace(found[0], kept)
    _tell(name, chosen, output, own=password_stdin)


@app.command(name="list")
def list_(place: Place = HERE, *, output: Output = "table") -> None:
    """Show all database users with their roles, never their passwords."""
    with place.store() as store, store.read() as session:
        names = {group.id: group.name for group in session.groups()}
        users = session.database_users.all()
    rows = [
        {
            "name": user.name,
            "project": names.get(user.group_id, user.group_id),
            "roles": [role.value for role in user.roles],
            "workspaces": list(user.workspaces),
        }
        for user in users
    ]
    show.rows(rows, output)


@app.command
def remove(name: str, place: Place = HERE) -> None:
    """Remove a database user; whoever is logged in as him may do nothing any more."""
    with place.store() as store, store.write() as session:
        if not session.database_users.remove(name):
            raise Refused(f"there is no database user {name!r}")


def _roles(names: list[str]) -> tuple[DatabaseRole, ...]:
    for name in names:
        if name not in list(DatabaseRole):
            raise Refused(f"{name!r} is no role of database users; there are {', '.join(DatabaseRole)}")
    return tuple(map(DatabaseRole, dict.fromkeys(names)))


def _password(own: bool) -> tuple[Secret, Secret]:
    """The password, and what is kept of it. Raises Refused."""
    from brookmill.domain.secret import Secret
    from brookmill.store.credentials import new_password
    from brookmill.wire.scram import Credential

    chosen = Secret(sys.stdin.readline().rstrip("\r\n")) if own else new_password()
    if not chosen.reveal():
        raise Refused("a password cannot be empty")
    try:
        return chosen, Credential.of(chosen.reveal()).kept()
    except ValueError:
        raise Refused("a password can hold no control characters") from None


def _project(session: Session, wanted: str | None) -> str:
    groups = session.groups()
    matching = [group.id for group in groups if wanted is None or wanted in (group.id, group.name)]
    if len(matching) == 1:
        return matching[0]
    if wanted is None:
        raise Refused("name the project with --project" if groups else "there is no project yet")
    raise Refused(
        f"several projects are named {wanted!r}; give the id" if matching else f"no project {wanted!r}"
    )


def _tell(name: str, password: Secret, output: Output, *, own: bool) -> None:
    if not own:
        show.rows([{"name": name, "password": password.reveal()}], output)
