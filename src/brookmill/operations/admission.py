"""Who is let in: the checks that come before any operation looks at its request."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from brookmill.errors import UserError
from brookmill.operations.audit import refused

if TYPE_CHECKING:
    from brookmill.operations import Call, Operation


def admit(operation: Operation, call: Call) -> None:
    """Refuse whoever may not call, in the order of the Admin API contract, c.2 step 1.

    IP access list (403), role (401 or 403), project or organization (404; another organization's: 401).
    The role comes before the project: who has none there must not learn whether it exists. A group id that
    cannot be one comes before both, since no role can be held in it. The audit log is told. Raises UserError.
    """
    try:
        _admit(operation, call)
    except UserError as e:
        refused(operation, call, e)
        raise


def _admit(operation: Operation, call: Call) -> None:
    principal, group_id, org_id = call.principal, call.path.get("groupId"), call.path.get("orgId")
    if principal.access_list is not None:
        entry = listed(call.remote, principal.access_list)
        if entry is None:
            raise UserError("IP_ADDRESS_NOT_ON_ACCESS_LIST", call.remote)
        call.store.touch(principal.id, entry, call.remote)
    if group_id is not None and not _OBJECT_ID.fullmatch(group_id):
        raise UserError("INVALID_GROUP_ID", group_id)
    if operation.roles is not None and not principal.may(operation.roles, group_id):
        raise UserError("USER_UNAUTHORIZED", status=call.settings.missing_role_status)
    if group_id is not None:
        _enter_group(call, group_id)
    if org_id is not None:
        _enter_organization(call, org_id)


def _enter_group(call: Call, group_id: str) -> None:
    with call.store.read() as session:
        group = session.group(group_id)
    if group is None:
        raise UserError("GROUP_NOT_FOUND", group_id)
    if group.org_id != call.principal.org_id:
        raise UserError("NOT_IN_GROUP")


def _enter_organization(call: Call, org_id: str) -> None:
    if org_id == call.principal.org_id:
        return
    with call.store.read() as session:
        known = _OBJECT_ID.fullmatch(org_id) and session.organization(org_id)
    raise UserError("USER_CANNOT_ACCESS_ORG") if known else UserError("ORG_NOT_FOUND", org_id)


_OBJECT_ID = re.compile(r"[0-9a-f]{24}")


def listed(address: str, blocks: Sequence[str]) -> str | None:
    """The first of the CIDR blocks that an IP address lies in; IPv4 mapped into IPv6 counts as IPv4."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return None
    ip = getattr(ip, "ipv4_mapped", None) or ip
    return next((block for block in blocks if ip in _network(block)), None)


@lru_cache(maxsize=1024)
def _network(block: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    return ipaddress.ip_network(block, strict=False)
