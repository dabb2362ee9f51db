"""What takes a while: where something stands that is being made or taken away, as the clock tells it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")

#: Seconds that each state on a way lasts. Nothing is built on a self-hosted server, but clients wait for the
#: last state and must have seen those before.
STEP = 1.0


def reached(since: float, now: float, way: Sequence[T]) -> T:
    """The state at ``now`` of what set out at ``since``: each of ``way`` in turn, the last one for good."""
    passed = int(max(0.0, now - since) / STEP)
    return way[min(passed, len(way) - 1)]
