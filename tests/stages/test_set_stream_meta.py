"""``$setStreamMeta`` in a running program: into windows and beside what the source says."""

from __future__ import annotations

from typing import Any

import pytest
from stages.programs import run

SECOND = {"size": 1, "unit": "second"}


@pytest.mark.parametrize("reference", [False, True])
def test_into_a_window(reference: bool) -> None:
    shown = {
        "$project": {"tag": {"$meta": "stream.tag"}, "start": {"$type": {"$meta": "stream.window.start"}}}
    }
    stages: list[dict[str, Any]] = [
        {"$setStreamMeta": {"stream.tag": "$a"}},
        {"$unset": "a"},
        {"$tumblingWindow": {"interval": SECOND, "idleTimeout": SECOND, "pipeline": [shown]}},
    ]
    values, letters, _ = run(stages, [{"a": 1}, {"a": 2}], reference=reference)
    assert values == [{"tag": 1, "start": "date"}, {"tag": 2, "start": "date"}]
    assert letters == []


@pytest.mark.parametrize("reference", [False, True])
def test_beside_the_source(reference: bool) -> None:
    stages: list[dict[str, Any]] = [
        {"$setStreamMeta": {"stream.tag": {"$divide": [1, "$a"]}}},
        {"$project": {"tag": {"$meta": "stream.tag"}, "ts": {"$type": {"$meta": "stream.source.ts"}}}},
    ]
    values, letters, _ = run(stages, [{"a": 2}, {"a": 0}], reference=reference)
    assert values == [{"tag": 0.5, "ts": "date"}]
    assert letters == [("SetStreamMetaOperator", {"a": 0})]
