"""What windows hold depends on documents, event times and silence alone: not on how the stream is cut into
batches, on restarts, or on which evaluator runs. ``make windows`` asks for longer.
"""

from __future__ import annotations

import datetime as dt
import os
import random
from dataclasses import dataclass, field
from typing import Any

import bson
import orjson
import pytest
from bson.codec_options import CodecOptions
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from plan.windows_model import Event, Idle, Kind, Model, Silence, Step

from brookmill.clock import VirtualClock
from brookmill.connections import Batch, DeadLetter
from brookmill.mql import Document
from brookmill.plan import Plan, Program, plan

START = 1_700_000_000_000
START_DATE = dt.datetime.fromtimestamp(START / 1000, dt.UTC)
LATE = "Input document arrived late."
AWARE: CodecOptions[Any] = CodecOptions(tz_aware=True, tzinfo=dt.UTC)
FEW = int(os.environ.get("EXAMPLES", "0")) or 300
MANY = int(os.environ.get("EXAMPLES", "0")) or 10_000

STAGES = {"tumbling": "$tumblingWindow", "hopping": "$hoppingWindow", "session": "$sessionWindow"}
FAILS = {"$addFields": {"z": {"$divide": [1, "$y"]}}}
#: Collected as documents come; read again at the end; kept as they are; with what only the end tells.
INNER: list[list[Document]] = [
    [FAILS, {"$group": {"_id": None, "ids": {"$push": "$i"}}}],
    [FAILS, {"$limit": 1000}, {"$group": {"_id": None, "ids": {"$push": "$i"}}}],
    [FAILS],
    [FAILS, {"$group": {"_id": {"$meta": "stream.window.start"}, "ids": {"$push": "$i"}}}],
    [{"$unwind": "$twice"}, FAILS, {"$group": {"_id": None, "ids": {"$addToSet": "$i"}}}],
]
AFTER: list[Document] = [
    {"$addFields": {"w": {"$meta": "stream.window"}}},
    {"$project": {"_id": 0, "w": 1, "ids": 1, "i": 1}},
]


@dataclass
class Case:
    """A window, what happens to it, and where the run is cut: into batches, and by restarts."""

    kind: Kind
    model: dict[str, Any]
    inner: int
    steps: list[Step]
    cuts: set[int] = field(default_factory=set)
    restarts: set[int] = field(default_factory=set)
    reference: bool = False

    def plan(self) -> Plan:
        told = self.model
        options: Document = {"pipeline": INNER[self.inner], "allowedLateness": span(told["lateness"])}
        if self.kind == "session":
            options |= {"gap": span(told["size"]), "partitionBy": "$key"}
        else:
            options |= {
                "interval": span(told["size"]),
                "offset": {"offsetFromUtc": told["offset"], "unit": "ms"},
            }
        if self.kind == "hopping":
            options["hopSize"] = span(told["hop"])
        if told.get("idle_timeout") is not None:
            options["idleTimeout"] = span(told["idle_timeout"])
        match = {"$match": {"drop": {"$exists": False}}}
        return plan(
            [{"$source": {"documents": []}}, match, {STAGES[self.kind]: options}, *AFTER], {}, sinkless=True
        )


def span(size: int) -> Document:
    return {"size": size, "unit": "ms"}


def cases(kind: Kind) -> st.SearchStrategy[Case]:
    """Evenly spread, which counts for more here than small ones would."""
    return st.randoms(use_true_random=True).map(lambda chance: drawn(kind, chance))


def drawn(kind: Kind, chance: random.Random) -> Case:
    partitions = chance.choice([1, 1, 1, 2, 3])
    model: dict[str, Any] = {
        "size": chance.choice([1, 5, 10]),
        "lateness": chance.choice([0, 0, 3, 25]),
        "partitions": partitions,
    }
    if kind != "session":
        model["idle_timeout"] = chance.choice([None, 0, 12])
        model["offset"] = chance.choice([0, -3, 4, 25])
        model["hop"] = model["size"] if kind == "tumbling" else chance.choice([1, 3, 4, 5, 7, 13])
    count = chance.choice([2, 6, 12, 24, 30])
    steps: list[Step] = []
    now, time = START, 0
    for i in range(count):
        what = chance.randrange(16)
        if what == 0:
            steps.append(Idle(frozenset(p for p in range(partitions) if chance.random() < 0.4)))
        elif what == 1:
            now += chance.randrange(40)
            steps.append(Silence(now, now - chance.randrange(20)))
        else:
            near, far = time + chance.randrange(-2, 3), chance.randrange(40)
            made = event(i, max(0, chance.choice([near, far])), kind, partitions, chance)
            time = time if made.fate == "drop" else made.time - START
            steps.append(made)
    cuts, restarts = ({p for p in range(1, count) if chance.random() < 0.1} for _ in range(2))
    return Case(kind, model, chance.randrange(len(INNER)), steps, cuts, restarts, chance.random() < 0.3)


def event(i: int, time: int, kind: Kind, partitions: int, chance: random.Random) -> Event:
    key = chance.choice(["a", "a", "b", None]) if kind == "session" else None
    fate = chance.choice([*[None] * 8, "drop", "drop", "fail"])
    return Event(i, START + time, chance.randrange(partitions), key, fate)


