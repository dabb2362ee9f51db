"""``$hoppingWindow``."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from stages.windowing import BOUNDS, NUMBERS, START, at, program, push, span, told

from brookmill.clock import VirtualClock
from brookmill.connections import Batch
from brookmill.mql import Document, PlanError

BOTH = pytest.mark.parametrize("reference", [False, True])


def hopping(length: float, step: float, inner: list[Document] | None = None, **options: Any) -> Document:
    return {
        "$hoppingWindow": {
            "interval": span(length),
            "hopSize": span(step),
            "allowedLateness": 0,
            "pipeline": inner or NUMBERS,
            **options,
        }
    }


def window(ids: list[int], start: float, end: float) -> Document:
    return {"ids": ids, "window": {"start": at(start), "end": at(end)}}


@BOTH
def test_windows_overlap(reference: bool) -> None:
    running = program(hopping(20, 5), BOUNDS, reference=reference)
    made, letters = push(running, {"i": 0, "at": 7}, {"i": 1, "at": 15}, {"i": 2, "at": 60})
    assert made == [
        window([0], -10, 10),
        window([0], -5, 15),  # its end is exclusive
        window([0, 1], 0, 20),
        window([0, 1], 5, 25),
        window([1], 10, 30),
        window([1], 15, 35),
    ]
    assert letters == []


@BOTH
def test_documents_in_gaps_are_dropped_silently(reference: bool) -> None:
    running = program(hopping(3, 10), BOUNDS, reference=reference)
    made, letters = push(
        running, *({"i": i, "at": i} for i in (0, 2, 3, 9, 10, 12, 13, 33)), {"i": 5, "at": 5}
    )
    assert made == [window([0, 2], 0, 3), window([10, 12], 10, 13)]
    assert letters == []
    counts = running.operator_stats()[1]
    assert (counts["inputMessageCount"], counts["outputMessageCount"], counts["dlqMessageCount"]) == (9, 4, 0)


@BOTH
def test_a_late_document_goes_to_what_is_still_open(reference: bool) -> None:
    running = program(hopping(20, 10), BOUNDS, reference=reference)
    push(running, {"i": 0, "at": 5}, {"i": 1, "at": 12})
    assert push(running, {"i": 2, "at": 8}) == ([], [])
    made, letters = push(running, {"i": 3, "at": 20}, {"i": 4, "at": 9}, {"i": 5, "at": 60})
    assert made == [window([0, 1, 2], 0, 20), window([1, 3], 10, 30), window([3], 20, 40)]
    assert letters == [("Input document arrived late.", {"i": 4})]


@BOTH
def test_a_document_that_fails_does_so_once_in_each_window(reference: bool) -> None:
    inner = [
        {
            "$addFields": {
                "x": {"$divide": [1, {"$subtract": ["$i", {"$second": {"$meta": "stream.window.start"}}]}]}
            }
        },
        *NUMBERS,
    ]
    running = program(hopping(20, 10, inner), reference=reference)
    _, letters = running.push(Batch([orjson.dumps({"i": 20})], [START + 15_000]))
    assert [one.operator for one in letters] == ["AddFieldsOperator"]
    assert letters[0].meta["window"] == {"start": at(0), "end": at(20)}, "its second is 20"
    made, _ = push(running, {"i": 1, "at": 60})
    assert [one["ids"] for one in made] == [[20]], "it stays in the other one"
    counts = {one["name"]: one for one in running.operator_stats()}
    assert counts["HoppingWindowOperator"]["inputMessageCount"] == 2
    assert counts["HoppingWindowOperator"]["outputMessageCount"] == 4
    assert counts["AddFieldsOperator"]["dlqMessageCount"] == 1


@BOTH
def test_by_the_clock(reference: bool) -> None:
    clock = VirtualClock(START / 1000 + 3)
    running = program(by_clock(), BOUNDS, clock=clock, reference=reference)
    push(running, {"i": 0, "at": -1000}, {"i": 1, "at": 1000})
    clock.advance(3)
    assert push(running, {"i": 2}) == ([window([0, 1], -5, 5)], [])
    assert told(running.tick(START + 9_999, None)) == ([], [])
    clock.advance(4)
    assert told(running.tick(START + 10_000, None)) == ([window([0, 1, 2], 0, 10)], [])
    assert running.watermark is None


def by_clock() -> Document:
    options = hopping(10, 5, boundary="processingTime")["$hoppingWindow"]
    del options["allowedLateness"]
    return {"$hoppingWindow": options}


@pytest.mark.parametrize(
    ("options", "path", "text"),
    [
        ({"hopSize": span(0)}, ("hopSize", "size"), "must be greater than 0"),
        ({"hopSize": {"size": 1.5, "unit": "ms"}}, ("hopSize", "size"), "must be an integer"),
        ({"hopSize": {"size": 5, "unit": "week"}}, ("hopSize", "unit"), "week"),
        ({"hopSize": 5}, ("hopSize",), "Expected `object`"),
        (
            {"interval": {"size": 10_001, "unit": "day"}, "hopSize": {"size": 1, "unit": "day"}},
            ("hopSize",),
            "10000",
        ),
        ({"interval": {"size": 4_000_000, "unit": "day"}}, ("interval", "size"), "beyond all bounds"),
        ({"hop": 5}, (), "unknown field `hop`"),
        ({"pipeline": []}, ("pipeline",), "at least one stage"),
        ({"offset": {"offsetFromUtc": 1, "unit": "day"}}, ("offset", "unit"), "day"),
        ({"boundary": "processingTime"}, ("allowedLateness",), "cannot be used with boundary processingTime"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(options: Document, path: tuple[str, ...], text: str) -> None:
    with pytest.raises(PlanError) as error:
        program(hopping(20, 5, **options))
    assert error.value.path == (1, "$hoppingWindow", *path)
    assert text in error.value.message


def test_numbers_may_be_doubles_that_are_whole() -> None:
    program(
        hopping(
            20, 5, interval={"size": 20.0, "unit": "second"}, offset={"offsetFromUtc": -1.0, "unit": "ms"}
        )
    )
