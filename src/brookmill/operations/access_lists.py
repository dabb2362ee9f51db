"""Access lists: the addresses from which an API key or a service account may call."""

from __future__ import annotations

import ipaddress
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from brookmill.domain.access import AccessEntry
from brookmill.domain.principal import ORG_MEMBERS, OWNERS, PROJECT_READERS
from brookmill.errors import UserError
from brookmill.operations import Call, Page, operation
from brookmill.operations.answer import instant
from brookmill.operations.api_keys import find_api_key
from brookmill.operations.body import Body
from brookmill.operations.group_service_accounts import find_group_service_account
from brookmill.operations.service_accounts import find_service_account
from brookmill.store import Session

_OF_KEY = "/orgs/{orgId}/apiKeys/{apiUserId}/accessList"
_OF_ACCOUNT = "/orgs/{orgId}/serviceAccounts/{clientId}/accessList"
_OF_GROUP_ACCOUNT = "/groups/{groupId}/serviceAccounts/{clientId}/accessList"

_COUNT = ("includeCount",)

#: Entries that one call may add.
_MOST = 200

_READ_ONLY = frozenset(
    {"count", "created", "createdAt", "lastUsed", "lastUsedAddress", "lastUsedAt", "requestCount"}
)

#: What the words of an entry are for API keys, and for service accounts.
_KEY_WORDS = {"at": "created", "count": "count", "last": "lastUsed"}
_ACCOUNT_WORDS = {"at": "createdAt", "count": "requestCount", "last": "lastUsedAt"}


class NewEntry(msgspec.Struct, frozen=True, rename="camel"):
    """Upstream's ``UserAccessListRequest``; of the two members one is sent, or both mean the same."""

    cidr_block: str | UnsetType | None = UNSET
    ip_address: str | UnsetType | None = UNSET


# --- of API keys


@operation(
    "listOrgApiKeyAccessListEntries",
    f"GET {_OF_KEY}",
    since="2023-01-01",
    roles=ORG_MEMBERS,
    query=_COUNT,
    paged=True,
)
def list_key_entries(call: Call, org_id: str, api_user_id: str) -> Page:
    """All entries of a key; without any it may be used from everywhere."""
    with call.store.read() as session:
        return _page(call, session, find_api_key(session, org_id, api_user_id).id, _KEY_WORDS)


@operation(
    "createOrgApiKeyAccessListEntry",
    f"POST {_OF_KEY}",
    since="2023-01-01",
    roles=OWNERS,
    query=_COUNT,
    paged=True,
    guess="an entry of the same addresses stays as it is",
)
def create_key_entries(call: Call, org_id: str, api_user_id: str) -> Page:
    """Add entries and show all."""
    cidrs = _sent(call)
    with call.store.write() as session:
        key = find_api_key(session, org_id, api_user_id)
        return _added(call, session, key.id, cidrs, _KEY_WORDS)


@operation(
    "getOrgApiKeyAccessListEntry", f"GET {_OF_KEY}/{{ipAddress}}", since="2023-01-01", roles=ORG_MEMBERS
)
def get_key_entry(call: Call, org_id: str, api_user_id: str, ip_address: str) -> Any:
    """One entry, by its address or block."""
    cidr = _in_path(ip_address)
    with call.store.read() as session:
        key = find_api_key(session, org_id, api_user_id)
        for entry in session.access.access_list(key.id):
            if entry.cidr == cidr:
                return shown(entry, _KEY_WORDS)
    raise UserError("ACCESS_LIST_ENTRY_NOT_FOUND", cidr)


@operation(
    "deleteOrgApiKeyAccessListEntry",
    f"DELETE {_OF_KEY}/{{ipAddress}}",
    since="2023-01-01",
    roles=OWNERS,
    status=204,
)
def delete_key_entry(call: Call, org_id: str, api_user_id: str, ip_address: str) -> None:
    """Remove one entry."""
    with call.store.write() as session:
        _remove(session, find_api_key(session, org_id, api_user_id).id, ip_address)


# --- of service accounts


@operation(
    "listOrgServiceAccountAccessList",
    f"GET {_OF_ACCOUNT}",
    since="2024-08-05",
    roles=ORG_MEMBERS,
    query=_COUNT,
    paged=True,
)
def list_account_entries(call: Call, org_id: str, client_id: str) -> Page:
    """All entries of an account; without any it may be used from everywhere."""
    with call.store.read() as session:
        return _page(call, session, find_service_account(session, org_id, client_id).id, _ACCOUNT_WORDS)


@operation(
    "createOrgServiceAccountAccessList",
    f"POST {_OF_ACCOUNT}",
    since="2024-08-05",
    roles=OWNERS,
    query=_COUNT,
    paged=True,
    guess="an entry of the same addresses stays as it is",
)
def create_account_entries(call: Call, org_id: str, client_id: str) -> Page:
    """Add entries and show all."""
    cidrs = _sent(call)
    with call.store.write() as session:
        account = find_service_account(session, org_id, client_id)
        return _added(call, session, account.id, cidrs, _ACCOUNT_WORDS)


