"""``$addFields``: fields set over the document."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar, Self

from brookmill.mql.code import Code
from brookmill.mql.expression import Parser
from brookmill.mql.projection import Addition, parse_addition
from brookmill.mql.values import Value
from brookmill.stages import ANYWHERE, STAGES, Kind, Place, Placement, Row


@STAGES("$addFields", "$set")
@dataclass(frozen=True, slots=True)
class AddFields:
    """Reference: MongoDB manual, ``$addFields``."""

    projection: Addition

    name: ClassVar[str] = "$addFields"
    kind: ClassVar[Kind] = "row"
    placements: ClassVar[frozenset[Placement]] = ANYWHERE
    operator: ClassVar[str] = "AddFieldsOperator"

    @classmethod
    def parse(cls, spec: Value, place: Place) -> Self:
        return cls(parse_addition(spec, Parser(place.path)))

    def apply(self, row: Row) -> Iterable[Row]:
        return (row.having(self.projection.apply(row.document, row.env())),)

    def emit(self, code: Code) -> None:
        self.projection.emit(code)
