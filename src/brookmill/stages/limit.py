"""``$limit`` inside a window."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

from brookmill.mql.code import Code
from brookmill.mql.numbers import whole
from brookmill.mql.values import Value
from brookmill.stages import STAGES, WINDOW, Collector, Kind, Place, Placement, Row
from brookmill.stages.buffer import Buffer, emit_row


class Limited(Buffer):
    """The first documents of one window."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self._count = count

    def add(self, row: Row) -> None:
        if len(self.rows) < self._count:
            self.rows.append(row)

    def merge(self, other: Buffer) -> None:
        self.rows = (self.rows + other.rows)[: self._count]


@STAGES("$limit")
@dataclass(frozen=True, slots=True)
class Limit:
    """Reference: MongoDB manual, ``$limit``."""

    count: int

    name: ClassVar[str] = "$limit"
    kind: ClassVar[Kind] = "blocking"
    placements: ClassVar[frozenset[Placement]] = WINDOW
    operator: ClassVar[str] = "LimitOperator"

    @classmethod
    def parse(cls, spec: Value, place: Place) -> Self:
        number = whole(spec)
        if number is None:
            raise place.wrong("invalid argument to $limit stage: Expected an integer", 2107201)
        if number <= 0:
            raise place.wrong("the limit must be positive", 15958)
        return cls(number)

    def collector(self) -> Collector:
        return Limited(self.count)

    def emit_add(self, code: Code, collector: str) -> None:
        emit_row(code, collector)