@operation(
    "deleteOrgServiceAccountAccessListEntry",
    f"DELETE {_OF_ACCOUNT}/{{ipAddress}}",
    since="2024-08-05",
    roles=OWNERS,
    status=204,
)
def delete_account_entry(call: Call, org_id: str, client_id: str, ip_address: str) -> None:
    """Remove one entry."""
    with call.store.write() as session:
        _remove(session, find_service_account(session, org_id, client_id).id, ip_address)


@operation(
    "listGroupServiceAccountAccessList",
    f"GET {_OF_GROUP_ACCOUNT}",
    since="2024-08-05",
    roles=PROJECT_READERS,
    query=_COUNT,
    paged=True,
)
def list_group_account_entries(call: Call, group_id: str, client_id: str) -> Page:
    """All entries of an account of the project."""
    with call.store.read() as session:
        account = find_group_service_account(session, call, group_id, client_id)
        return _page(call, session, account.id, _ACCOUNT_WORDS)


@operation(
    "createGroupServiceAccountAccessList",
    f"POST {_OF_GROUP_ACCOUNT}",
    since="2024-08-05",
    roles=OWNERS,
    query=_COUNT,
    paged=True,
    guess="an entry of the same addresses stays as it is",
)
def create_group_account_entries(call: Call, group_id: str, client_id: str) -> Page:
    """Add entries and show all."""
    cidrs = _sent(call)
    with call.store.write() as session:
        account = find_group_service_account(session, call, group_id, client_id)
        return _added(call, session, account.id, cidrs, _ACCOUNT_WORDS)


@operation(
    "deleteGroupServiceAccountAccessListEntry",
    f"DELETE {_OF_GROUP_ACCOUNT}/{{ipAddress}}",
    since="2024-08-05",
    roles=OWNERS,
    status=204,
)
def delete_group_account_entry(call: Call, group_id: str, client_id: str, ip_address: str) -> None:
    """Remove one entry of an account of the project."""
    with call.store.write() as session:
        _remove(session, find_group_service_account(session, call, group_id, client_id).id, ip_address)


# --- what all share


def block(text: str) -> str | None:
    """An address or a CIDR block in its canonical form; host bits are cleared. None when it is neither."""
    try:
        return None if "%" in text else str(ipaddress.ip_network(text, strict=False))
    except ValueError:
        return None


def shown(entry: AccessEntry, words: dict[str, str]) -> dict[str, Any]:
    """Upstream's ``UserAccessListResponse`` or ``ServiceAccountIPAccessListEntry``."""
    network = ipaddress.ip_network(entry.cidr)
    answer = {
        "cidrBlock": entry.cidr,
        words["at"]: instant(entry.created),
        words["count"]: min(entry.requests, 2**31 - 1),
    }
    if network.num_addresses == 1:
        answer["ipAddress"] = network.network_address.exploded
    if entry.last_used is not None:
        answer |= {words["last"]: instant(entry.last_used), "lastUsedAddress": entry.last_address}
    return answer


def _sent(call: Call) -> list[str]:
    items = Body.parse_list(call.body, most=_MOST)
    return [_one(item.into(NewEntry, read_only=_READ_ONLY)) for item in items]


def _one(sent: NewEntry) -> str:
    given = {"cidrBlock": sent.cidr_block, "ipAddress": sent.ip_address}
    blocks = {name: block(text) for name, text in given.items() if isinstance(text, str)}
    if not blocks:
        raise UserError("MISSING_ATTRIBUTE", "ipAddress", fields=[("ipAddress", "or cidrBlock is required")])
    for name, found in blocks.items():
        if found is None or (name == "cidrBlock" and "/" not in str(given[name])):
            raise UserError("INVALID_ATTRIBUTE", name)
    if len(set(blocks.values())) > 1:
        raise UserError("INVALID_ATTRIBUTE", "ipAddress", fields=[("ipAddress", "differs from cidrBlock")])
    return str(next(iter(blocks.values())))


def _in_path(text: str) -> str:
    cidr = block(text)
    if cidr is None:
        raise UserError("INVALID_PATH_PARAMETER", "ipAddress")
    return cidr


def _page(call: Call, session: Session, principal_id: str, words: dict[str, str]) -> Page:
    return call.page([shown(entry, words) for entry in session.access.access_list(principal_id)])


def _added(call: Call, session: Session, principal_id: str, cidrs: list[str], words: dict[str, str]) -> Page:
    for cidr in cidrs:
        session.access.add_access_entry(principal_id, AccessEntry(cidr=cidr, created=call.clock.now()))
    return _page(call, session, principal_id, words)


def _remove(session: Session, principal_id: str, text: str) -> None:
    cidr = _in_path(text)
    if not session.access.remove_access_entry(principal_id, cidr):
        raise UserError("ACCESS_LIST_ENTRY_NOT_FOUND", cidr)
