"""A tumbling window's result depends on documents and watermarks alone, not on how the stream is cut."""

from __future__ import annotations

import datetime as dt
import itertools
from typing import Any

import bson
import orjson
import pytest
from bson.codec_options import CodecOptions
from hypothesis import given, settings
from hypothesis import strategies as st

from brookmill.clock import VirtualClock
from brookmill.connections import Batch, DeadLetter
from brookmill.mql import Document
from brookmill.plan import Plan, plan
from brookmill.plan.program import Program

START = 1_700_000_000_000  # a multiple of 10 seconds
LATE = "Input document arrived late."
AWARE: CodecOptions[Any] = CodecOptions(tz_aware=True, tzinfo=dt.UTC)
EASY = settings(max_examples=60, deadline=None)

#: Number of a document, its event time after START in milliseconds, its partition.
Event = tuple[int, int, int]
EVENTS = st.lists(st.tuples(st.integers(-20_000, 90_000), st.integers(0, 1)), min_size=1, max_size=40).map(
    lambda pairs: [(i, time, partition) for i, (time, partition) in enumerate(pairs)]
)
CUTS = st.sets(st.integers(1, 39))
OPTIONS = st.fixed_dictionaries(
    {},
    optional={
        "allowedLateness": st.sampled_from([0, {"size": 1, "unit": "second"}, {"size": 1, "unit": "minute"}]),
        "offset": st.sampled_from([{"offsetFromUtc": n, "unit": "second"} for n in (-3, 4, 25)]),
    },
)
PIPELINES = st.sampled_from(
    [
        [{"$group": {"_id": None, "ids": {"$push": "$i"}, "sum": {"$sum": "$i"}}}],
        [{"$match": {"i": {"$gte": 0}}}, {"$sort": {"i": 1}}, {"$group": {"_id": 0, "ids": {"$push": "$i"}}}],
        [{"$project": {"i": 1}}],
    ]
)
IDS = [{"$group": {"_id": None, "ids": {"$push": "$i"}}}]
BOUNDS = {"$project": {"_id": 0, "ids": 1, "window": {"$meta": "stream.window"}}}


def planned(options: Document, inner: list[Document] | None = None, *after: Document) -> Plan:
    window = {"interval": {"size": 10, "unit": "second"}, "pipeline": inner or IDS, **options}
    return plan([{"$source": {"documents": []}}, {"$tumblingWindow": window}, *after], {}, sinkless=True)


def program(made: Plan, clock: VirtualClock | None = None) -> Program:
    return made.program("json", clock or VirtualClock(START / 1000))


def batch(events: list[Event], partitions: int = 1, idle: frozenset[int] = frozenset()) -> Batch:
    return Batch(
        [orjson.dumps({"i": i}) for i, _, _ in events],
        [START + time for _, time, _ in events],
        partitions=[partition for _, _, partition in events] if partitions > 1 else None,
        partition_count=partitions,
        meta=lambda _: {"type": "kafka"},
        idle=idle,
    )


def pieces(events: list[Event], cuts: set[int]) -> list[list[Event]]:
    bounds = [0, *sorted(cut for cut in cuts if cut < len(events)), len(events)]
    return [events[a:b] for a, b in itertools.pairwise(bounds)]


def outcome(made: Plan, parts: list[list[Event]], partitions: int, *, restart: bool = False) -> Any:
    """All the output and all dead letters; with ``restart`` each part meets a restored program."""
    running = program(made)
    values: list[Any] = []
    letters: list[DeadLetter] = []
    for part in parts:
        if restart:
            stored = bson.encode(running.snapshot())
            running = program(made)
            running.restore(bson.decode(stored, AWARE))
        output, dead = running.push(batch(part, partitions))
        values += output.values
        letters += dead
    return [orjson.loads(value) for value in values], letters


def told(events: list[Event], partitions: int, size: int, offset: int, lateness: int) -> Any:
    """The ids in each window that closes, and those that are late, in plain words."""
    marks: dict[int, int] = {}
    watermark: int | None = None
    windows: dict[int, list[int]] = {}
    closed, late = [], []
    for i, after, origin in events:
        time, partition = START + after, origin % partitions

        marks[partition] = max(time, marks.get(partition, time))
        if len(marks) == partitions:
            watermark = max(watermark or 0, min(marks.values()))
        past = None if watermark is None else watermark - size - lateness
        due = sorted(start for start in windows if past is not None and start <= past)
        closed += [windows.pop(start) for start in due]
        start = (time - offset) // size * size + offset
        if past is not None and start <= past:
            late.append(i)
        else:
            windows.setdefault(start, []).append(i)
    return closed, late


@given(EVENTS, CUTS, OPTIONS, PIPELINES, st.sampled_from([1, 2]))
@EASY
def test_cuts_and_restarts_change_nothing(
    events: list[Event], cuts: set[int], options: Document, inner: list[Document], partitions: int
) -> None:
    made = planned(options, inner)
    whole = outcome(made, [events], partitions)
    assert outcome(made, pieces(events, cuts), partitions) == whole
    assert outcome(made, pieces(events, cuts), partitions, restart=True) == whole


