"""``$throttle``: budgets by the second, told by a virtual clock."""

from __future__ import annotations

from typing import Any

import bson
import pytest

from brookmill.clock import VirtualClock
from brookmill.connections import Batch, Opening
from brookmill.plan import PlanError, Program, plan


def throttled(clock: VirtualClock, options: dict[str, Any]) -> Program:
    planned = plan([{"$source": {"documents": [{}]}}, {"$throttle": options}], {}, sinkless=True)
    stage: Any = planned.asks[0]
    return planned.program("document", clock, askers=[stage.open_asker(Opening("p", clock))])


def pushed(running: Program, documents: list[dict[str, Any]]) -> int:
    output, _ = running.push(Batch(documents, [0] * len(documents), form="document"))
    return len(output)


SIZE = len(bson.encode({"x": "y" * 80}))


@pytest.mark.parametrize(
    ("options", "count", "seconds"),
    [
        ({"messagesPerSec": 10}, 10, 0.0),
        ({"messagesPerSec": 10}, 35, 2.5),
        ({"bytesPerSec": SIZE * 2}, 2, 0.0),
        ({"bytesPerSec": SIZE * 2}, 12, 5.0),
        ({"bytesPerSec": SIZE * 2, "messagesPerSec": 1}, 12, 11.0),  # the largest shortfall counts
        (
            {"bytesPerSec": SIZE // 2},
            1,
            1.0,
        ),  # larger than a second's budget: it passes, then a second's rest
    ],
)
def test_how_long_documents_wait(options: dict[str, Any], count: int, seconds: float) -> None:
    clock = VirtualClock()
    running = throttled(clock, options)
    assert pushed(running, [{"x": "y" * 80}] * count) == count
    assert clock.monotonic() == pytest.approx(seconds)
    stats = running.operator_stats()[1]
    assert stats["throttle"]["throttledTimeMs"] == pytest.approx(seconds * 1000, abs=1)
    assert (stats["throttle"]["throttleEvents"] > 0) == (seconds > 0)
    assert stats["inputMessageCount"] == stats["outputMessageCount"] == count


def test_time_fills_the_budget_to_a_second_at_most() -> None:
    clock = VirtualClock()
    running = throttled(clock, {"messagesPerSec": 4})
    pushed(running, [{}] * 4)
    clock.advance(60)
    pushed(running, [{}] * 6)
    assert clock.monotonic() == pytest.approx(60.5)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({}, "$throttle requires at least one of 'bytesPerSec' or 'messagesPerSec'"),
        ({"messagesPerSec": 0}, "Expected `int` >= 1"),
        ({"messagesPerSec": 1.5}, "Expected `int`"),
        ({"messages": 1}, "Object contains unknown field `messages`"),
        (3, "must be an object"),
    ],
)
def test_wrong_options(options: Any, text: str) -> None:
    with pytest.raises(PlanError) as e:
        plan([{"$source": {"documents": [{}]}}, {"$throttle": options}], {}, sinkless=True)
    assert text in str(e.value)
