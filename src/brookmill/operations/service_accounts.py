"""Service accounts of an organization: list, create, get, update, delete."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import UNSET, UnsetType

from brookmill.domain.access import ClientSecret, ServiceAccount
from brookmill.domain.names import new_id
from brookmill.domain.principal import ORG_MEMBERS, OWNERS, Role
from brookmill.domain.secret import Secret
from brookmill.errors import UserError
from brookmill.operations import Call, Page, operation
from brookmill.operations.answer import instant
from brookmill.operations.body import Body
from brookmill.operations.roles import granted, names
from brookmill.store import Session
from brookmill.store.credentials import masked, new_client_id, new_client_secret

_LIST = "/orgs/{orgId}/serviceAccounts"
_ONE = _LIST + "/{clientId}"

_TEXT = r"^[\w\-.,' ]*\Z"
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=64, pattern=_TEXT)]
Description = Annotated[str, msgspec.Meta(min_length=1, max_length=250, pattern=_TEXT)]

#: Upstream leaves the range to the organization's settings; ten years are more than any of them allows.
Hours = Annotated[int, msgspec.Meta(ge=1, le=10 * 365 * 24)]


class NewServiceAccount(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Upstream's ``OrgServiceAccountRequest`` and ``GroupServiceAccountRequest``."""

    description: Description
    name: Name
    roles: tuple[str, ...]
    secret_expires_after_hours: Hours | UnsetType = UNSET
    without_initial_secret: bool = False


class ServiceAccountUpdate(msgspec.Struct, frozen=True, kw_only=True):
    """Upstream's ``OrgServiceAccountUpdateRequest`` and ``GroupServiceAccountUpdateRequest``."""

    description: Description | UnsetType = UNSET
    name: Name | UnsetType = UNSET
    roles: tuple[str, ...] | UnsetType = UNSET


@operation(
    "listOrgServiceAccounts",
    f"GET {_LIST}",
    since="2024-08-05",
    roles=ORG_MEMBERS,
    query=("includeSystemManaged",),
    paged=True,
)
def list_service_accounts(call: Call, org_id: str) -> Page:
    """All accounts of the organization with their masked secrets."""
    call.flag("includeSystemManaged")  # there are none
    with call.store.read() as session:
        page = call.page(session.access.service_accounts(org_id=org_id))
        results = [shown(session, account, account.org_roles) for account in page.results]
    return Page(results, page.total)


@operation(
    "createOrgServiceAccount",
    f"POST {_LIST}",
    since="2024-08-05",
    roles=OWNERS,
    status=201,
    guess="the longest life of a secret: ten years",
)
def create_service_account(call: Call, org_id: str) -> Any:
    """Add an account. This answer alone has the text of its first secret."""
    sent = Body.parse(call.body).into(NewServiceAccount)
    return create(call, sent, org_id, granted("ORG", sent.roles))


@operation("getOrgServiceAccount", f"GET {_ONE}", since="2024-08-05", roles=ORG_MEMBERS)
def get_service_account(call: Call, org_id: str, client_id: str) -> Any:
    """One account."""
    with call.store.read() as session:
        account = find_service_account(session, org_id, client_id)
        return shown(session, account, account.org_roles)


@operation("updateOrgServiceAccount", f"PATCH {_ONE}", since="2024-08-05", roles=OWNERS)
def update_service_account(call: Call, org_id: str, client_id: str) -> Any:
    """Change name, description or the roles in the organization, which are replaced as a whole."""
    sent = Body.parse(call.body, optional=True).into(ServiceAccountUpdate)
    with call.store.write() as session:
        account = renamed(find_service_account(session, org_id, client_id), sent)
        if sent.roles is not UNSET:
            account = msgspec.structs.replace(account, org_roles=granted("ORG", sent.roles))
        session.access.replace_service_account(account)
        return shown(session, account, account.org_roles)


