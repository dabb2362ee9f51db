"""Tiers and their limits."""

from __future__ import annotations

import pytest

from brookmill.config import TierLimits
from brookmill.domain.tier import TIERS, Limits, exceeds, parallelism_problem, smaller, tier_limits


def test_order() -> None:
    names = list(TIERS)
    assert names == ["SP2", "SP5", "SP10", "SP30", "SP50"]
    for i, one in enumerate(names):
        assert not exceeds(one, None)
        for j, other in enumerate(names):
            assert exceeds(one, other) == (i > j)
            assert smaller(one, other) == names[min(i, j)]


@pytest.mark.parametrize(
    ("tier", "wanted", "minimum"),
    [
        ("SP2", 1, None),
        ("SP2", 2, "SP5"),
        ("SP5", 3, "SP10"),
        ("SP10", 8, None),
        ("SP10", 9, "SP30"),
        ("SP30", 17, "SP50"),
        ("SP50", 64, None),
    ],
)
def test_parallelism(tier: str, wanted: int, minimum: str | None) -> None:
    limit = TIERS[tier].added_parallelism
    expected = (
        f"Operator parallelism requested exceeds limit for this tier. (Requested: {wanted}, Limit: {limit}). "
        f"Minimum tier for this workload: {minimum} or larger."
    )
    assert parallelism_problem(tier, wanted) == (expected if minimum else None)


def test_more_than_any_tier_gives() -> None:
    text = parallelism_problem("SP50", 65)
    assert text is not None
    assert text.endswith("(Requested: 65, Limit: 64).")


def test_settings_change_limits_and_nothing_else() -> None:
    changed = tier_limits(
        {
            "SP2": TierLimits(kafka_partitions=0, added_parallelism=9),
            "SP10": TierLimits(memory=4 * 1024**3, sync_collections=7),
        }
    )
    assert changed["SP2"] == Limits(1024**3 // 2, 9, None, 1)
    assert changed["SP10"] == Limits(4 * 1024**3, 8, None, 7)
    assert {name: changed[name] for name in ("SP5", "SP30", "SP50")} == {
        name: TIERS[name] for name in ("SP5", "SP30", "SP50")
    }
    assert parallelism_problem("SP2", 9, changed) is None
    assert str(parallelism_problem("SP10", 9, changed)).endswith(
        "Minimum tier for this workload: SP2 or larger."
    )
