"""``$project``: the fields that stay, go, or are computed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar, Self

from brookmill.mql.code import Code
from brookmill.mql.expression import Parser
from brookmill.mql.projection import Exclusion, Inclusion, parse_projection
from brookmill.mql.values import Value
from brookmill.stages import ANYWHERE, STAGES, Kind, Place, Placement, Row


@STAGES("$project")
@dataclass(frozen=True, slots=True)
class Project:
    """Reference: MongoDB manual, ``$project``."""

    projection: Inclusion | Exclusion

    name: ClassVar[str] = "$project"
    kind: ClassVar[Kind] = "row"
    placements: ClassVar[frozenset[Placement]] = ANYWHERE
    operator: ClassVar[str] = "ProjectOperator"

    @classmethod
    def parse(cls, spec: Value, place: Place) -> Self:
        return cls(parse_projection(spec, Parser(place.path)))

    def apply(self, row: Row) -> Iterable[Row]:
        return (row.having(self.projection.apply(row.document, row.env())),)

    def emit(self, code: Code) -> None:
        self.projection.emit(code)
