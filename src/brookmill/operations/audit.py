"""What the audit log is told of an operation: one record each time that it is asked for, also when refused.

The record is an event of the OCSF class API Activity. It names things and never tells what they are: no
bodies, no texts of errors, no secrets.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from brookmill import __version__
from brookmill.domain.audit import AuditRecord
from brookmill.errors import UserError
from brookmill.store import Trail

if TYPE_CHECKING:
    from brookmill.operations import Call, Operation

T = TypeVar("T")

#: OCSF's activities of the class, by HTTP method. Every other is "Other", named by the operation.
_ACTIVITIES: Mapping[str, tuple[int, str]] = {
    "POST": (1, "Create"),
    "GET": (2, "Read"),
    "PATCH": (3, "Update"),
    "PUT": (3, "Update"),
    "DELETE": (4, "Delete"),
}
_CLASS = 6003

#: What path parameters name, in OCSF's ``resources``.
_RESOURCES: Mapping[str, str] = {
    "orgId": "organization",
    "groupId": "project",
    "tenantName": "workspace",
    "connectionName": "connection",
    "processorName": "processor",
}

#: Longer names are cut; longer bodies are not searched for a name.
_LONGEST_NAME, _LONGEST_BODY = 128, 64 * 1024


class Named(msgspec.Struct):
    """A body as far as it tells what shall be made."""

    name: str | None = None


def recorded(operation: Operation, call: Call, act: Callable[[], T]) -> T:
    """Do it, and keep account of it: within the first transaction that it writes in, if there is one.

    Reading is not recorded, but for the downloading of logs. What fails after a part of it was kept has two
    records. Raises what ``act`` raises.
    """
    if operation.method == "GET" and operation.media != "gzip":
        return act()
    trail = Trail(lambda: _record(operation, call, None))
    try:
        with call.store.recording(trail):
            answer = act()
    except UserError as e:
        refused(operation, call, e)
        raise
    except BaseException:
        refused(operation, call, UserError("UNEXPECTED_ERROR"))
        raise
    if not trail.kept:
        _keep(call, trail.record())
    return answer


def refused(operation: Operation, call: Call, error: UserError) -> None:
    """Keep account of what somebody tried. Of reading nothing is kept, but for the downloading of logs."""
    if operation.method != "GET" or operation.media == "gzip":
        _keep(call, _record(operation, call, error))


def _keep(call: Call, record: AuditRecord) -> None:
    with call.store.write() as session:
        session.audit.add(record)


def _record(operation: Operation, call: Call, error: UserError | None) -> AuditRecord:
    now = call.clock.now()
    resources = _named(operation, call)
    of = {resource["type"]: resource["name"] for resource in resources}
    return AuditRecord(
        at=now,
        event=_event(operation, call, error, resources, now),
        group_id=of.get("project"),
        workspace=of.get("workspace"),
        processor=of.get("processor"),
    )


def _event(
    operation: Operation, call: Call, error: UserError | None, resources: list[dict[str, str]], now: float
) -> dict[str, Any]:
    verb = operation.route.rpartition("/")[2].rpartition(":")[2] if ":" in operation.route else ""
    if "dryRun" in operation.query and call.query.get("dryRun", "").lower() == "true":
        verb = "test"  # nothing was to be changed
    activity, name = (99, verb) if verb else _ACTIVITIES.get(operation.method, (99, operation.method))
    status = operation.status if error is None else error.status
    response: dict[str, Any] = {"code": status} | ({} if error is None else {"error": error.code})
    principal = call.principal
    return {
        "activity_id": activity,
        "activity_name": name,
        "actor": {"user": {"name": principal.name, "type": principal.kind, "uid": principal.id}},
        "api": {
            "operation": operation.id,
            "request": {"uid": call.request_id},
            "response": response,
            "version": str(call.version),
        },
        "category_uid": _CLASS // 1000,
        "class_uid": _CLASS,
        "metadata": {
            "product": {"name": "Brookmill", "vendor_name": "Brookmill", "version": __version__},
            "tenant_uid": principal.org_id,
            "version": "1.1.0",
        },
        "resources": resources,
        "severity_id": 1,
        "src_endpoint": {"ip": call.remote},
        "status": "Success" if error is None else "Failure",
        "status_id": 1 if error is None else 2,
        "time": int(now * 1000),
        "type_uid": _CLASS * 100 + activity,
    }


def _named(operation: Operation, call: Call) -> list[dict[str, str]]:
    """What the path names, from the outside in, and then what the body names if something is to be made."""
    found = [
        {"name": value[:_LONGEST_NAME], "type": _RESOURCES.get(parameter, parameter)}
        for parameter, value in call.path.items()
    ]
    made = _MADE.get(operation.route)
    if made is not None and operation.method == "POST" and len(call.body) <= _LONGEST_BODY:
        try:
            name = msgspec.json.decode(call.body, type=Named).name
        except (msgspec.DecodeError, UnicodeDecodeError):
            name = None
        found += [] if name is None else [{"name": name[:_LONGEST_NAME], "type": made}]
    return found


_WORKSPACES = "/groups/{groupId}/streams"
_MADE: Mapping[str, str] = {
    "/groups": "project",
    _WORKSPACES: "workspace",
    _WORKSPACES + ":withSampleConnections": "workspace",
    _WORKSPACES + "/{tenantName}/connections": "connection",
    _WORKSPACES + "/{tenantName}/processor": "processor",
}
