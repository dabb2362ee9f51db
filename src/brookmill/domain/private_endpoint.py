"""A private endpoint: the entry in a customer's own network through which clients come to its workspaces."""

from __future__ import annotations

from typing import Literal

import msgspec

from brookmill.domain.progress import reached

Status = Literal["PENDING", "OK", "DELETING"]

_MAKING: tuple[Status, ...] = ("PENDING", "OK")
#: None: it is gone.
DELETING: tuple[Status | None, ...] = ("DELETING", None)


class PrivateEndpoint(msgspec.Struct, frozen=True, kw_only=True):
    """``id``: the customer's own id of it, unique in a project. Times in seconds since the epoch."""

    id: str
    group_id: str
    region: str
    customer_dns_name: str
    created: float
    deleted: float | None = None

    def status(self, now: float) -> Status | None:
        """Where it stands at ``now``; None once it is gone."""
        if self.deleted is not None:
            return reached(self.deleted, now, DELETING)
        return reached(self.created, now, _MAKING)
