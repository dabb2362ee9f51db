"""Logs of a workspace, to be downloaded: who did what, and what became of processors."""

from __future__ import annotations

import gzip
from collections.abc import Iterable

from brookmill.domain.principal import STREAM_READERS
from brookmill.errors import UserError
from brookmill.operations import Call, File, operation
from brookmill.operations.lookup import find_workspace

_ONE = "/groups/{groupId}/streams/{tenantName}"
_QUERY = ("startDate", "endDate", "spName")

#: Seconds that are told of when no ``startDate`` is given.
_RANGE = 30 * 24 * 3600

#: The last second of the year 9999.
_LATEST = 253_402_300_799


@operation(
    "downloadGroupStreamAuditLogs",
    f"GET {_ONE}/auditLogs",
    since="2023-02-01",
    roles=STREAM_READERS,
    media="gzip",
    query=_QUERY,
    aliases=("downloadAuditLogs", "downloadStreamTenantAuditLogs"),
    guess="which members of OCSF the records have; calls of the Admin API that change nothing have no record",
)
def download_audit_logs(call: Call, group_id: str, tenant_name: str) -> File:
    """Who changed the workspace or something in it, or tried to: a line of JSON each, oldest first."""
    start, end = _range(call)
    with call.store.read() as session:
        find_workspace(session, group_id, tenant_name)
        lines = session.audit.of_workspace(group_id, tenant_name, start, end + 1, call.query.get("spName"))
        return _file(f"{tenant_name}_{start}_{end}_audit.log.gz", lines)


@operation(
    "downloadGroupStreamOperationalLogs",
    f"GET {_ONE}:downloadOperationalLogs",
    since="2025-03-12",
    roles=STREAM_READERS,
    media="gzip",
    query=_QUERY,
    aliases=("downloadOperationalLogs",),
    guess="the form of the entries, and that there are none but of changed states; the name of the file",
)
def download_operational_logs(call: Call, group_id: str, tenant_name: str) -> File:
    """Every change of a processor's state, with the error if there is one: a line of JSON each."""
    start, end = _range(call)
    with call.store.read() as session:
        workspace = find_workspace(session, group_id, tenant_name)
        lines = session.operational.of_workspace(workspace.id, start, end + 1, call.query.get("spName"))
        return _file(f"{tenant_name}_{start}_{end}_operational.log.gz", lines)


def _range(call: Call) -> tuple[int, int]:
    """First and last second asked for."""
    end = call.number("endDate", int(call.clock.now()), most=_LATEST)
    start = call.number("startDate", max(0, end - _RANGE), most=_LATEST)
    if start > end:
        raise UserError("INVALID_QUERY_PARAMETER", "startDate")
    return start, end


def _file(name: str, lines: Iterable[str]) -> File:
    text = "".join(f"{line}\n" for line in lines)
    return File(gzip.compress(text.encode(), mtime=0), name)
