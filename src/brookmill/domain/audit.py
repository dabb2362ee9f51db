"""A record of the audit log: who did what, or tried to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec


class AuditRecord(msgspec.Struct, frozen=True, kw_only=True):
    """``event`` is the record itself, an OCSF event in JSON types without its sequence number.

    The other members are what it is looked up by: ``at`` in seconds since the epoch, the project and the
    names of workspace and processor that it is about; None: about none.
    """

    at: float
    event: Mapping[str, Any]
    group_id: str | None = None
    workspace: str | None = None
    processor: str | None = None
