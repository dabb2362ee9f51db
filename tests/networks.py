"""The private networks that connections of the samples go through, in a project's store."""

from __future__ import annotations

import msgspec

from brookmill.domain.private_link import PrivateLink, Target
from brookmill.domain.vpc_peering import VpcPeering
from brookmill.store import Session

#: The private link that samples name, and another one.
LINK, OTHER_LINK = "32b6e34b3d91647abb20e7b8", "32b6e34b3d91647abb20e7b9"


def add_networks(session: Session, group_id: str, region: str = "VIRGINIA_USA") -> None:
    """Two private links, and a VPC peering in the region, that have long been made."""
    target = Target(provider="AWS", vendor="MSK", arn="arn:aws:kafka:us-east-1:1:cluster/a")
    link = PrivateLink(id=LINK, group_id=group_id, target=target, created=0.0)
    session.networks.add_link(link)
    session.networks.add_link(msgspec.structs.replace(link, id=OTHER_LINK))
    session.networks.add_peering(peering(group_id, 5, region))


def peering(group_id: str, digit: int, region: str = "VIRGINIA_USA") -> VpcPeering:
    """A peering that was accepted long ago; every digit makes another one."""
    return VpcPeering(
        id=f"{digit}" * 24,
        group_id=group_id,
        name=f"pcx-0000000000000000{digit}",
        region=region,
        requester_account_id=f"{digit}" * 12,
        requester_vpc_id=f"vpc-0000000000000000{digit}",
        requester_cidr="10.0.0.0/16",
        created=0.0,
        accepted=0.0,
    )
