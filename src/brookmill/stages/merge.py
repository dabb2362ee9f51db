"""``$merge``: documents into the collections of a cluster, by their keys."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self

from brookmill.mql.encoding import RELAXED, Encoding
from brookmill.mql.expression import Expression
from brookmill.mql.values import Value
from brookmill.stages import MAIN, STAGES, Place, Placement
from brookmill.stages.sink import sink_parts


@STAGES("$merge")
@dataclass(frozen=True, slots=True)
class Merge:
    """Engine reference, section 1.4. ``constants``: columns that are the same for every document."""

    connection: str
    options: Any
    columns: Mapping[str, Expression]
    constants: Mapping[str, Value]

    name: ClassVar[str] = "$merge"
    kind: ClassVar[Literal["sink"]] = "sink"
    placements: ClassVar[frozenset[Placement]] = MAIN
    operator: ClassVar[str] = "MergeOperator"
    encoding: ClassVar[Encoding] = RELAXED

    @classmethod
    def parse(cls, spec: Value, place: Place) -> Self:
        return cls(*sink_parts(cls.name, spec, place, "into"))
