"""VPC peerings that others asked of a project: list, accept, reject, delete.

In a cloud the request comes from the other account. Here ``brookmill peerings request`` stands for it.
"""

from __future__ import annotations

from typing import Any

import msgspec

from brookmill.domain.principal import PROJECT_READERS, STREAM_MANAGERS
from brookmill.domain.region import cluster_region
from brookmill.domain.vpc_peering import VpcPeering
from brookmill.errors import UserError
from brookmill.operations import Call, Page, operation
from brookmill.operations.account_details import account_id, network_id
from brookmill.operations.answer import instant
from brookmill.operations.body import Body
from brookmill.store import Session

_LIST = "/groups/{groupId}/streams/vpcPeeringConnections"
_ONE = _LIST + "/{id}"


class Challenge(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Upstream's ``VPCPeeringActionChallenge``: who accepts must know who asked."""

    requester_account_id: str
    requester_vpc_id: str


@operation(
    "listGroupStreamVpcPeeringConnections",
    f"GET {_LIST}",
    since="2023-02-01",
    roles=PROJECT_READERS,
    query=("requesterAccountId",),
    paged=True,
    aliases=("listVpcPeeringConnections",),
    guess="the order of the list: creation",
)
def list_vpc_peerings(call: Call, group_id: str) -> Page:
    """The peerings that ``requesterAccountId`` asked for, whatever became of them."""
    account = call.query.get("requesterAccountId")
    if not account:
        raise UserError("MISSING_QUERY_PARAMETER", "requesterAccountId")
    now = call.clock.now()
    with call.store.read() as session:
        peerings = session.networks.peerings(group_id, now)
    return _page(call, [p for p in peerings if p.requester_account_id == account], now)


@operation(
    "listGroupStreamActiveVpcPeeringConnections",
    "GET /groups/{groupId}/streams/activeVpcPeeringConnections",
    since="2024-11-13",
    roles=PROJECT_READERS,
    paged=True,
    aliases=("listActiveVpcPeeringConnections", "getActiveVpcPeeringConnections"),
    guess="the order of the list: creation",
)
def list_active_vpc_peerings(call: Call, group_id: str) -> Page:
    """The peerings that traffic may go through, whoever asked for them."""
    now = call.clock.now()
    with call.store.read() as session:
        peerings = session.networks.peerings(group_id, now)
    return _page(call, [peering for peering in peerings if peering.active(now)], now)


@operation(
    "acceptGroupStreamVpcPeeringConnection",
    f"POST {_ONE}:accept",
    since="2023-02-01",
    roles=STREAM_MANAGERS,
    status=202,
    aliases=("acceptVpcPeeringConnection",),
    guess="the codes for a wrong requester and for a peering that does not wait for an answer",
)
def accept_vpc_peering(call: Call, group_id: str, id: str) -> None:
    """Let the requester's network in; the peering becomes ACTIVE after a while."""
    now, body = call.clock.now(), Body.attempt(call.body)
    with call.store.write() as session:
        peering = _find(session, group_id, id, now)
        _check_challenge(peering, body().into(Challenge))
        if peering.accepted is None or peering.deleted is not None:
            _check_pending(peering, now, "accepted")
            session.networks.replace_peering(msgspec.structs.replace(peering, accepted=now))


@operation(
    "rejectGroupStreamVpcPeeringConnection",
    f"POST {_ONE}:reject",
    since="2023-02-01",
    roles=STREAM_MANAGERS,
    status=202,
    aliases=("rejectVpcPeeringConnection",),
    guess="the code for a peering that does not wait for an answer",
)
def reject_vpc_peering(call: Call, group_id: str, id: str) -> None:
    """Keep the requester's network out; who wants it in after all must ask anew."""
    now = call.clock.now()
    with call.store.write() as session:
        peering = _find(session, group_id, id, now)
        if peering.rejected is None or peering.deleted is not None:
            _check_pending(peering, now, "rejected")
            session.networks.replace_peering(msgspec.structs.replace(peering, rejected=now))


@operation(
    "deleteGroupStreamVpcPeeringConnection",
    f"DELETE {_ONE}",
    since="2023-02-01",
    roles=STREAM_MANAGERS,
    status=202,
    aliases=("deleteVpcPeeringConnection",),
    guess="connections that go through the peering do not keep it from being deleted",
)
def delete_vpc_peering(call: Call, group_id: str, id: str) -> None:
    """Part the networks; the peering stays a while in REQUEST_DELETE."""
    now = call.clock.now()
    with call.store.write() as session:
        peering = _find(session, group_id, id, now)
        if peering.deleted is None:
            session.networks.replace_peering(msgspec.structs.replace(peering, deleted=now))


def _find(session: Session, group_id: str, id: str, now: float) -> VpcPeering:
    """By its name (``pcx-…``), as upstream documents it, or by the member ``_id``."""
    for peering in session.networks.peerings(group_id, now):
        if id in (peering.name, peering.id):
            return peering
    raise UserError("STREAM_VPC_PEERING_CONNECTION_NOT_FOUND", id[:120])


def _check_challenge(peering: VpcPeering, sent: Challenge) -> None:
    for wire, said, known in (
        ("requesterAccountId", sent.requester_account_id, peering.requester_account_id),
        ("requesterVpcId", sent.requester_vpc_id, peering.requester_vpc_id),
    ):
        if said != known:
            raise UserError("VALIDATION_ERROR", f"The {wire} is not that of {peering.name}")


def _check_pending(peering: VpcPeering, now: float, what: str) -> None:
    if not peering.pending(now):
        status = " ".join(peering.status(now) or ())
        text = f"The VPC Peering connection {peering.name} is {status} and cannot be {what}"
        raise UserError("VALIDATION_ERROR", text)


def _page(call: Call, peerings: list[VpcPeering], now: float) -> Page:
    page = call.page(peerings)
    return Page([_shown(peering, now) for peering in page.results], page.total)


def _shown(peering: VpcPeering, now: float) -> dict[str, Any]:
    local_status, cloud_status = peering.status(now) or ("", "")
    shown = {
        "_id": peering.id,
        "accepterAccountId": account_id("aws", peering.group_id),
        "accepterVpcId": network_id("aws", peering.group_id, cluster_region(peering.region)),
        "cloudStatus": cloud_status,
        "groupId": peering.group_id,
        "localStatus": local_status,
        "name": peering.name,
        "requesterAccountId": peering.requester_account_id,
        "requesterCidr": peering.requester_cidr,
        "requesterVpcId": peering.requester_vpc_id,
    }
    if peering.pending(now):
        shown["expirationTime"] = instant(peering.expires)
    return shown
