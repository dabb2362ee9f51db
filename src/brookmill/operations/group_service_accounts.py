"""Service accounts in a project: the organization's accounts, with the roles that they have there."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET

from brookmill.domain.access import ServiceAccount
from brookmill.domain.principal import OWNERS, PROJECT_READERS, Role
from brookmill.errors import UserError
from brookmill.operations import Call, Page, operation
from brookmill.operations.body import Body
from brookmill.operations.roles import granted
from brookmill.operations.service_accounts import (
    NewServiceAccount,
    ServiceAccountUpdate,
    create,
    find_service_account,
    renamed,
    shown,
)
from brookmill.store import Session

_LIST = "/groups/{groupId}/serviceAccounts"
_ONE = _LIST + "/{clientId}"


class RoleAssignment(msgspec.Struct, frozen=True):
    """Upstream's ``GroupServiceAccountRoleAssignment``."""

    roles: tuple[str, ...]


@operation(
    "listGroupServiceAccounts",
    f"GET {_LIST}",
    since="2024-08-05",
    roles=PROJECT_READERS,
    query=("includeSystemManaged",),
    paged=True,
)
def list_group_service_accounts(call: Call, group_id: str) -> Page:
    """The accounts that have a role in the project."""
    call.flag("includeSystemManaged")  # there are none
    with call.store.read() as session:
        page = call.page(session.access.service_accounts(group_id=group_id))
        results = [shown(session, account, account.group_roles[group_id]) for account in page.results]
    return Page(results, page.total)


@operation("createGroupServiceAccount", f"POST {_LIST}", since="2024-08-05", roles=OWNERS, status=201)
def create_group_service_account(call: Call, group_id: str) -> Any:
    """Add an account to the organization, as a plain member, with roles in the project."""
    sent = Body.parse(call.body).into(NewServiceAccount)
    member, roles = frozenset({Role.ORG_MEMBER}), {group_id: granted("GROUP", sent.roles)}
    return create(call, sent, call.principal.org_id, member, roles)


@operation("getGroupServiceAccount", f"GET {_ONE}", since="2024-08-05", roles=PROJECT_READERS)
def get_group_service_account(call: Call, group_id: str, client_id: str) -> Any:
    """One account that has a role in the project."""
    with call.store.read() as session:
        account = find_group_service_account(session, call, group_id, client_id)
        return shown(session, account, account.group_roles[group_id])


@operation("updateGroupServiceAccount", f"PATCH {_ONE}", since="2024-08-05", roles=OWNERS)
def update_group_service_account(call: Call, group_id: str, client_id: str) -> Any:
    """Change name, description or the roles in the project, which are replaced as a whole."""
    sent = Body.parse(call.body, optional=True).into(ServiceAccountUpdate)
    with call.store.write() as session:
        account = renamed(find_group_service_account(session, call, group_id, client_id), sent)
        if sent.roles is not UNSET:
            account = _in_group(account, group_id, granted("GROUP", sent.roles))
        session.access.replace_service_account(account)
        return shown(session, account, account.group_roles[group_id])


@operation("deleteGroupServiceAccount", f"DELETE {_ONE}", since="2024-08-05", roles=OWNERS, status=204)
def delete_group_service_account(call: Call, group_id: str, client_id: str) -> None:
    """Take an account's roles in the project away; it stays in the organization and its tokens stay valid."""
    with call.store.write() as session:
        account = find_group_service_account(session, call, group_id, client_id)
        session.access.replace_service_account(_in_group(account, group_id, frozenset()))


@operation(
    "inviteGroupServiceAccount",
    f"POST {_ONE}:invite",
    since="2024-08-05",
    roles=frozenset({Role.ORG_OWNER}),
    guess="roles that the account already has in the project are replaced",
)
def invite_service_account(call: Call, group_id: str, client_id: str) -> Any:
    """Give an account of the organization roles in the project."""
    roles = granted("GROUP", Body.parse(call.body).into(RoleAssignment).roles)
    with call.store.write() as session:
        account = find_service_account(session, call.principal.org_id, client_id)
        session.access.replace_service_account(_in_group(account, group_id, roles))
        return shown(session, account, roles)


def find_group_service_account(session: Session, call: Call, group_id: str, client_id: str) -> ServiceAccount:
    """The account, if it has a role in the project; raises SERVICE_ACCOUNT_NOT_FOUND."""
    account = find_service_account(session, call.principal.org_id, client_id)
    if group_id not in account.group_roles:
        raise UserError("SERVICE_ACCOUNT_NOT_FOUND", client_id[:120])
    return account


def _in_group(account: ServiceAccount, group_id: str, roles: frozenset[Role]) -> ServiceAccount:
    held = {id: kept for id, kept in account.group_roles.items() if id != group_id}
    return msgspec.structs.replace(account, group_roles=held | ({group_id: roles} if roles else {}))
