"""``$match``: documents that pass a filter."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar, Self

from brookmill.mql.code import Code
from brookmill.mql.filter import Every, Filter
from brookmill.mql.values import Value
from brookmill.stages import MAIN_AND_WINDOW, STAGES, Kind, Place, Placement, Row


@STAGES("$match")
@dataclass(frozen=True, slots=True)
class Match:
    """Reference: MongoDB manual, ``$match``."""

    filter: Filter

    name: ClassVar[str] = "$match"
    kind: ClassVar[Kind] = "row"
    placements: ClassVar[frozenset[Placement]] = MAIN_AND_WINDOW
    operator: ClassVar[str] = "MatchOperator"

    @classmethod
    def parse(cls, spec: Value, place: Place) -> Self:
        return cls(place.filter(spec))

    def apply(self, row: Row) -> Iterable[Row]:
        return (row,) if self.filter.matches(row.env()) else ()

    def emit(self, code: Code) -> None:
        # One after the other, so that a document that fails the first test pays for no other.
        for part in self.filter.filters if isinstance(self.filter, Every) else (self.filter,):
            code.drop(part.emit(code))
