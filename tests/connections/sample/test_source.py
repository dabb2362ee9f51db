"""The solar sample: what its records look like, at what rate, and that it goes on where it was."""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import Any

from brookmill.clock import VirtualClock
from brookmill.connections import Opening
from brookmill.connections.sample.source import FAULTY, SampleSource, record

START = 1_723_498_861.788


def opened(clock: VirtualClock, position: Any = None, rate: float = 10.0) -> SampleSource:
    return SampleSource(Opening("p", clock, position, sample_rate=rate))


def test_a_record_is_what_upstream_publishes() -> None:
    records = [json.loads(record(n, int(START * 1000))) for n in range(5000)]
    good = [r for r in records if "event_details" not in r]
    for r in good:
        assert list(r) == ["device_id", "group_id", "timestamp", "max_watts", "event_type", "obs"]
        assert re.fullmatch(r"device_\d+", r["device_id"])
        assert r["event_type"] in (0, 1)
        assert 0 <= r["obs"]["watts"] <= r["max_watts"]
        assert r["timestamp"] == "2024-08-12T21:41:01.788+00:00"
    assert len(Counter(r["device_id"] for r in good)) == 11
    faulty = len(records) - len(good)
    assert 0.5 < faulty / (len(records) / FAULTY) < 1.5
    assert all("obs" not in r for r in records if "event_details" in r)


def test_the_rate_is_kept_and_no_record_is_left_out() -> None:
    clock = VirtualClock(START)
    source = opened(clock, rate=100.0)
    got: list[bytes] = []
    while clock.monotonic() < 10:
        batch = source.read(1000, 0.05)
        got += batch.values
        assert len(batch) == len(batch.times)
    assert abs(len(got) - 1000) <= 2
    assert [json.loads(v).get("obs") for v in got] == [
        json.loads(record(n, 0)).get("obs") for n in range(len(got))
    ]


def test_it_goes_on_at_its_position() -> None:
    clock = VirtualClock(START)
    source = opened(clock)
    first = [v for _ in range(40) for v in source.read(7, 0.05).values]
    again = opened(clock, source.position())
    second = [v for _ in range(40) for v in again.read(7, 0.05).values]

    def body(value: bytes) -> Any:
        return {**json.loads(value), "timestamp": None}

    assert [body(v) for v in first + second] == [body(record(n, 0)) for n in range(len(first) + len(second))]
    assert again.position() == len(first) + len(second)


def test_times_are_those_of_the_timestamps_and_grow() -> None:
    clock = VirtualClock(START)
    source = opened(clock, rate=1000.0)
    clock.advance(0.5)
    batch = source.read(1000, 0.05)
    assert len(batch) > 400
    assert list(batch.times) == sorted(batch.times)
    assert abs(batch.times[0] - START * 1000) <= 1
    meta = batch.meta(0)
    assert meta["type"] == "generated"
    assert json.loads(batch.values[0])["timestamp"] == meta["ts"].isoformat(timespec="milliseconds")


def test_a_long_pause_is_forgiven() -> None:
    clock = VirtualClock(START)
    source = opened(clock)
    clock.advance(3600)
    assert len(source.read(1000, 0.05)) <= 11
