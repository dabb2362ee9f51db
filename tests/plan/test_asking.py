"""Stages that ask: nothing depends on where the pipeline is cut for them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from bson import Int64
from hypothesis import given, settings
from hypothesis import strategies as st

from brookmill.clock import VirtualClock
from brookmill.connections import Answer, Asker, Batch, Output
from brookmill.mql.values import date_from_ms
from brookmill.plan import Program, plan

WINDOW = {
    "$tumblingWindow": {
        "interval": {"size": 10, "unit": "ms"},
        "allowedLateness": 0,
        "pipeline": [
            {"$match": {"x": {"$ne": 3}}},
            {"$group": {"_id": "$k", "n": {"$sum": 1}, "x": {"$push": "$x"}}},
            {"$sort": {"_id": 1}},
            {"$project": {"n": 1, "x": 1, "from": {"$meta": "stream.window.start"}}},
        ],
    }
}
STAGES: list[dict[str, Any]] = [
    {"$match": {"x": {"$lt": 8}}},
    {"$unwind": {"path": "$items", "preserveNullAndEmptyArrays": True}},
    {"$set": {"k": {"$mod": ["$x", 2]}, "broken": {"$divide": [1, "$y"]}}},
    WINDOW,
    {"$match": {"n": {"$gt": 0}}},
    {"$project": {"sum": {"$sum": "$x"}, "from": 1, "n": 1}},
]


class Asked:
    """An ``Asker`` that keeps what it was asked and answers what ``answer`` says."""

    def __init__(self, answer: Any = None) -> None:
        self.batches: list[int] = []
        self.answer = answer or Answer()

    def ask(self, questions: Output) -> Sequence[Answer]:
        self.batches.append(len(questions))
        return [self.answer(one) if callable(self.answer) else self.answer for one in questions.values]

    def stats(self) -> dict[str, Any]:
        return {"asked": sum(self.batches)}

    def close(self) -> None:
        pass


def program(stages: list[dict[str, Any]], *askers: Asker, reference: bool = False, **source: Any) -> Program:
    planned = plan([{"$source": {"documents": [{}]} | source}, *stages], {}, sinkless=True)
    return planned.program("document", VirtualClock(), askers=askers, reference=reference)


def asking(stages: list[dict[str, Any]], *positions: int) -> list[dict[str, Any]]:
    """The stages with one that asks before each of the positions."""
    throttle = [{"$throttle": {"messagesPerSec": 1}}]
    parts = [throttle * positions.count(i) + [stage] for i, stage in enumerate(stages)]
    return [*(stage for part in parts for stage in part), *(throttle * positions.count(len(stages)))]


def played(running: Program, batches: Sequence[Batch]) -> tuple[list[Any], list[tuple[str, Any]]]:
    documents, letters = [], []
    for batch in batches:
        output, dead = running.push(batch)
        documents += output.values
        letters += [(letter.reason, letter.document) for letter in dead]
    return documents, letters


Event = st.tuples(
    st.integers(0, 2),
    st.integers(0, 60),
    st.fixed_dictionaries(
        {"x": st.integers(0, 9), "y": st.sampled_from([0, 1, 1, 1])},
        optional={"items": st.lists(st.integers(0, 3), max_size=2)},
    ),
)


def batched(events: list[Any], cuts: set[int]) -> list[Batch]:
    batches = []
    for start, stop in zip([0, *sorted(cuts)], [*sorted(cuts), len(events)], strict=True):
        some = events[start:stop]
        batches.append(
            Batch(
                [dict(document) for _, _, document in some],
                [time for _, time, _ in some],
                form="document",
                partitions=[partition for partition, _, _ in some],
                partition_count=3,
                meta=lambda _: {"type": "generated"},
            )
        )
    return batches


@settings(deadline=None)
@given(
    st.lists(Event, min_size=1, max_size=40),
    st.lists(st.sampled_from([0, 1, 2, 3, 4, 5, 6]), min_size=1, max_size=3),
    st.sets(st.integers(0, 40)),
    st.booleans(),
)
def test_asking_nobody_changes_nothing(
    events: list[Any], positions: list[int], cuts: set[int], reference: bool
) -> None:
    batches = batched(events, {cut for cut in cuts if cut < len(events)})
    # Outputs come in the order of their windows either way; dead letters of the stages on the way do not.
    plain_documents, plain_letters = played(program(STAGES), batches)
    askers = [Asked() for _ in positions]
    running = program(asking(STAGES, *positions), *askers, reference=reference)
    documents, letters = played(running, batches)
    assert documents == plain_documents
    assert sorted(map(repr, letters)) == sorted(map(repr, plain_letters))
    assert [
        one["outputMessageCount"] for one in running.operator_stats() if one["name"] == "ThrottleOperator"
    ] == [sum(asker.batches) for asker in askers]


@pytest.mark.parametrize("reference", [False, True])
@pytest.mark.parametrize("position", [0, 3, 4])
def test_a_refused_document_is_a_dead_letter_of_the_stage(position: int, reference: bool) -> None:
    asker = Asked(lambda one: Answer(refused="no") if one.get("x") == 5 or one.get("_id") == 1 else Answer())
    running = program(asking(STAGES, position), asker, reference=reference)
    events = [(p, 1, {"x": 5, "y": 1}) for p in range(3)] + [(p, 30, {"x": 4, "y": 1}) for p in range(3)]
    events = [event for event in events if event != (1, 1, events[0][2]) and event != (2, 1, events[0][2])]
    _, letters = running.push(batched(events, set())[0])
    assert [(letter.operator, letter.reason) for letter in letters] == [("ThrottleOperator", "no")]
    assert letters[0].meta["source"]["type"] == "generated"


def test_stages_inside_a_window_ask_when_it_closes() -> None:
    window = {
        "$tumblingWindow": WINDOW["$tumblingWindow"] | {"pipeline": WINDOW["$tumblingWindow"]["pipeline"]}
    }
    asker = Asked()
    running = program(asking([window, {"$match": {}}], 1), asker)
    running.push(batched([(0, 1, {"x": 1, "k": 1}), (0, 2, {"x": 1, "k": 2})], set())[0])
    assert asker.batches == []
    running.push(batched([(p, 30, {"x": 1, "k": 1}) for p in range(3)], set())[0])
    assert asker.batches == [2]


def test_an_answer_goes_over_the_stream_metadata() -> None:
    asker = Asked(Answer(meta={"asked": {"status": 200}}))
    running = program(
        [*asking([], 0), {"$project": {"_id": 0, "status": {"$meta": "stream.asked.status"}}}], asker
    )
    assert played(running, batched([(0, 1, {"x": 1})], set()))[0] == [{"status": 200}]


@pytest.mark.parametrize("reference", [False, True])
def test_event_times_go_along(reference: bool) -> None:
    """The time field is read before the first question, the windows see it after the last."""
    stages = asking([{"$match": {"keep": True}}, WINDOW], 0, 1)
    running = program(
        stages, Asked(), Asked(), reference=reference, timeField={"$toDate": "$at"}, tsFieldName="_ts"
    )
    events: list[dict[str, Any]] = [
        {"at": Int64(1), "keep": True, "x": 1},
        {"at": Int64(25), "keep": False},  # dropped, but its time has come
        {"at": Int64(2), "keep": True, "x": 2},  # so this one is late
        {"at": "no time", "keep": True},  # a dead letter
    ]
    batch = Batch(events, [0] * len(events), form="document")
    documents, letters = played(running, [batch])
    assert [(document["n"], document["from"]) for document in documents] == [(1, date_from_ms(0))]
    late = {"at": Int64(2), "keep": True, "x": 2, "_ts": date_from_ms(2)}
    assert ("Input document arrived late.", late) in letters
    assert len(letters) == 2
