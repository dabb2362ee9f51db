"""Private endpoints, the way to workspaces from a customer's network: list, create, get, delete."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from brookmill.domain.principal import PROJECT_READERS, STREAM_MANAGERS
from brookmill.domain.private_endpoint import PrivateEndpoint
from brookmill.domain.region import provider_of
from brookmill.errors import UserError
from brookmill.operations import Call, Page, operation
from brookmill.operations.body import Body
from brookmill.store import Session

_LIST = "/groups/{groupId}/streamsWorkspacePrivateEndpoints"
_ONE = _LIST + "/{endpointId}"

_READ_ONLY = frozenset({"endpointServiceName", "provider", "status"})

#: Ids of all providers: ``vpce-…``, a number, the path of a resource.
Id = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9._/-]{1,512}\Z")]
DnsName = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9*._-]{1,253}\Z")]


class Registration(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Upstream's ``StreamsWorkspacePrivateEndpointRequest``."""

    id: Id
    region: str
    customer_dns_name: DnsName


@operation(
    "listGroupStreamsWorkspacePrivateEndpoints",
    f"GET {_LIST}",
    since="2025-03-12",
    roles=PROJECT_READERS,
    query=("includeCount",),
    paged=True,
    aliases=("listStreamsWorkspacePrivateEndpoints",),
    guess="who may; the order of the list: creation",
)
def list_private_endpoints(call: Call, group_id: str) -> Page:
    """All private endpoints of the project, those too that are being deleted."""
    now = call.clock.now()
    with call.store.read() as session:
        page = call.page(session.networks.endpoints(group_id, now))
    return Page([_shown(endpoint, now) for endpoint in page.results], page.total)


@operation(
    "createGroupStreamsWorkspacePrivateEndpoint",
    f"POST {_LIST}",
    since="2025-03-12",
    roles=STREAM_MANAGERS,
    status=202,
    aliases=("createStreamsWorkspacePrivateEndpoint",),
    guess="who may; the answer, 202 and {}: generated clients expect no members; form of ids and "
    "regions; the code for an id that is taken",
)
def create_private_endpoint(call: Call, group_id: str) -> None:
    """Register an endpoint; it is PENDING for a while. No endpoint service stands behind it here."""
    sent = Body.parse(call.body).into(Registration, read_only=_READ_ONLY)
    if provider_of(sent.region) is None:
        raise UserError("INVALID_ATTRIBUTE", "region", fields=[("region", "is no region of a workspace")])
    now = call.clock.now()
    endpoint = PrivateEndpoint(
        id=sent.id,
        group_id=group_id,
        region=sent.region,
        customer_dns_name=sent.customer_dns_name,
        created=now,
    )
    with call.store.write() as session:
        if session.group(group_id) is None:  # deleted since the caller was let in
            raise UserError("GROUP_NOT_FOUND", group_id)
        if any(other.id == sent.id for other in session.networks.endpoints(group_id, now)):
            raise UserError("STREAM_PRIVATE_ENDPOINT_ALREADY_EXISTS", sent.id)
        session.networks.add_endpoint(endpoint)


@operation(
    "getGroupStreamsWorkspacePrivateEndpoint",
    f"GET {_ONE}",
    since="2025-03-12",
    roles=PROJECT_READERS,
    aliases=("getStreamsWorkspacePrivateEndpoint",),
    guess="who may",
)
def get_private_endpoint(call: Call, group_id: str, endpoint_id: str) -> Any:
    """One private endpoint."""
    now = call.clock.now()
    with call.store.read() as session:
        return _shown(_find(session, group_id, endpoint_id, now), now)


@operation(
    "deleteGroupStreamsWorkspacePrivateEndpoint",
    f"DELETE {_ONE}",
    since="2025-03-12",
    roles=STREAM_MANAGERS,
    status=202,
    aliases=("deleteStreamsWorkspacePrivateEndpoint",),
    guess="who may; the status 202; deleting what is being deleted changes nothing",
)
def delete_private_endpoint(call: Call, group_id: str, endpoint_id: str) -> None:
    """Forget an endpoint; it stays a while in DELETING."""
    now = call.clock.now()
    with call.store.write() as session:
        endpoint = _find(session, group_id, endpoint_id, now)
        if endpoint.deleted is None:
            session.networks.replace_endpoint(msgspec.structs.replace(endpoint, deleted=now))


def _find(session: Session, group_id: str, id: str, now: float) -> PrivateEndpoint:
    for endpoint in session.networks.endpoints(group_id, now):
        if endpoint.id == id:
            return endpoint
    raise UserError("STREAM_PRIVATE_ENDPOINT_NOT_FOUND", id[:120])


def _shown(endpoint: PrivateEndpoint, now: float) -> dict[str, Any]:
    return {
        "customerDnsName": endpoint.customer_dns_name,
        "id": endpoint.id,
        "provider": provider_of(endpoint.region),
        "region": endpoint.region,
        "status": endpoint.status(now),
    }