@given(EVENTS, st.sampled_from([0, 2, 60]), st.sampled_from([0, -3, 25]), st.sampled_from([1, 2]))
@EASY
def test_windows_hold_what_was_in_time(
    events: list[Event], lateness: int, offset: int, partitions: int
) -> None:
    options = {
        "allowedLateness": {"size": lateness, "unit": "second"},
        "offset": {"offsetFromUtc": offset, "unit": "second"},
    }
    values, letters = outcome(planned(options), [events], partitions)
    closed, late = told(events, partitions, 10_000, offset * 1000, lateness * 1000)
    assert [value["ids"] for value in values] == closed
    assert [letter.document["i"] for letter in letters] == late
    assert {letter.reason for letter in letters} <= {LATE}
    assert {letter.operator for letter in letters} <= {"TumblingWindowOperator"}


def test_bounds_are_in_the_metadata() -> None:
    values, _ = outcome(planned({}, IDS, BOUNDS), [[(0, 12_000, 0), (1, 40_000, 0)]], 1)
    start, end = ({"$date": f"2023-11-14T22:13:{second}.000Z"} for second in (30, 40))
    assert values == [{"ids": [0], "window": {"start": start, "end": end}}]


def test_an_idle_partition_holds_nothing_back() -> None:
    running = program(planned({}))
    events: list[Event] = [(0, 0, 0), (1, 40_000, 0)]
    assert len(running.push(batch(events, 2))[0]) == 0
    assert len(running.push(batch([], 2, frozenset({1})))[0]) == 1
    assert running.watermark == START + 40_000


def test_a_partition_that_wakes_up_comes_late() -> None:
    running = program(planned({}))
    running.push(batch([(0, 0, 0), (1, 40_000, 0)], 2, frozenset({1})))
    _, letters = running.push(batch([(2, 0, 1), (3, 40_000, 1)], 2))
    assert [(letter.reason, letter.document) for letter in letters] == [(LATE, {"i": 2})]
    assert running.watermark == START + 40_000


def test_windows_by_the_clock() -> None:
    clock = VirtualClock(START / 1000 + 3)
    running = program(planned({"boundary": "processingTime"}), clock)
    running.push(batch([(0, -500_000, 0), (1, 500_000, 0)]))
    clock.advance(6)
    assert len(running.tick(START + 9_000, None)[0]) == 0
    running.push(batch([(2, 0, 0)]))
    clock.advance(1)
    output, letters = running.tick(START + 10_000, None)
    assert ([orjson.loads(value)["ids"] for value in output.values], letters) == ([[0, 1, 2]], [])
    assert running.watermark is None


@pytest.mark.parametrize(
    ("idle", "now", "closes"),
    [
        (None, 10_000_000, False),
        (0, 9_999, False),
        (0, 10_000, True),
        ({"size": 30, "unit": "second"}, 34_999, False),
        ({"size": 30, "unit": "second"}, 35_000, True),
    ],
)
def test_a_silent_source_closes_windows(idle: Any, now: int, closes: bool) -> None:
    running = program(planned({} if idle is None else {"idleTimeout": idle}))
    running.push(batch([(0, 1_000, 0)]))
    assert len(running.tick(START + now, None)[0]) == 0, "it is not silent"
    output, _ = running.tick(START + now, START + 5_000)
    assert len(output) == closes
    _, letters = running.push(batch([(1, 2_000, 0)]))
    assert [letter.reason for letter in letters] == ([LATE] if closes else [])


@pytest.mark.parametrize(("time", "year"), [(2**63 - 1, 9999), (1 - 2**63, 1), (10**15, 9999)])
@pytest.mark.parametrize("reference", [False, True])
def test_any_event_time_can_be_told(time: int, year: int, reference: bool) -> None:
    running = planned({}).program("json", VirtualClock(START / 1000), reference=reference)
    _, letters = running.push(batch([(0, time - START, 0)]))
    beyond = abs(time) > 10**16
    assert [letter.reason for letter in letters] == ["the event time is beyond all windows"] * beyond
    assert running.watermark is not None
    assert dt.datetime.fromtimestamp(running.watermark / 1000, dt.UTC).year == year
    assert list(running.partition_watermarks().values()) == [running.watermark]
    bson.decode(bson.encode({"stats": running.operator_stats()}))
    program(planned({})).restore(bson.decode(bson.encode(running.snapshot()), AWARE))


def test_snapshots_of_older_versions_are_read() -> None:
    made = planned({"allowedLateness": 0})
    running = program(made)
    running.push(batch([(0, 0, 0), (1, 12_000, 0)]))
    snapshot = running.snapshot()
    window = snapshot["windows"]
    older = {name: window[name] for name in ("marks", "closed", "watermark")}
    older |= {"open": [[start, state] for start, state, _ in window["open"]], "closed": str(START + 10_000)}
    restored = program(made)
    restored.restore({"counts": snapshot["counts"], "windows": older, "origin": {}})
    output, letters = restored.push(batch([(2, 9_000, 0), (3, 19_000, 0), (4, 20_000, 0)]))
    assert [orjson.loads(value)["ids"] for value in output.values] == [[1, 3]]
    assert [letter.document["i"] for letter in letters] == [2]


def test_results_after_a_restart_tell_their_source() -> None:
    made = planned({"idleTimeout": 0}, IDS, {"$project": {"source": {"$meta": "stream.source.type"}}})
    running = program(made)
    running.push(batch([(0, 0, 0)]))
    restored = program(made)
    restored.restore(bson.decode(bson.encode(running.snapshot()), AWARE))
    output, _ = restored.tick(START + 60_000, START)
    assert [orjson.loads(value)["source"] for value in output.values] == ["kafka"]
