"""What went to each place of a sink, as statistics show it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from brookmill.connections import DeadLetter, Form, Output
from brookmill.mql.values import MISSING
from brookmill.runtime.targets import Targets


class Topics:
    """A sink that forgets."""

    accepts: Form = "json"
    target = ("topic",)

    def __init__(self, **constants: str) -> None:
        self.constants: Mapping[str, Any] = constants

    def write(self, output: Output) -> list[DeadLetter]:
        return []

    def flush(self) -> list[DeadLetter]:
        return []

    def close(self) -> None: ...


def counted(targets: Targets) -> list[tuple[str, int, float]]:
    rows = targets.shown().get("targetStats", [])
    return [(row["topic"], int(row["inputMessageCount"]), row["inputMessageSize"]) for row in rows]


def test_a_constant_place_has_everything() -> None:
    targets = Targets(Topics(topic="t"))
    assert counted(targets) == []
    for _ in range(2):
        targets.note(Output([b"{}", b'{"a":1}'], {"key": [1, 2]}), 9)
    assert counted(targets) == [("t", 4, 18.0)]


def test_documents_are_told_apart_by_the_expression_and_the_nameless_left_out() -> None:
    targets = Targets(Topics())
    targets.note(Output([b"{}", b"{}", b"[1]", b"{}"], {"topic": ["a", "b", "a", MISSING]}), 9)
    assert counted(targets) == [("a", 2, 5.0), ("b", 1, 2.0)]


def test_a_hundred_places_are_shown() -> None:
    targets = Targets(Topics())
    names = [f"t{n}" for n in range(150)]
    for _ in range(2):
        targets.note(Output([b"{}"] * 150, {"topic": names}), 300)
    assert counted(targets) == [(name, 2, 4.0) for name in names[:100]]
