"""``brookmill access``: make, show and remove API keys (Digest) and service accounts (Bearer)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from brookmill.cli import Refused, show
from brookmill.cli.flags import HERE, Output, Place
from brookmill.domain.principal import Role

if TYPE_CHECKING:
    from brookmill.domain.access import ApiKey, ServiceAccount
    from brookmill.store import Session

app = App(name="access", help="API keys, service accounts and database users.")
app.command("brookmill.cli.users:app", name="users", help="Database users, for mongosh and drivers.")

Grants = Annotated[
    list[str],
    Parameter(name="--role", negative="", help="ROLE in the organization or ROLE@PROJECT; may be repeated."),
]
Organization = Annotated[
    str | None, Parameter(name="--org", help="Name or id; made when new. May be left out when there is one.")
]


@app.command
def create_key(
    description: str,
    place: Place = HERE,
    *,
    role: Grants | None = None,
    org: Organization = None,
    output: Output = "table",
) -> None:
    """Make an API key and show it: the private key is never kept. Default role: ORG_OWNER."""
    from brookmill.domain.access import ApiKey
    from brookmill.domain.names import new_id
    from brookmill.store import credentials

    public, private, now = credentials.new_public_key(), credentials.new_private_key(), _now()
    with place.store() as store, store.write() as session:
        org_id = _organization(session, org, now)
        org_roles, group_roles = _roles(session, org_id, role)
        key = ApiKey(
            id=new_id(now),
            org_id=org_id,
            public_key=public,
            description=description,
            created=now,
            org_roles=org_roles,
            group_roles=group_roles,
        )
        session.access.add_api_key(key, credentials.ha1(public, private))
    show.rows([{"orgId": org_id, "publicKey": public, "privateKey": private.reveal()}], output)


@app.command
def create_account(
    name: str,
    place: Place = HERE,
    *,
    role: Grants | None = None,
    org: Organization = None,
    days: Annotated[int, Parameter(help="Days until the secret expires.")] = 365,
    output: Output = "table",
) -> None:
    """Make a service account with one secret and show it: its text is never kept. Default role: ORG_OWNER."""
    from brookmill.domain.access import ClientSecret, ServiceAccount
    from brookmill.domain.names import new_id
    from brookmill.store import credentials

    client_id, text, now = credentials.new_client_id(), credentials.new_client_secret(), _now()
    with place.store() as store, store.write() as session:
        org_id = _organization(session, org, now)
        org_roles, group_roles = _roles(session, org_id, role)
        account = ServiceAccount(
            id=client_id,
            org_id=org_id,
            name=name,
            description=name,
            created=now,
            org_roles=org_roles,
            group_roles=group_roles,
        )
        session.access.add_service_account(account)
        secret = ClientSecret(
            id=new_id(now), masked=credentials.masked(text), created=now, expires=now + days * 86_400
        )
        session.access.add_client_secret(client_id, secret, text)
    show.rows([{"orgId": org_id, "clientId": client_id, "clientSecret": text.reveal()}], output)


@app.command(name="list")
def list_(place: Place = HERE, *, output: Output = "table") -> None:
    """Show all keys and accounts with their roles, never their secrets."""
    with place.store() as store, store.read() as session:
        names = {o.id: o.name for o in session.organizations()} | {g.id: g.name for g in session.groups()}
        rows = [
            *(_row("key", k.public_key, k.description, k, names) for k in session.access.api_keys()),
            *(_row("account", a.id, a.name, a, names) for a in session.access.service_accounts()),
        ]
    show.rows(rows, output)


def _row(
    kind: str, id: str, name: str, who: ApiKey | ServiceAccount, names: Mapping[str, str]
) -> dict[str, object]:
    roles = sorted(_written(who.org_roles, who.group_roles, names))
    return {"kind": kind, "id": id, "name": name, "organization": names[who.org_id], "roles": roles}


def _written(
    org: Iterable[Role], groups: Mapping[str, Iterable[Role]], names: Mapping[str, str]
) -> Iterable[str]:
    yield from org
    for group_id, held in groups.items():
        yield from (f"{role}@{names.get(group_id, group_id)}" for role in held)


@app.command
def delete(id: str, place: Place = HERE) -> None:
    """Remove a key by its public key, or an account by its client id; tokens end with it."""
    with place.store() as store, store.write() as session:
        key = next((k for k in session.access.api_keys() if id in (k.id, k.public_key)), None)
        if key:
            session.access.remove_api_key(key.id)
        elif session.access.service_account(id):
            session.access.remove_service_account(id)
        else:
            raise Refused(f"there is no key and no account {id!r}")


def _now() -> float:
    from brookmill.clock import SystemClock

    return SystemClock().now()


def _organization(session: Session, wanted: str | None, now: float) -> str:
    """The id of the organization meant. Raises Refused."""
    from brookmill.domain.names import new_id
    from brookmill.domain.workspace import Organization

    known = session.organizations()
    matching = [o.id for o in known if wanted is None or wanted in (o.id, o.name)]
    if len(matching) == 1:
        return matching[0]
    if wanted is None:
        raise Refused("name the organization with --org" + ("" if known else "; it is made when it is new"))
    if matching:
        raise Refused(f"several organizations are named {wanted!r}; give the id")
    session.add_organization(made := Organization(id=new_id(now), name=wanted, created=now))
    return made.id


def _roles(
    session: Session, org_id: str, grants: list[str] | None
) -> tuple[frozenset[Role], dict[str, frozenset[Role]]]:
    """Organization roles, and project roles by project id. Raises Refused."""
    org: set[Role] = set()
    groups: dict[str, frozenset[Role]] = {}
    for grant in grants or [Role.ORG_OWNER]:
        role, _, project = grant.partition("@")
        if role not in list(Role) or role.startswith("GROUP_") != bool(project):
            raise Refused(
                f"{grant!r} is no role; write ORG_OWNER or GROUP_OWNER@PROJECT, of: {', '.join(Role)}"
            )
        if not project:
            org.add(Role(role))
            continue
        group = session.group(project) or session.group_by_name(project, org_id)
        if group is None or group.org_id != org_id:
            raise Refused(f"the organization has no project {project!r}")
        groups[group.id] = groups.get(group.id, frozenset()) | {Role(role)}
    return frozenset(org), groups
