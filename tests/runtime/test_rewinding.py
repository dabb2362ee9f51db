"""A changed window is made anew from its documents, and what has closed does not come out again."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import pytest
from bson import Int64
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from plan.windows_model import Event, Kind, Model, Step

from brookmill.clock import VirtualClock
from brookmill.connections import DeadLetter, Opening, Output
from brookmill.mql import Document
from brookmill.plan import plan
from brookmill.runtime import flow as module
from brookmill.runtime.checkpoint import Checkpoint, CheckpointUnreadableError
from brookmill.runtime.flow import Flow
from brookmill.runtime.landmarks import MOST, Landmark, needed
from brookmill.runtime.opening import assembled

START = 1_700_000_000_000
STAGES = {"tumbling": "$tumblingWindow", "hopping": "$hoppingWindow", "session": "$sessionWindow"}
#: The window before and after: other accumulators, another stage before them, another stage that collects.
BEFORE: Document = {"$group": {"_id": None, "sum": {"$sum": "$i"}, "ids": {"$push": "$i"}}}
AFTER: list[list[Document]] = [
    [{"$group": {"_id": None, "ids": {"$push": "$i"}}}],
    [{"$match": {"i": {"$gte": 0}}}, BEFORE],
    [
        {"$sort": {"nothing": 1}},
        {"$group": {"_id": {"$meta": "stream.window.start"}, "ids": {"$push": "$i"}}},
    ],
]
SHOWN = {"$project": {"_id": 0, "ids": 1, "w": {"$meta": "stream.window"}}}
EASY = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))


class Kept:
    """A sink and dead letters that keep what they get."""

    accepts: Any = "document"

    def __init__(self) -> None:
        self.documents: list[Document] = []
        self.letters: list[DeadLetter] = []

    def write(self, output: Output | list[DeadLetter]) -> Any:
        if isinstance(output, Output):
            self.documents += output.values
            return []
        self.letters += output
        return 0

    def flush(self) -> list[DeadLetter]:
        return []

    def close(self) -> None:
        pass


def window(kind: Kind, model: dict[str, Any], inner: list[Document]) -> Document:
    def span(name: str) -> Document:
        return {"size": model[name], "unit": "ms"}

    spec: Document = {"pipeline": inner, "allowedLateness": span("lateness")}
    if kind == "session":
        spec |= {"gap": span("size"), "partitionBy": "$key"}
    else:
        spec |= {"interval": span("size")} | ({"hopSize": span("hop")} if kind == "hopping" else {})
    return {STAGES[kind]: spec}


def opened(stage: Document, documents: list[Document], kept: Kept, checkpoint: bytes | None = None) -> Flow:
    source = {"$source": {"documents": documents, "timeField": {"$toDate": "$t"}}}
    resumed = None if checkpoint is None else Checkpoint.decode(checkpoint)
    opening = Opening("p", VirtualClock(START / 1000), None if resumed is None else resumed.position)
    letters: Any = kept
    return assembled(
        plan([source, stage, SHOWN], {}, sinkless=True),
        opening,
        lambda: letters,
        resumed,
        outlet=lambda _: kept,
    )


@contextmanager
def one_by_one() -> Iterator[None]:
    with mock.patch.object(module, "BATCH_LIMIT", 1):
        yield


def run(flow: Flow, turns: int, checkpoints: set[int], former: bytes = b"") -> bytes:
    """The last checkpoint of a flow that stops after so many documents; ``former`` if it takes none."""
    taken = [flow.checkpoint()]
    for turn in range(turns):
        if turn in checkpoints:
            taken.append(flow.checkpoint())
        flow.turn()
    taken.append(flow.checkpoint())
    flow.close()
    return [former, *(one.encode() for one in taken if one is not None)][-1]


def windows_of(kept: Kept) -> list[tuple[list[int], int, int, str | None]]:
    return [
        (one["ids"], ms(one["w"]["start"]), ms(one["w"]["end"]), one["w"].get("partition"))
        for one in kept.documents
    ]


def ms(date: dt.datetime) -> int:
    return round(date.timestamp() * 1000)


EVENTS = st.lists(
    st.tuples(st.integers(0, 60), st.sampled_from(["a", "a", "b", None])), min_size=1, max_size=24
)
PLACES = st.sets(st.integers(0, 24))


@pytest.mark.parametrize("kind", list(STAGES))
def test_each_window_comes_out_once_and_whole(kind: Kind) -> None:
    @EASY
    @given(EVENTS, PLACES, st.integers(0, 24), st.integers(0, 24), st.sampled_from(AFTER), st.data())
    def check(
        events: list[tuple[int, str | None]],
        checkpoints: set[int],
        stop: int,
        restart: int,
        inner: list[Document],
        data: st.DataObject,
    ) -> None:
        model: dict[str, Any] = {
            "size": data.draw(st.sampled_from([5, 10])),
            "lateness": data.draw(st.sampled_from([0, 3, 25])),
        }
        if kind != "session":
            model["hop"] = model["size"] if kind == "tumbling" else data.draw(st.sampled_from([3, 13]))
        steps: list[Step] = [
            Event(i, START + time, 0, key if kind == "session" else None)
            for i, (time, key) in enumerate(events)
        ]
        documents: list[Document] = [
            {"i": i, "t": Int64(START + time)} | ({} if key is None else {"key": key})
            for i, (time, key) in enumerate(events)
        ]
        kept = Kept()
        with one_by_one():
            former = run(
                opened(window(kind, model, [BEFORE]), documents, kept), min(stop, len(events)), checkpoints
            )
            changed = window(kind, model, inner)
            # What comes in between starts from the middle of reading again.
            between = run(opened(changed, documents, kept, former), restart, checkpoints, former)
            last = opened(changed, documents, kept, between)
            for _ in range(len(events) + 1):
                last.turn()
            last.finish()
            last.close()
        told = Model(kind, **model).play(steps).finish()
        assert windows_of(kept) == told.closed
        late = {letter.document["i"] for letter in kept.letters}
        assert late == set(told.late) if kind != "session" else late >= set(told.late)

    check()


@pytest.mark.parametrize(("times", "ids"), [([18, 0, 9], [1, 0, 2]), ([0, 18, 9], [0, 1, 2])])
def test_joined_sessions_are_read_from_the_earlier_one(times: list[int], ids: list[int]) -> None:
    kept = Kept()
    model = {"size": 10, "lateness": 30}
    documents: list[Document] = [{"i": i, "t": Int64(START + at)} for i, at in enumerate(times)]
    with one_by_one():
        former = run(opened(window("session", model, [BEFORE]), documents, kept), 3, {1})
        last = opened(window("session", model, AFTER[0]), documents, kept, former)
        for _ in documents:
            last.turn()
        last.finish()
        last.close()
    assert windows_of(kept) == [(ids, START, START + 28, None)]


def test_a_window_that_fits_is_not_read_again() -> None:
    kept = Kept()
    model = {"size": 10, "lateness": 0}
    documents: list[Document] = [{"i": i, "t": Int64(START + i)} for i in range(4)]
    with one_by_one():
        former = run(opened(window("tumbling", model, [BEFORE]), documents, kept), 3, set())
        after = [BEFORE, {"$match": {"_id": None}}]
        last = opened(window("tumbling", model | {"lateness": 5}, after), documents, kept, former)
        last.turn()
        stats = last.stats()
        assert stats["inputMessageCount"] == 4
        assert stats["minOpenWindowStartTime"] == dt.datetime.fromtimestamp(START / 1000, dt.UTC)
        last.finish()
        last.close()
    assert [one["ids"] for one in kept.documents] == [[0, 1, 2, 3]]


def test_a_checkpoint_without_landmarks_says_what_to_do() -> None:
    model = {"size": 10, "lateness": 0}
    documents: list[Document] = [{"i": 0, "t": Int64(START)}]
    kept = Kept()
    former = Checkpoint.decode(run(opened(window("tumbling", model, [BEFORE]), documents, kept), 1, set()))
    bare = Checkpoint(position=former.position, state=former.state, counts=former.counts).encode()
    opened(window("tumbling", model, [BEFORE]), documents, kept, bare).close()
    with pytest.raises(CheckpointUnreadableError, match="resumeFromCheckpoint false"):
        opened(window("tumbling", model, AFTER[0]), documents, kept, bare)


def test_counts_of_other_operators_are_not_mixed_up() -> None:
    kept = Kept()
    model = {"size": 10, "lateness": 0}
    documents: list[Document] = [{"i": i, "t": Int64(START + i)} for i in range(4)]
    with one_by_one():
        former = run(opened(window("tumbling", model, [BEFORE]), documents, kept), 3, set())
        longer = window("tumbling", model, [BEFORE, {"$match": {}}, {"$unset": "sum"}])
        last = opened(longer, documents, kept, former)
        last.turn()
        operators = last.stats()["operatorStats"]
        last.close()
    assert [int(one["inputMessageCount"]) for one in operators[:3]] == [1, 1, 1]


def test_landmarks_stay_few_and_the_oldest_stays() -> None:
    landmarks: list[Landmark] = []
    for number in range(1, 500):
        landmarks = needed([*landmarks, Landmark(number, number, {})], 3)
        assert len(landmarks) <= MOST
        assert landmarks[0].number == min(number, 3)
        assert landmarks[-1].number == number
    assert [one.number for one in needed(landmarks, None)] == [499]
    assert [one.position for one in needed(landmarks, 499)] == [499]
