"""``$sessionWindow``."""

from __future__ import annotations

import datetime as dt
from typing import Any

import bson
import pytest
from bson.codec_options import CodecOptions
from stages.windowing import BOUNDS, NUMBERS, START, at, program, push, span, told

from brookmill.clock import VirtualClock
from brookmill.connections import Batch
from brookmill.mql import Document, PlanError
from brookmill.plan import Program

BOTH = pytest.mark.parametrize("reference", [False, True])
AWARE: CodecOptions[Any] = CodecOptions(tz_aware=True, tzinfo=dt.UTC)


def sessions(inner: list[Document] | None = None, **options: Any) -> Document:
    return {
        "$sessionWindow": {
            "gap": span(10),
            "partitionBy": "$user",
            "allowedLateness": 0,
            "pipeline": inner or NUMBERS,
            **options,
        }
    }


def session(ids: list[int], start: float, end: float, *user: Any) -> Document:
    window = {"start": at(start), "end": at(end)} | ({"partition": user[0]} if user else {})
    return {"ids": ids, "window": window}


@BOTH
def test_a_session_ends_a_gap_after_its_last_document(reference: bool) -> None:
    running = program(sessions(), BOUNDS, reference=reference)
    first = [
        {"i": 0, "user": "a", "at": 0},
        {"i": 2, "user": "b", "at": 5},
        {"i": 1, "user": "a", "at": 9.999},
    ]
    assert push(running, *first) == ([], [])
    assert push(running, {"i": 3, "user": "c", "at": 14.999}) == ([], [])
    made, letters = push(running, {"i": 4, "user": "a", "at": 19.999})
    assert (made, letters) == ([session([2], 5, 15, "b"), session([0, 1], 0, 19.999, "a")], [])
    made, _ = push(running, {"i": 5, "user": "x", "at": 60})
    assert made == [session([3], 14.999, 24.999, "c"), session([4], 19.999, 29.999, "a")]


@BOTH
def test_a_document_between_two_sessions_joins_them(reference: bool) -> None:
    running = program(sessions(allowedLateness=span(30)), BOUNDS, reference=reference)
    push(running, {"i": 0, "at": 18}, {"i": 1, "at": 0}, {"i": 2, "at": 19}, {"i": 3, "at": 9})
    made, letters = push(running, {"i": 4, "at": 100})
    assert (made, letters) == ([session([1, 0, 2, 3], 0, 29)], []), "documents of the earlier one come first"


@BOTH
def test_near_an_open_session_nothing_is_late(reference: bool) -> None:
    running = program(sessions(), BOUNDS, reference=reference)
    push(
        running,
        {"i": 0, "user": "a", "at": 0},
        {"i": 1, "user": "a", "at": 9},
        {"i": 2, "user": "b", "at": 18},
    )
    _, letters = push(running, {"i": 3, "user": "a", "at": 1}, {"i": 4, "user": "c", "at": 17})
    assert letters == [("Input document arrived late.", {"i": 4, "user": "c"})]
    made, _ = push(running, {"i": 5, "at": 60})
    assert made == [session([0, 1, 3], 0, 19, "a"), session([2], 18, 28, "b")]


@BOTH
def test_missing_is_a_partition_of_its_own(reference: bool) -> None:
    running = program(sessions(), BOUNDS, reference=reference)
    users: list[Any] = [{}, {"user": None}, {"user": 1}, {"user": 1.0}, {"user": {"a": [1]}}, {}]
    push(running, *({"i": i, "at": i} | user for i, user in enumerate(users)))
    made, letters = push(running, {"i": 9, "user": "x", "at": 60})
    assert made == [
        session([1], 1, 11, None),
        session([2, 3], 2, 13, 1),
        session([4], 4, 14, {"a": [1]}),
        session([0, 5], 0, 15),
    ]
    assert letters == []


@BOTH
@pytest.mark.parametrize(
    "inner",
    [
        [{"$group": {"_id": {"$meta": "stream.window.start"}, "ids": {"$push": "$i"}}}],
        [
            {
                "$addFields": {
                    "long": {"$subtract": [{"$meta": "stream.window.end"}, {"$meta": "stream.window.start"}]}
                }
            },
            {"$group": {"_id": "$long", "ids": {"$push": "$i"}}},
        ],
        [{"$sort": {"i": 1}}, {"$group": {"_id": {"$meta": "stream.window"}, "ids": {"$push": "$i"}}}],
    ],
)
def test_the_pipeline_inside_knows_the_whole_session(inner: list[Document], reference: bool) -> None:
    running = program(sessions(inner), reference=reference)
    push(running, {"i": 0, "user": "a", "at": 0}, {"i": 1, "user": "a", "at": 5})
    made, letters = push(running, {"i": 2, "user": "a", "at": 60})
    window = {"start": at(0), "end": at(15), "partition": "a"}
    assert made[0]["_id"] in (at(0), 15_000, window)
    assert ([one["ids"] for one in made], letters) == ([[0, 1]], [])


