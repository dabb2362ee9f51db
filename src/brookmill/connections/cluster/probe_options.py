"""What a test of a cluster tries."""

from __future__ import annotations

import msgspec
from msgspec import UNSET, UnsetType


class ClusterProbe(msgspec.Struct, frozen=True, kw_only=True):
    """``coll`` needs ``db``; without it the database alone is looked at."""

    db: str | UnsetType = UNSET
    coll: str | UnsetType = UNSET
