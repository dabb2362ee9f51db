"""Tiers: how large a worker is and how much parallelism it may add. Engine reference, section 6."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import msgspec

from brookmill import config

Tier = config.Tier


@dataclass(frozen=True, slots=True)
class Limits:
    """``memory`` in bytes; ``added_parallelism`` of all stages; ``kafka_partitions`` None: any number;
    ``sync_collections``: of one initial sync.
    """

    memory: int
    added_parallelism: int
    kafka_partitions: int | None = None
    sync_collections: int = 1


_GIB = 1024**3

#: From the smallest to the largest.
TIERS: dict[str, Limits] = {
    "SP2": Limits(_GIB // 2, 1, 32),
    "SP5": Limits(_GIB, 2, 64),
    "SP10": Limits(2 * _GIB, 8, sync_collections=5),
    "SP30": Limits(8 * _GIB, 16, sync_collections=10),
    "SP50": Limits(32 * _GIB, 64, sync_collections=50),
}

LARGEST = "SP50"

_RANK = {tier: rank for rank, tier in enumerate(TIERS)}


def exceeds(tier: str, limit: str | None) -> bool:
    """Whether ``tier`` is larger than ``limit``; nothing exceeds None."""
    return limit is not None and _RANK[tier] > _RANK[limit]


def smaller(one: str, other: str) -> str:
    """The smaller of two tiers."""
    return min(one, other, key=_RANK.__getitem__)


def tier_limits(changed: Mapping[Tier, config.TierLimits]) -> Mapping[str, Limits]:
    """``TIERS`` with what the settings of a server change of them."""
    return TIERS | {tier: _changed(TIERS[tier], change) for tier, change in changed.items()}


def _changed(limits: Limits, change: config.TierLimits) -> Limits:
    given = {name: value for name, value in msgspec.structs.asdict(change).items() if value is not None}
    if "kafka_partitions" in given:
        given["kafka_partitions"] = given["kafka_partitions"] or None
    return replace(limits, **given)


def parallelism_problem(tier: str, requested: int, tiers: Mapping[str, Limits] = TIERS) -> str | None:
    """Why ``tier`` cannot add ``requested`` parallelism, in upstream's words; None when it can."""
    limit = tiers[tier].added_parallelism
    if requested <= limit:
        return None
    enough = [name for name, limits in tiers.items() if limits.added_parallelism >= requested]
    text = (
        "Operator parallelism requested exceeds limit for this tier. "
        f"(Requested: {requested}, Limit: {limit})."
    )
    return f"{text} Minimum tier for this workload: {enough[0]} or larger." if enough else text
