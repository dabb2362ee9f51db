"""``$count`` inside a window."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Self

from bson import Int64

from brookmill.mql.code import Code
from brookmill.mql.numbers import INT, from_int
from brookmill.mql.values import Value
from brookmill.stages import STAGES, WINDOW, Collector, Kind, Place, Placement, Results, Row


class Counted:
    """How many documents one window has."""

    def __init__(self, field: str) -> None:
        self._field = field
        self.count = 0

    def add(self, row: Row) -> None:  # noqa: ARG002 - counts whatever comes
        self.count += 1

    def results(self) -> Results:
        return Results([{self._field: from_int(self.count, INT)}] if self.count else [])

    def merge(self, other: Counted) -> None:
        self.count += other.count

    def snapshot(self) -> Value:
        return Int64(self.count)

    def restore(self, snapshot: Any) -> None:
        self.count = int(snapshot)

    @property
    def size(self) -> int:
        return 64


@STAGES("$count")
@dataclass(frozen=True, slots=True)
class Count:
    """Reference: MongoDB manual, ``$count``."""

    field: str

    name: ClassVar[str] = "$count"
    kind: ClassVar[Kind] = "blocking"
    placements: ClassVar[frozenset[Placement]] = WINDOW
    operator: ClassVar[str] = "CountOperator"

    @classmethod
    def parse(cls, spec: Value, place: Place) -> Self:
        if type(spec) is not str:
            raise place.wrong("the count field must be a non-empty string", 40156)
        if not spec:
            raise place.wrong("the count field must be a non-empty string", 40157)
        if spec[0] == "$" or spec == "_id":
            raise place.wrong("the count field cannot be a $-prefixed path or '_id'", 40158)
        if "\0" in spec:
            raise place.wrong("the count field cannot contain a null byte", 40159)
        if "." in spec:
            raise place.wrong("the count field cannot contain '.'", 40160)
        return cls(spec)

    def collector(self) -> Collector:
        return Counted(self.field)

    def emit_add(self, code: Code, collector: str) -> None:
        code.line(f"{collector}.count += 1")
