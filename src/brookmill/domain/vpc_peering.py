"""VPC peering: another account's request to join its network with the one that streams run in."""

from __future__ import annotations

from typing import Literal

import msgspec

from brookmill.domain.progress import reached

LocalStatus = Literal[
    "NONE",
    "REQUEST_ACCEPT",
    "ACCEPT_REQUESTED",
    "ACTIVE",
    "REQUEST_REJECT",
    "REJECT_REQUESTED",
    "REQUEST_DELETE",
    "DELETE_REQUESTED",
]

#: Upstream's own status and the cloud's, as they follow each other.
Status = tuple[LocalStatus, str]

#: Seconds that a request waits to be accepted: AWS's seven days.
PATIENCE = 7 * 24 * 3600.0

_PENDING = "pending-acceptance"
_ACCEPTING: tuple[Status, ...] = (
    ("REQUEST_ACCEPT", _PENDING),
    ("ACCEPT_REQUESTED", "provisioning"),
    ("ACTIVE", "active"),
)
_REJECTING: tuple[Status, ...] = (("REQUEST_REJECT", _PENDING), ("REJECT_REQUESTED", "rejected"))
#: None: it is gone.
DELETING: tuple[Status | None, ...] = (("REQUEST_DELETE", "deleting"), ("DELETE_REQUESTED", "deleting"), None)


class VpcPeering(msgspec.Struct, frozen=True, kw_only=True):
    """Upstream's ``VPCPeeringConnection``. ``name``: AWS's id of it, ``pcx-…``; ``region`` in Atlas' names.

    ``accepted``, ``rejected`` and ``deleted`` are when that was asked for, in seconds since the epoch.
    """

    id: str
    group_id: str
    name: str
    region: str
    requester_account_id: str
    requester_vpc_id: str
    requester_cidr: str
    created: float
    accepted: float | None = None
    rejected: float | None = None
    deleted: float | None = None

    @property
    def expires(self) -> float:
        """When it is too late to accept."""
        return self.created + PATIENCE

    def status(self, now: float) -> Status | None:
        """Where it stands at ``now``; None once it is gone."""
        if self.deleted is not None:
            return reached(self.deleted, now, DELETING)
        if self.rejected is not None:
            return reached(self.rejected, now, _REJECTING)
        if self.accepted is not None:
            return reached(self.accepted, now, _ACCEPTING)
        return "NONE", _PENDING if now < self.expires else "expired"

    def active(self, now: float) -> bool:
        """Whether traffic may go through it."""
        return self.status(now) == _ACCEPTING[-1]

    def pending(self, now: float) -> bool:
        """Whether it waits for an answer."""
        return self.status(now) == ("NONE", _PENDING)
