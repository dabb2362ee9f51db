"""``latency`` of stats replies: the last thirty seconds, weighed by documents."""

from __future__ import annotations

from brookmill.clock import VirtualClock
from brookmill.mql.values import date_from_ms
from brookmill.plan.latency import Latency


def test_percentiles_weigh_documents_and_not_batches() -> None:
    clock = VirtualClock(1000.0)
    latency = Latency(clock)
    assert latency.shown() == {"executionTimeMillis": 0}
    latency.note(0.001, 98)
    latency.note(0.5, 1)
    clock.advance(10)
    latency.note(2.0, 1)
    assert latency.shown() == {
        "executionTimeMillis": 2501,
        "latency": {
            "p50": 1000,
            "p99": 500_000,
            "start": date_from_ms(1_000_000),
            "end": date_from_ms(1_010_000),
            "unit": "microseconds",
            "count": 100,
            "sum": 98 * 1000 + 500_000 + 2_000_000,
        },
    }


def test_what_was_half_a_minute_ago_is_forgotten() -> None:
    clock = VirtualClock()
    latency = Latency(clock)
    latency.note(0.1, 5)
    clock.advance(20)
    latency.note(0.2, 5)
    clock.advance(15)
    assert latency.shown()["latency"]["count"] == 5
    clock.advance(16)
    assert latency.shown() == {"executionTimeMillis": 300}