@BOTH
def test_documents_kept_as_they_are_learn_their_session(reference: bool) -> None:
    running = program(
        sessions([{"$match": {"i": {"$gte": 0}}}]),
        {
            "$project": {
                "_id": 0,
                "i": 1,
                "end": {"$meta": "stream.window.end"},
                "at": {"$meta": "stream.source.ts"},
            }
        },
        reference=reference,
    )
    push(running, {"i": 0, "at": 0}, {"i": 1, "at": 5})
    made, _ = push(running, {"i": 2, "at": 60})
    assert made == [{"i": 0, "end": at(15), "at": at(0)}, {"i": 1, "end": at(15), "at": at(5)}]


@BOTH
def test_a_partition_that_cannot_be_told(reference: bool) -> None:
    running = program(sessions(partitionBy={"$divide": [1, "$user"]}), reference=reference)
    _, letters = running.push(Batch([b'{"user":0}', b'{"user":1}'], [START, START]))
    assert [(one.operator, one.document) for one in letters] == [("SessionWindowOperator", {"user": 0})]
    assert "divide" in letters[0].reason
    counts = running.operator_stats()[1]
    assert [int(counts[f"{kind}MessageCount"]) for kind in ("input", "output", "dlq")] == [2, 1, 1]


@BOTH
def test_by_the_clock(reference: bool) -> None:
    clock = VirtualClock(START / 1000)
    options = sessions(boundary="processingTime")["$sessionWindow"]
    del options["allowedLateness"]
    running = program({"$sessionWindow": options}, BOUNDS, clock=clock, reference=reference)
    push(running, {"i": 0, "at": -500})
    clock.advance(9)
    push(running, {"i": 1, "at": -900}, {"i": 2, "user": "a"})
    assert told(running.tick(START + 18_999, None)) == ([], [])
    made, letters = told(running.tick(START + 19_000, None))
    assert (made, letters) == ([session([0, 1], 0, 19), session([2], 9, 19, "a")], [])


def test_a_clock_that_goes_back_makes_nothing_late() -> None:
    clock = VirtualClock(START / 1000)
    options = sessions(boundary="processingTime")["$sessionWindow"]
    del options["allowedLateness"]
    running = program({"$sessionWindow": options}, BOUNDS, clock=clock)
    running.tick(START + 50_000, None)
    assert push(running, {"i": 0}) == ([], [])
    assert told(running.tick(START + 60_000, None)) == ([session([0], 50, 60)], [])


def restarted(running: Program, fresh: Program) -> Program:
    fresh.restore(bson.decode(bson.encode(running.snapshot()), AWARE))
    return fresh


def test_sessions_survive_a_restart() -> None:
    running = program(sessions(allowedLateness=span(30)), BOUNDS)
    push(running, {"i": 0, "user": {"n": 2**63}, "at": 0}, {"i": 1, "at": 18}, {"i": 2, "at": 0})
    running = restarted(running, program(sessions(allowedLateness=span(30)), BOUNDS, reference=True))
    push(running, {"i": 3, "at": 9}, {"i": 4, "user": {"n": float(2**63)}, "at": 1})
    made, letters = push(running, {"i": 5, "at": 100})
    assert [one["ids"] for one in made] == [[0, 4], [2, 1, 3]]
    assert letters == []


def test_many_open_sessions_of_one_partition() -> None:
    """A document finds its session by its time, not by asking all of them."""
    running = program(sessions(gap=span(0.002), allowedLateness=span(1000)))
    documents = [{"i": i, "at": i * 0.003} for i in range(5_000)]
    push(running, *documents[::2], *documents[1::2])
    assert len(push(running, {"i": 0, "at": 5000})[0]) == 5_000


@pytest.mark.parametrize(
    ("options", "path", "text"),
    [
        ({"gap": span(0)}, ("gap", "size"), "must be greater than 0"),
        ({"idleTimeout": 0}, (), "unknown field `idleTimeout`"),
        ({"interval": span(1)}, (), "unknown field `interval`"),
        ({"partitionBy": {"a": "$a", "b": "$b"}}, ("partitionBy",), "not an object of several fields"),
        ({"partitionBy": {}}, ("partitionBy",), "not an object of several fields"),
        ({"partitionBy": {"$nope": 1}}, ("partitionBy", "$nope"), "$nope"),
        (
            {"allowedLateness": {"size": -1, "unit": "ms"}},
            ("allowedLateness", "size"),
            "must not be negative",
        ),
        ({"boundary": "wallTime"}, ("boundary",), "wallTime"),
        ({"pipeline": {}}, ("pipeline",), "Expected `array`"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(options: Document, path: tuple[str, ...], text: str) -> None:
    with pytest.raises(PlanError) as error:
        program(sessions(**options))
    assert error.value.path == (1, "$sessionWindow", *path)
    assert text in error.value.message


@pytest.mark.parametrize("name", ["gap", "partitionBy", "pipeline"])
def test_what_must_be_there(name: str) -> None:
    spec = sessions()["$sessionWindow"]
    del spec[name]
    with pytest.raises(PlanError, match=f"missing required field `{name}`"):
        program({"$sessionWindow": spec})
