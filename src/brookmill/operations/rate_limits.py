"""The rate limits that are in force: one token bucket for each project, shared by all stream operations.

Reference: Admin API contract, d.8. How full a bucket is, is told by the headers of every answer.
"""

from __future__ import annotations

from typing import Any

from brookmill.errors import UserError
from brookmill.operations import OPERATIONS, Call, Operation, Page, operation

#: Seconds in which an empty bucket fills up.
REFILL_SECONDS = 60

_FILTERS = ("groupId", "orgId", "userId", "ipAddress")
_SET = "streams_group"
_NAME = "Atlas Stream Processing"


def limited(operation: Operation) -> bool:
    """Whether calls of the operation take a token."""
    return operation.route.startswith("/groups/{groupId}/streams")


@operation(
    "listRateLimits",
    "GET /rateLimits",
    since="2025-03-12",
    roles=None,
    query=(*_FILTERS, "name", "endpointPath"),
    paged=True,
    guess="upstream's sets, capacities and refill rates are not published",
)
def list_rate_limits(call: Call) -> Page:
    """``name`` and ``endpointPath`` must be contained, in any case; the other filters change nothing here."""
    found = _endpoint_set(call) if call.settings.rate_limit else None
    name, path = call.query.get("name", "").lower(), call.query.get("endpointPath", "")
    shown = (
        found is not None
        and name in _NAME.lower()
        and any(path in endpoint["path"] for endpoint in found["endpoints"])
    )
    return call.page([found] if shown else [])


@operation(
    "getRateLimit",
    "GET /rateLimits/{endpointSetId}",
    since="2025-03-12",
    roles=None,
    query=_FILTERS,
    guess="upstream's sets, capacities and refill rates are not published",
)
def get_rate_limit(call: Call, endpoint_set_id: str) -> dict[str, Any]:
    if endpoint_set_id != _SET or not call.settings.rate_limit:
        raise UserError("RESOURCE_NOT_FOUND", endpoint_set_id)
    return _endpoint_set(call)


def _endpoint_set(call: Call) -> dict[str, Any]:
    limit = call.settings.rate_limit
    endpoints = [
        {"method": o.method, "path": f"/api/atlas/v2{o.route}"} for o in OPERATIONS.values() if limited(o)
    ]
    return {
        "capacity": {"value": limit, "defaultValue": 1200},
        "endpointSetId": _SET,
        "endpointSetName": _NAME,
        "endpoints": sorted(endpoints, key=lambda e: (e["path"], e["method"])),
        "refillDurationSeconds": {"value": REFILL_SECONDS, "defaultValue": REFILL_SECONDS},
        "refillRate": {"value": limit, "defaultValue": 1200},
        "scope": "GROUP",
    }
