"""``$lookup``: documents of a collection that belong to this one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from msgspec import UNSET

from brookmill.connections import Asker, Opening
from brookmill.connections.cluster.ask_options import LookupOptions
from brookmill.mql.expression import Expression
from brookmill.mql.values import Value
from brookmill.stages import MAIN_AND_WINDOW, STAGES, Kind, Place, Placement
from brookmill.stages.lookup_documents import LookupDocuments
from brookmill.stages.sink import asker_parts, parts


@STAGES("$lookup")
@dataclass(frozen=True, slots=True)
class LookupStage:
    """Engine reference, section 1.6. ``documents``: what is asked instead of a connection, None: nothing."""

    connection: str | None
    options: Any
    columns: Mapping[str, Expression]
    constants: Mapping[str, Value]
    documents: LookupDocuments | None = None

    name: ClassVar[str] = "$lookup"
    kind: ClassVar[Kind] = "ask"
    placements: ClassVar[frozenset[Placement]] = MAIN_AND_WINDOW
    operator: ClassVar[str] = "LookUpOperator"

    @property
    def into(self) -> tuple[str, ...]:
        return tuple(self.options.as_.split("."))

    @classmethod
    def parse(cls, spec: Value, place: Place) -> Self:
        if "from" in place.object(spec):
            return cls(*asker_parts(cls.name, spec, place, "from"))
        _, options, columns, constants = parts(LookupOptions, spec, place)
        variables = () if options.let is UNSET else tuple(options.let)
        documents = LookupDocuments.parse(options.pipeline, variables, place.at("pipeline"))
        return cls(None, options, columns, constants, documents)

    def open_asker(self, opening: Opening) -> Asker:
        """Cannot fail."""
        assert self.documents is not None, "only a lookup without a connection opens itself"
        return self.documents.opened(opening)
