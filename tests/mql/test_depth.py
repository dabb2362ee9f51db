"""Values nested too deeply never come to be: what is stored or written later would not survive them."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import bson
import pytest

from brookmill.clock import VirtualClock
from brookmill.connections import Batch
from brookmill.mql import MQLError, PlanError, evaluate
from brookmill.mql.ejson import MAX_DEPTH, may_be_deep
from brookmill.mql.filter import parse_filter
from brookmill.mql.values import deeper_than
from brookmill.plan import plan


def nested(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("levels", "deep"), [(0, False), (MAX_DEPTH, False), (MAX_DEPTH + 1, True), (5000, True)]
)
def test_depth_is_counted(levels: int, deep: bool) -> None:
    assert deeper_than(nested(levels), MAX_DEPTH) is deep


def test_shared_parts_are_seen_once() -> None:
    value: Any = 1
    for _ in range(100):
        value = [value, value]
    assert not deeper_than(value, MAX_DEPTH)


@pytest.mark.parametrize(
    ("text", "maybe"),
    [
        (b"[" * 200 + b"]" * 200, False),
        (b"[" * 201 + b"]" * 201, True),
        (b'{"a":' * 201 + b"1" + b"}" * 201, True),
        (b"[" + b'{"a":[1]},' * 500 + b"1]", False),
        (b'["' + b"[" * 300 + b'"]', True),  # brackets in a string: looked at with care, and accepted
    ],
)
def test_deep_text_is_suspected(text: bytes, maybe: bool) -> None:
    assert may_be_deep(text) is maybe


@pytest.mark.parametrize("reference", [False, True])
@pytest.mark.parametrize("text", [b'{"n":900}', b'{"n":1,"deep":' + b"[" * 300 + b"]" * 300 + b"}"])
def test_windows_keep_nothing_that_a_checkpoint_cannot_hold(text: bytes, reference: bool) -> None:
    deep = {"$reduce": {"input": {"$range": [0, "$n"]}, "initialValue": "$deep", "in": ["$$value"]}}
    window = {
        "interval": {"size": 1, "unit": "second"},
        "pipeline": [{"$group": {"_id": 0, "all": {"$push": deep}}}],
    }
    made = plan([{"$source": {"documents": []}}, {"$tumblingWindow": window}], {}, sinkless=True)
    program = made.program("json", VirtualClock(), reference=reference)
    _, letters = program.push(Batch([text, b'{"n":3}'], [1, 2]))
    assert len(letters) == 1
    assert "deeper" in letters[0].reason
    again = made.program("json", VirtualClock(), reference=reference)
    again.restore(bson.decode(bson.encode(program.snapshot())))
    output, _ = again.push(Batch([b'{"n":0}'], [10**6]))
    assert output.values == [b'{"_id":0,"all":[[[[null]]]]}']


def test_an_operand_of_a_filter_that_is_nested_too_deeply_is_refused_with_the_pipeline() -> None:
    with pytest.raises(PlanError, match="nested too deeply"):
        parse_filter({"a": nested(5_000)})


def test_texts_of_deep_values_keep_to_their_buffer() -> None:
    """By itself: orjson 3.12 and 3.13 kill the process. A deep value ends at many places of a buffer."""
    program = """
from brookmill.mql import encoder
for padding in range(0, 5000, 13):
    value = "x" * padding
    for level in range(160):
        value = {"a": [value]} if level % 3 == 0 else [value]
    encoder()({"value": value})
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


def test_literals_are_no_deeper_than_expressions() -> None:
    assert evaluate({"$literal": nested(100)}, {}) == nested(100)
    with pytest.raises(MQLError, match="nested too deeply"):
        evaluate({"$literal": nested(500)}, {})