def batch(events: list[Event], partitions: int, idle: frozenset[int]) -> Batch:
    return Batch(
        [orjson.dumps(document(event)) for event in events],
        [event.time for event in events],
        partitions=[event.partition for event in events] if partitions > 1 else None,
        partition_count=partitions,
        meta=lambda _: {"type": "kafka"},
        idle=idle,
    )


def document(event: Event) -> Document:
    made: Document = {"i": event.i, "y": int(event.fate != "fail"), "twice": [1, 2]}
    if event.key is not None:
        made["key"] = event.key
    return made | ({"drop": 1} if event.fate == "drop" else {})


class Run:
    """A program on its way through the steps of a case; a restart goes on with the other evaluator."""

    def __init__(self, case: Case) -> None:
        self.case = case
        self.planned = case.plan()
        self.reference = case.reference
        self.running = self.fresh()
        self.values: list[bytes] = []
        self.letters: list[DeadLetter] = []
        self.idle: frozenset[int] = frozenset()

    def fresh(self) -> Program:
        return self.planned.program("json", VirtualClock(START / 1000), reference=self.reference)

    def restart(self) -> None:
        stored = bson.encode(self.running.snapshot())
        self.reference = not self.reference
        self.running = self.fresh()
        self.running.restore(bson.decode(stored, AWARE))

    def play(self) -> Run:
        waiting: list[Event] = []
        for number, step in enumerate(self.case.steps):
            if number in self.case.cuts | self.case.restarts or not isinstance(step, Event):
                self.push(waiting)
                waiting = []
            if number in self.case.restarts:
                self.restart()
            if isinstance(step, Event):
                waiting.append(step)
            elif isinstance(step, Idle):
                self.idle = step.partitions
                self.push([], always=True)
            else:
                self.take(self.running.tick(step.now, step.since))
        self.push(waiting)
        return self

    def push(self, events: list[Event], *, always: bool = False) -> None:
        if events or always:
            self.take(self.running.push(batch(events, self.case.model["partitions"], self.idle)))

    def take(self, made: Any) -> None:
        self.values += made[0].values
        self.letters += made[1]

    def finish(self) -> Run:
        self.take(self.running.finish())
        return self

    def outputs(self) -> list[tuple[list[int], int, int, str | None]]:
        """Ids, start, end, key; documents kept as they are count as one window while bounds agree."""
        found: list[tuple[list[int], int, int, str | None]] = []
        for value in map(orjson.loads, self.values):
            ids = sorted(value["ids"]) if "twice" in str(INNER[self.case.inner]) else value.get("ids")
            window = value["w"]
            rest = (ms(window["start"]), ms(window["end"]), window.get("partition"))
            if ids is None and found and found[-1][1:] == rest:
                found[-1][0].append(value["i"])
            else:
                found.append((ids or [value["i"]], *rest))
        return found

    def buried(self, reason: str) -> list[int]:
        return [one.document["i"] for one in self.letters if reason in one.reason]


def ms(date: Document) -> int:
    return round(dt.datetime.fromisoformat(date["$date"]).timestamp() * 1000)


def check(case: Case) -> None:
    run, model = Run(case).play(), Model(case.kind, **case.model).play(case.steps)
    compare(run, model)
    assert run.running.watermark == model.watermark
    starts = [min(w.times) if case.kind == "session" else w.start for w in model.windows]
    told = [START_DATE + dt.timedelta(milliseconds=f(starts) - START) for f in (min, max) if starts]
    stats = run.running.operator_stats()[2]
    assert [stats[name] for name in ("minOpenWindowStartTime", "maxOpenWindowStartTime") if starts] == told
    compare(run.finish(), model.finish())
    assert run.running.state_size == 0
    assert "minOpenWindowStartTime" not in run.running.operator_stats()[2]
    account(case, run, model)


def compare(run: Run, model: Model) -> None:
    twice = 2 if "twice" in str(INNER[run.case.inner]) else 1
    expected = [(sorted(ids) if twice == 2 else ids, *rest) for ids, *rest in model.closed]
    assert run.outputs() == expected
    assert run.buried(LATE) == model.late
    assert all(one.reason == LATE or "divide" in one.reason for one in run.letters)
    if not model.windows:  # else some may only fail when their window closes
        assert sorted(run.buried("divide")) == sorted(model.failed * twice)


def account(case: Case, run: Run, model: Model) -> None:
    """Every document that came to the window is in one, or a dead letter, or in a gap; one of these."""
    out = {i for ids, *_ in run.outputs() for i in ids}
    late, failed, gaps = set(run.buried(LATE)), set(run.buried("divide")), set(model.gaps)
    came = {step.i for step in case.steps if isinstance(step, Event) and step.fate != "drop"}
    assert out | late | failed | gaps == came
    assert sum(map(len, (out, late, failed, gaps))) == len(came)


EASY = settings(max_examples=FEW, deadline=None, suppress_health_check=list(HealthCheck))
LONG = settings(EASY, max_examples=MANY)
KINDS: list[Kind] = ["tumbling", "hopping", "session"]


@pytest.mark.parametrize("kind", KINDS)
def test_windows_hold_what_the_model_says(kind: Kind) -> None:
    EASY(given(cases(kind))(check))()


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_windows_hold_what_the_model_says_at_length(kind: Kind) -> None:
    LONG(given(cases(kind))(check))()
