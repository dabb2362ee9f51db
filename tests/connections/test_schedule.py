"""Schedules of six fields, and the source that keeps them."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from brookmill.clock import VirtualClock
from brookmill.connections import Opening
from brookmill.connections.schedule import Schedule, ScheduleError, ScheduleSource
from brookmill.plan import PlanError, plan


def seconds(text: str) -> int:
    return int(dt.datetime.fromisoformat(f"{text}+00:00").timestamp())


@pytest.mark.parametrize(
    ("schedule", "after", "times"),
    [
        ("0 0/5 * * * *", "2026-09-10T12:01:00", ["2026-09-10T12:05:00", "2026-09-10T12:10:00"]),
        ("0 0/5 * * * *", "2026-12-31T23:56:00", ["2027-01-01T00:00:00", "2027-01-01T00:05:00"]),
        ("* * * * * *", "2026-09-10T12:00:59", ["2026-09-10T12:01:00", "2026-09-10T12:01:01"]),
        ("30 1,15 9-10 * * *", "2026-09-10T09:15:30", ["2026-09-10T10:01:30", "2026-09-10T10:15:30"]),
        ("0 0 0 1 JAN *", "2026-09-10T00:00:00", ["2027-01-01T00:00:00", "2028-01-01T00:00:00"]),
        ("0 0 12 * * MON-fri", "2026-09-11T12:00:00", ["2026-09-14T12:00:00", "2026-09-15T12:00:00"]),
        ("0 0 0 13 * 5", "2026-01-01T00:00:00", ["2026-02-13T00:00:00", "2026-03-13T00:00:00"]),  # both match
        ("0 0 0 29 2 *", "2026-01-01T00:00:00", ["2028-02-29T00:00:00", "2032-02-29T00:00:00"]),
        ("*/20 59 23 31 12 0-6/6", "2026-01-01T00:00:00", ["2028-12-31T23:59:00", "2028-12-31T23:59:20"]),
    ],
)
def test_times(schedule: str, after: str, times: list[str]) -> None:
    parsed, at = Schedule.parse(schedule), seconds(after)
    for time in times:
        found = parsed.after(at)
        assert found is not None
        assert dt.datetime.fromtimestamp(found, dt.UTC).strftime("%Y-%m-%dT%H:%M:%S") == time
        at = found


@pytest.mark.parametrize(
    ("schedule", "text"),
    [
        ("0/5 * * * *", "six fields, this one 5"),
        ("CRON_TZ=UTC 0 0 * * * *", "six fields, this one 7"),
        ("60 * * * * *", "'60' is no second: '60' is not from 0 to 59"),
        ("0 * * 0 * *", "'0' is no day of the month"),
        ("0 * * * * 7", "'7' is no day of the week"),
        ("0 * * * FOO *", "'FOO' is no month"),
        ("0 10-5 * * * *", "'10-5' ends before it begins"),
        ("0 0/0 * * * *", "'0' is no step"),
        ("0 0/ * * * *", "'' is no step"),
        ("0 ,1 * * * *", "'' is not from 0 to 59"),
        ("0 \u0661 * * * *", "is no minute"),
        ("0 99999999999999999999 * * * *", "is no minute"),
        ("0 0 0 30 2 *", "no time at all"),
    ],
)
def test_what_is_no_schedule(schedule: str, text: str) -> None:
    with pytest.raises(ScheduleError, match=text):
        Schedule.parse(schedule)
    with pytest.raises(PlanError, match=text):
        plan([{"$source": {"schedule": schedule}}], {}, sinkless=True)


def source(clock: VirtualClock, position: Any = None, started_at: float | None = None) -> ScheduleSource:
    return ScheduleSource(
        Schedule.parse("0/10 * * * * *"), Opening("p", clock, position, started_at=started_at)
    )


def test_a_document_at_each_time() -> None:
    clock = VirtualClock(1001.0)
    here = source(clock)
    assert here.read(10, 3.0).times == []
    assert here.read(10, 20.0).times == [1_010_000]
    assert clock.now() == 1010.0
    clock.advance(25)
    batch = here.read(10, 1.0)
    assert (batch.values, batch.times) == ([{}, {}], [1_020_000, 1_030_000])


def test_the_moment_of_the_start_counts() -> None:
    clock = VirtualClock(1010.0)
    here = source(clock)
    assert here.read(10, 0).times == [1_010_000]
    assert source(clock, here.position(), started_at=clock.now()).read(10, 0).times == []


def test_times_missed_by_a_failure_are_made_up_for() -> None:
    clock = VirtualClock(1001.0)
    here = source(clock)
    here.read(10, 20.0)
    position = here.position()
    clock.advance(25)
    assert source(clock, position, started_at=1001.0).read(10, 0).times == [1_020_000, 1_030_000]
    assert source(clock, position, started_at=1001.0).read(1, 0).times == [1_020_000]


def test_times_missed_while_stopped_are_not() -> None:
    clock = VirtualClock(1001.0)
    here = source(clock)
    here.read(10, 20.0)
    clock.advance(25)
    again = source(clock, here.position(), started_at=clock.now())
    assert again.read(10, 20.0).times == [1_040_000]


@pytest.mark.parametrize(("more", "field"), [({}, "_ts"), ({"tsFieldName": "runAt"}, "runAt")])
def test_the_time_is_a_field_of_the_document(more: dict[str, Any], field: str) -> None:
    clock = VirtualClock(1001.0)
    planned: Any = plan([{"$source": {"schedule": "0/10 * * * * *", **more}}], {}, sinkless=True)
    output, _ = planned.program("document", clock).push(
        planned.source.open_source(Opening("p", clock)).read(10, 20.0)
    )
    assert output.values == [{field: dt.datetime.fromtimestamp(1010, dt.UTC)}]
