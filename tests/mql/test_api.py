"""The language as a library: what ``docs/mql.md`` promises."""

from __future__ import annotations

import doctest
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from bson import Decimal128, Int64

from brookmill import mql
from brookmill.config import ConfigError

PAGE = Path(__file__).parents[2] / "docs" / "mql.md"


@pytest.fixture(autouse=True, params=["generated", "reference"])
def evaluator(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BROOKMILL_MQL", request.param)


def test_the_page_is_right() -> None:
    failed, tried = doctest.testfile(str(PAGE), module_relative=False, encoding="utf-8")
    assert not failed
    assert tried > 5


def test_an_unknown_evaluator_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BROOKMILL_MQL", "fastest")
    with pytest.raises(ConfigError):
        mql.evaluate("$a", {"a": 1})


def test_values_keep_their_types() -> None:
    document = {"l": Int64(5), "d": Decimal128("1.50"), "f": 2.0, "i": 2}
    for name, value in document.items():
        found = mql.evaluate(f"${name}", document)
        assert type(found) is type(value)
        assert found == value
    assert type(mql.evaluate({"$add": ["$i", "$l"]}, document)) is Int64


def test_variables() -> None:
    assert mql.evaluate({"$concatArrays": ["$$one.a", "$$two"]}, {}, {"one": {"a": [1]}, "two": [2]}) == [
        1,
        2,
    ]


@pytest.mark.parametrize(
    ("ask", "code", "name"),
    [
        (lambda: mql.evaluate({"$nonsense": 1}, {}), 168, "InvalidPipelineOperator"),
        (lambda: mql.evaluate({"$toInt": "x"}, {}), 241, "ConversionFailure"),
        (lambda: mql.evaluate("$$unknown", {}), 17276, "Location17276"),
        (lambda: mql.evaluate("$a", {}, {"A": 1}), 16867, "Location16867"),
        (lambda: mql.matches({"a": {"$in": 1}}, {}), 2, "BadValue"),
        (lambda: mql.accumulate({"$nonsense": 1}, []), 15952, "Location15952"),
        (lambda: mql.accumulate({"$sum": {"$divide": [1, "$a"]}}, [{"a": 0}]), 2, "BadValue"),
        (lambda: mql.run_pipeline([{"$nonsense": 1}], []), 40324, "Location40324"),
        (lambda: mql.run_pipeline([{"$replaceWith": "$a"}], [{}]), 40228, "Location40228"),
        (
            lambda: mql.run_pipeline([{"$source": {"documents": []}}], []),
            420,
            "StreamProcessorInvalidOptions",
        ),
        (lambda: mql.sort([{}], {"a": 2}), 15975, "Location15975"),
        (lambda: mql.sort([{"a": [1], "b": [2]}], {"a": 1, "b": 1}), 2, "BadValue"),
    ],
)
def test_errors(ask: Callable[[], Any], code: int, name: str) -> None:
    with pytest.raises(mql.MQLError) as raised:
        ask()
    assert (raised.value.code, raised.value.code_name) == (code, name)
    assert str(raised.value)


def test_accumulate_without_documents() -> None:
    assert mql.accumulate({"$sum": "$a"}, []) == 0
    assert mql.accumulate({"$push": "$a"}, iter([])) == []
    assert mql.accumulate({"$first": "$a"}, []) is None


def test_documents_are_never_changed() -> None:
    document = {"a": [3, 1], "b": {"c": 1}}
    stages: list[dict[str, Any]] = [
        {"$addFields": {"b.d": 1}},
        {"$unwind": "$a"},
        {"$sort": {"a": 1}},
        {"$unset": "b.c"},
    ]
    assert mql.run_pipeline(stages, [document]) == [{"a": 1, "b": {"d": 1}}, {"a": 3, "b": {"d": 1}}]
    assert document == {"a": [3, 1], "b": {"c": 1}}


def test_sort_is_stable() -> None:
    documents = [{"k": 1, "i": i} for i in range(5)] + [{"k": 0, "i": 5}]
    assert [d["i"] for d in mql.sort(documents, {"k": -1})] == [0, 1, 2, 3, 4, 5]
    assert [d["i"] for d in mql.sort(iter(documents), {"k": 1})] == [5, 0, 1, 2, 3, 4]


def test_a_pipeline_has_at_most_a_thousand_stages() -> None:
    assert len(mql.run_pipeline([{"$match": {}}] * 1_000, [{"a": 1}])) == 1
    with pytest.raises(mql.MQLError) as refusal:
        mql.run_pipeline([{"$match": {}}] * 1_001, [{"a": 1}])
    assert refusal.value.code == 7749501
