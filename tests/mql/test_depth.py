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
from brookmill.mql.encoding import Encoding, Format, encoder
from brookmill.mql.filter import parse_filter
from brookmill.mql.size import MAX_LEVELS
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
        (b"[" * MAX_DEPTH + b"]" * MAX_DEPTH, False),
        (b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1), True),
        (b'{"a":' * (MAX_DEPTH + 1) + b"1" + b"}" * (MAX_DEPTH + 1), True),
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
    """By itself: what is written past a buffer kills the process. Deep values end at many places of it."""
    program = """
from brookmill.mql import encoder
write = encoder()
for padding in range(0, 5000, 3):
    value = None
    for level in range(118):
        value = {"a": value} if level % 2 else [value]
    write({"value": ["x" * padding] + [value] * 20})
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("format", ["relaxedJson", "canonicalJson", "basicJson"])
def test_no_deeper_values_are_written(format: Format) -> None:
    write = encoder(Encoding(format))
    assert write({"a": nested(MAX_LEVELS - 1)})
    with pytest.raises(MQLError, match="nested deeper than 120 levels"):
        write({"a": nested(MAX_LEVELS)})


@pytest.mark.parametrize(("levels", "fits"), [(30, True), (MAX_DEPTH, False)])
def test_arguments_of_functions_are_as_deep_as_their_stack(levels: int, fits: bool) -> None:
    value: Any = 1
    for _ in range(levels):
        value = {"a": value}
    same = {"$function": {"body": "function(x) { return x }", "args": ["$v"], "lang": "js"}}
    if fits:
        assert evaluate(same, {"v": value}) == value
    else:
        with pytest.raises(MQLError, match="JavaScript"):
            evaluate(same, {"v": [value] * 20})


def test_literals_are_no_deeper_than_expressions() -> None:
    assert evaluate({"$literal": nested(100)}, {}) == nested(100)
    with pytest.raises(MQLError, match="nested too deeply"):
        evaluate({"$literal": nested(500)}, {})
