"""The server itself: the first thing that clients ask to see whether their credentials work."""

from __future__ import annotations

from typing import Any

from brookmill import __version__
from brookmill.domain.principal import Principal
from brookmill.operations import Call, operation


@operation("getSystemStatus", "GET /", since="2023-01-01", roles=None)
def get_system_status(call: Call) -> dict[str, Any]:
    """``build`` is Brookmill's version. ``apiKey`` is null for a service account."""
    return {
        "apiKey": _api_key(call.principal) if call.principal.kind == "API_KEY" else None,
        "appName": "MongoDB Atlas",
        "build": __version__,
        "throttling": False,
    }


def _api_key(principal: Principal) -> dict[str, Any]:
    roles = [{"orgId": principal.org_id, "roleName": role} for role in sorted(principal.org_roles)]
    for group_id, held in sorted(principal.group_roles.items()):
        roles += [{"groupId": group_id, "roleName": role} for role in sorted(held)]
    return {
        "accessList": [_entry(cidr) for cidr in principal.access_list or ()],
        "id": principal.id,
        "publicKey": principal.name,
        "roles": roles,
    }


def _entry(cidr: str) -> dict[str, str]:
    address, _, _bits = cidr.partition("/")
    return {"cidrBlock": cidr, "ipAddress": address}
