"""``$unset``: fields taken out of the document."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar, Self

from brookmill.mql.code import Code
from brookmill.mql.expression import Parser
from brookmill.mql.projection import Exclusion, parse_removal
from brookmill.mql.values import Value
from brookmill.stages import MAIN_AND_WINDOW, STAGES, Kind, Place, Placement, Row


@STAGES("$unset")
@dataclass(frozen=True, slots=True)
class Unset:
    """Reference: MongoDB manual, ``$unset``."""

    projection: Exclusion

    name: ClassVar[str] = "$unset"
    kind: ClassVar[Kind] = "row"
    placements: ClassVar[frozenset[Placement]] = MAIN_AND_WINDOW
    operator: ClassVar[str] = "UnsetOperator"

    @classmethod
    def parse(cls, spec: Value, place: Place) -> Self:
        return cls(parse_removal(spec, Parser(place.path)))

    def apply(self, row: Row) -> Iterable[Row]:
        return (row.having(self.projection.apply(row.document, row.env())),)

    def emit(self, code: Code) -> None:
        self.projection.emit(code)
