"""What one document may take: beyond it is a dead letter, and our own bugs are none."""

from __future__ import annotations

from typing import Any

import pytest

from brookmill.clock import VirtualClock
from brookmill.connections import Batch, DeadLetter, Form
from brookmill.mql import Document
from brookmill.mql.errors import StateTooLarge
from brookmill.plan import plan
from brookmill.plan.program import Program
from brookmill.runtime.worker import failure

START = 1_700_000_000_000
BOTH = pytest.mark.parametrize("reference", [False, True], ids=["generated", "reference"])
DOUBLED: list[Document] = [{"$set": {"a": ["$a", "$a"]}}] * 40
GROUPED: Document = {"$group": {"_id": None, "all": {"$push": "$$ROOT"}}}


def windowed(*stages: Document) -> Document:
    return {"$tumblingWindow": {"interval": {"size": 1, "unit": "second"}, "pipeline": [*stages]}}


def program(stages: list[Document], accepts: Form, *, reference: bool) -> Program:
    clock = VirtualClock(START / 1000)
    return plan([{"$source": {"documents": []}}, *stages], {}, sinkless=True).program(
        accepts, clock, reference=reference
    )


def pushed(running: Program, *documents: Any) -> tuple[list[Any], list[DeadLetter]]:
    out, letters = running.push(Batch(list(documents), [START] * len(documents), form="document"))
    late, more = running.tick(START + 60_000, START)
    return [*out.values, *late.values], [*letters, *more]


@BOTH
@pytest.mark.parametrize("accepts", ["json", "document"])
def test_a_document_that_doubles_is_refused(accepts: Form, reference: bool) -> None:
    running = program([*DOUBLED, {"$match": {"b": 1}}], accepts, reference=reference)
    values, letters = pushed(running, {"a": 1, "b": 1}, {"a": 1, "b": 2})
    assert not values
    (letter,) = letters
    assert "more than 131072000" in letter.reason


@BOTH
@pytest.mark.parametrize("inside", [False, True])
def test_a_window_does_not_keep_it(inside: bool, reference: bool) -> None:
    stages = [windowed(*DOUBLED, GROUPED)] if inside else [*DOUBLED, windowed(GROUPED)]
    values, letters = pushed(program(stages, "document", reference=reference), {"a": 1})
    assert not values
    assert [letter.operator for letter in letters] == ["TumblingWindowOperator"] or len(letters) == 1


@BOTH
def test_rows_without_end_count_for_nothing(reference: bool) -> None:
    thousand: Document = {"$range": [0, 1_000]}
    stages: list[Document] = [{"$set": {"a": {"$cond": ["$many", thousand, [1]]}, "b": thousand}}]
    stages += [{"$unwind": "$a"}, {"$unwind": "$b"}, {"$match": {"b": {"$lt": 2}}}]
    values, letters = pushed(
        program(stages, "document", reference=reference), {"many": True}, {"many": False}
    )
    assert [value["many"] for value in values] == [False, False]
    (letter,) = letters
    assert letter.document["many"] is True
    assert "$unwind makes more than" in letter.reason


@BOTH
def test_one_unwind_beside_what_is_large_makes_no_more_than_memory_holds(reference: bool) -> None:
    running = program([{"$unwind": "$a"}], "json", reference=reference)
    values, letters = pushed(running, {"a": [0] * 600, "b": "x" * 500_000}, {"a": [1], "b": 1})
    assert values == [b'{"a":1,"b":1}']
    (letter,) = letters
    assert "bytes, of one document" in letter.reason


@BOTH
def test_one_unwind_makes_as_many_as_there_are_items(reference: bool) -> None:
    running = program([{"$unwind": "$a"}, {"$match": {"a": 199_999}}], "document", reference=reference)
    values, letters = pushed(running, {"a": list(range(200_000))})
    assert values == [{"a": 199_999}]
    assert not letters


@BOTH
def test_what_fails_in_each_row_does_not_cost_all_rows_anew(reference: bool) -> None:
    running = program(
        [{"$unwind": "$a"}, {"$set": {"b": {"$divide": [1, "$a"]}}}], "json", reference=reference
    )
    _, letters = pushed(running, {"a": [0] * 20_000})
    assert len(letters) == 20_000


@BOTH
def test_our_own_bugs_are_not_buried(reference: bool) -> None:
    running = program([{"$set": {"b": {"$add": ["$a", 1]}}}], "document", reference=reference)
    with pytest.raises(TypeError, match="object is no BSON value"):
        pushed(running, {"a": object()})


@BOTH
def test_keys_of_groups_beyond_the_limit_stop_the_processor(reference: bool) -> None:
    """It is the window that is too large, and no document."""
    big = "k" * 10_000_000
    running = program(
        [windowed({"$group": {"_id": {"$concat": ["$a", big]}}})], "document", reference=reference
    )
    with pytest.raises(StateTooLarge, match="more than 104857600 bytes of keys") as error:
        pushed(running, *[{"a": str(i)} for i in range(11)])
    failed = failure(error.value)
    assert (failed.kind, failed.code, failed.name) == ("plan", 146, "ExceededMemoryLimit")


@BOTH
@pytest.mark.parametrize(
    "body",
    [
        "function(a) { throw new Error('no'); }",
        "function(a) { while (true) {} }",
        "function(a) { const all = []; while (true) all.push(new Array(1000).fill(a)); }",
        "function(a) { return f(a); function f(x) { return f(x); } }",
        "function(a) { return Symbol('a'); }",
    ],
    ids=["throws", "loops", "takes memory", "recurses", "gives no value"],
)
def test_what_fails_in_javascript_is_a_dead_letter(body: str, reference: bool) -> None:
    function: Document = {"$function": {"body": body, "args": ["$a"], "lang": "js"}}
    running = program([{"$set": {"b": {"$cond": ["$a", function, 0]}}}], "document", reference=reference)
    values, letters = pushed(running, {"a": 1}, {"a": 0}, {"a": 2})
    assert values == [{"a": 0, "b": 0}]
    assert [letter.document for letter in letters] == [{"a": 1}, {"a": 2}]
    assert all("the JavaScript function" in letter.reason for letter in letters)
