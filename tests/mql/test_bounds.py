"""No expression hangs or takes all memory: loops in loops, and values that grow from step to step."""

from __future__ import annotations

from typing import Any

import pytest

from brookmill.mql import MQLError, evaluate

MANY = {"$range": [0, 900_000]}
ENDLESS: dict[str, Any] = {
    "array that grows": {
        "$reduce": {"input": MANY, "initialValue": [], "in": {"$concatArrays": ["$$value", ["$$this"]]}}
    },
    "text that grows": {
        "$reduce": {"input": MANY, "initialValue": "", "in": {"$concat": ["$$value", "0123456789"]}}
    },
    "value that doubles": {
        "$reduce": {"input": {"$range": [0, 100]}, "initialValue": 1, "in": ["$$value", "$$value"]}
    },
    "value that doubles by another name": {
        "$reduce": {
            "input": {"$range": [0, 100]},
            "initialValue": 1,
            "in": {"$let": {"vars": {"x": "$$value"}, "in": ["$$x", "$$x"]}},
        }
    },
    "arrays in an array": {"$map": {"input": MANY, "in": MANY}},
    "loop in a loop": {"$map": {"input": MANY, "in": {"$map": {"input": "$a", "in": 1}}}},
    "search in a loop": {"$filter": {"input": "$a", "cond": {"$in": ["$$this.x", "$a"]}}},
    "range": {"$range": [0, 2_000_000_000]},
}


@pytest.mark.parametrize("evaluator", ["generated", "reference"])
@pytest.mark.parametrize("name", ENDLESS)
def test_what_takes_too_long_is_refused(name: str, evaluator: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BROOKMILL_MQL", evaluator)
    with pytest.raises(MQLError) as refusal:
        evaluate(ENDLESS[name], {"a": list(range(20_000))})
    assert refusal.value.code_name == "ExceededMemoryLimit"


@pytest.mark.parametrize("evaluator", ["generated", "reference"])
def test_what_is_large_is_not(evaluator: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BROOKMILL_MQL", evaluator)
    # A refusal before must leave nothing behind.
    with pytest.raises(MQLError):
        evaluate(ENDLESS["arrays in an array"], {})
    grown = evaluate(
        {
            "$reduce": {
                "input": {"$range": [0, 5000]},
                "initialValue": [],
                "in": {"$concatArrays": ["$$value", ["$$this"]]},
            }
        },
        {},
    )
    assert grown == list(range(5000))
    table = {
        "$map": {"input": {"$range": [0, 300]}, "in": {"$map": {"input": {"$range": [0, 300]}, "in": 1}}}
    }
    assert evaluate(table, {}) == [[1] * 300] * 300
