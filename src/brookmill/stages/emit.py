"""``$emit``: documents to a system that takes messages or files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self

from brookmill.mql.encoding import RELAXED, Encoding
from brookmill.mql.expression import Expression
from brookmill.mql.values import Value
from brookmill.stages import MAIN, STAGES, Place, Placement
from brookmill.stages.sink import sink_parts


@STAGES("$emit")
@dataclass(frozen=True, slots=True)
class Emit:
    """Engine reference, section 1.3. ``constants``: columns that are the same for every document."""

    connection: str
    options: Any
    columns: Mapping[str, Expression]
    constants: Mapping[str, Value]

    name: ClassVar[str] = "$emit"
    kind: ClassVar[Literal["sink"]] = "sink"
    placements: ClassVar[frozenset[Placement]] = MAIN

    @property
    def operator(self) -> str:
        return str(self.options.operator)

    @property
    def encoding(self) -> Encoding:
        config = getattr(self.options, "config", None)  # documents that stay documents have none
        return RELAXED if config is None else Encoding(config.output_format, config.date_format)

    @classmethod
    def parse(cls, spec: Value, place: Place) -> Self:
        return cls(*sink_parts(cls.name, spec, place))
