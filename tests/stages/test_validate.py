"""``$validate`` in a running program: what becomes of documents that do not pass."""

from __future__ import annotations

from typing import Any

import pytest
from stages.programs import run

VALIDATOR: dict[str, Any] = {"$jsonSchema": {"required": ["a"], "properties": {"a": {"bsonType": "int"}}}}
DOCUMENTS = [{"a": 1}, {"a": "x"}, {"a": 2}]


@pytest.mark.parametrize("reference", [False, True])
def test_discard(reference: bool) -> None:
    got = run([{"$validate": {"validator": VALIDATOR}}], DOCUMENTS, reference=reference)
    values, letters, counts = got
    assert values == [{"a": 1}, {"a": 2}]
    assert letters == []
    assert counts == [[3, 3, 0], [3, 2, 0], [2, 2, 0]]


@pytest.mark.parametrize("reference", [False, True])
def test_dead_letters(reference: bool) -> None:
    stage = {"$validate": {"validator": VALIDATOR, "validationAction": "dlq"}}
    values, letters, counts = run([stage], DOCUMENTS, reference=reference, reasons=True)
    assert values == [{"a": 1}, {"a": 2}]
    reason = "Input document found to be invalid in $validate stage"
    assert letters == [("ValidateOperator", {"a": "x"}, reason)]
    assert counts == [[3, 3, 0], [3, 2, 1], [2, 2, 0]]
