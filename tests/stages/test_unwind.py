"""``$unwind`` in a running program: an item that fails goes alone, whichever way its document took."""

from __future__ import annotations

from typing import Any

import pytest
from stages.programs import run

HALVED = {"$addFields": {"half": {"$divide": [10, "$a"]}}}


@pytest.mark.parametrize("reference", [False, True])
def test_one_item_fails(reference: bool) -> None:
    got = run([{"$unwind": "$a"}, HALVED], [{"a": [1, 0, 2]}, {"a": []}, {"a": [5]}], reference=reference)
    values, letters, counts = got
    assert values == [{"a": 1, "half": 10}, {"a": 2, "half": 5}, {"a": 5, "half": 2}]
    assert letters == [("AddFieldsOperator", {"a": 0})]
    assert counts == [[3, 3, 0], [3, 4, 0], [4, 3, 1], [3, 3, 0]]


@pytest.mark.parametrize("reference", [False, True])
def test_an_item_of_an_item_fails(reference: bool) -> None:
    stages: list[Any] = [{"$unwind": "$a"}, {"$match": {"a": {"$ne": []}}}, {"$unwind": "$a"}, HALVED]
    values, letters, counts = run(stages, [{"a": [[1, 2], [], [0, 5], [0]]}], reference=reference)
    assert [value["a"] for value in values] == [1, 2, 5]
    assert letters == [("AddFieldsOperator", {"a": 0})] * 2
    assert counts == [[1, 1, 0], [1, 4, 0], [4, 3, 0], [3, 5, 0], [5, 3, 2], [3, 3, 0]]


@pytest.mark.parametrize("reference", [False, True])
def test_more_loops_than_python_has(reference: bool) -> None:
    array: Any = [7, 8]
    for _ in range(12):
        array = [array]
    values, letters, _ = run([{"$unwind": "$a"}] * 13, [{"a": array}], reference=reference)
    assert (values, letters) == ([{"a": 7}, {"a": 8}], [])


@pytest.mark.parametrize("reference", [False, True])
@pytest.mark.parametrize("outside", [False, True])
def test_in_a_window(reference: bool, outside: bool) -> None:
    group = {"$group": {"_id": None, "n": {"$sum": "$half"}}}
    unwind: list[Any] = [{"$unwind": "$a"}, HALVED]
    inner = [group] if outside else [*unwind, group]
    window = {
        "$tumblingWindow": {
            "interval": {"size": 1, "unit": "second"},
            "idleTimeout": {"size": 1, "unit": "second"},
            "pipeline": inner,
        }
    }
    values, letters, _ = run(
        [*unwind, window] if outside else [window], [{"a": [1, 0, 2]}, {"a": [5]}], reference=reference
    )
    assert values == [{"_id": None, "n": 17}]
    assert letters == [("AddFieldsOperator", {"a": 0})]
