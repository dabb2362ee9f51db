"""``$cachedLookup``: documents that belong to this one, as they were a short while ago."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from brookmill.mql.expression import Expression
from brookmill.mql.values import Value
from brookmill.stages import MAIN, STAGES, Kind, Place, Placement
from brookmill.stages.sink import asker_parts


@STAGES("$cachedLookup")
@dataclass(frozen=True, slots=True)
class CachedLookupStage:
    """Engine reference, section 1.6."""

    connection: str
    options: Any
    columns: Mapping[str, Expression]
    constants: Mapping[str, Value]

    name: ClassVar[str] = "$cachedLookup"
    kind: ClassVar[Kind] = "ask"
    placements: ClassVar[frozenset[Placement]] = MAIN
    operator: ClassVar[str] = "CachedLookUpOperator"

    @property
    def into(self) -> tuple[str, ...]:
        return tuple(self.options.as_.split("."))

    @classmethod
    def parse(cls, spec: Value, place: Place) -> Self:
        return cls(*asker_parts(cls.name, spec, place, "from"))