@operation("deleteOrgServiceAccount", f"DELETE {_ONE}", since="2024-08-05", roles=OWNERS, status=204)
def delete_service_account(call: Call, org_id: str, client_id: str) -> None:
    """Remove an account; its tokens end at once."""
    with call.store.write() as session:
        session.access.remove_service_account(find_service_account(session, org_id, client_id).id)


@operation(
    "getOrgServiceAccountGroups", f"GET {_ONE}/groups", since="2024-08-05", roles=ORG_MEMBERS, paged=True
)
def list_groups_of_service_account(call: Call, org_id: str, client_id: str) -> Page:
    """The projects in which the account has roles, and which."""
    with call.store.read() as session:
        account = find_service_account(session, org_id, client_id)
    held = sorted(account.group_roles.items())
    return call.page([{"groupId": group_id, "roles": names(roles)} for group_id, roles in held])


def find_service_account(session: Session, org_id: str, client_id: str) -> ServiceAccount:
    """The organization's account of that client id; raises SERVICE_ACCOUNT_NOT_FOUND."""
    account = session.access.service_account(client_id)
    if account is None or account.org_id != org_id:
        raise UserError("SERVICE_ACCOUNT_NOT_FOUND", client_id[:120])
    return account


def create(
    call: Call,
    sent: NewServiceAccount,
    org_id: str,
    org_roles: frozenset[Role],
    group_roles: dict[str, frozenset[Role]] | None = None,
) -> dict[str, Any]:
    """Add an account and show it with the text of its secret, and with the roles that were asked for."""
    hours = sent.secret_expires_after_hours
    if hours is UNSET and not sent.without_initial_secret:
        raise UserError("MISSING_ATTRIBUTE", "secretExpiresAfterHours")
    account = ServiceAccount(
        id=new_client_id(),
        org_id=org_id,
        name=sent.name,
        description=sent.description,
        created=call.clock.now(),
        org_roles=org_roles,
        group_roles=group_roles or {},
    )
    with call.store.write() as session:
        session.access.add_service_account(account)
        roles = granted("GROUP" if group_roles else "ORG", sent.roles)
        answer = shown(session, account, roles)
        if hours is not UNSET and not sent.without_initial_secret:
            answer["secrets"] = [add_secret(call, session, account.id, hours)]
    return answer


def add_secret(call: Call, session: Session, client_id: str, hours: int) -> dict[str, Any]:
    """Give an account one more secret and show it, this once with its text."""
    now, text = call.clock.now(), new_client_secret()
    secret = ClientSecret(id=new_id(now), masked=masked(text), created=now, expires=now + hours * 3600)
    session.access.add_client_secret(client_id, secret, text)
    return shown_secret(secret, text)


def renamed(account: ServiceAccount, sent: ServiceAccountUpdate) -> ServiceAccount:
    """The account with the name and the description that were sent."""
    changes = {f: v for f in ("description", "name") if (v := getattr(sent, f)) is not UNSET}
    return msgspec.structs.replace(account, **changes)


def shown(session: Session, account: ServiceAccount, roles: frozenset[Role]) -> dict[str, Any]:
    """Upstream's ``OrgServiceAccount``, or ``GroupServiceAccount`` with the roles of one project."""
    return {
        "clientId": account.id,
        "createdAt": instant(account.created),
        "description": account.description,
        "name": account.name,
        "roles": names(roles),
        "secrets": [shown_secret(secret) for secret in session.access.client_secrets(account.id)],
    }


def shown_secret(secret: ClientSecret, text: Secret | None = None) -> dict[str, Any]:
    """Upstream's ``ServiceAccountSecret``; ``text`` in the answer that creates it, masked ever after."""
    answer = {"createdAt": instant(secret.created), "expiresAt": instant(secret.expires), "id": secret.id}
    if secret.last_used is not None:
        answer["lastUsedAt"] = instant(secret.last_used)
    if text is None:
        answer["maskedSecretValue"] = secret.masked
    else:
        answer["secret"] = text.reveal()
    return answer
