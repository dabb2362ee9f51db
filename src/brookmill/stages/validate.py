"""``$validate``: documents that do not pass a filter are discarded or become dead letters."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, NoReturn, Self

import msgspec

from brookmill.mql.code import Code
from brookmill.mql.errors import MQLError
from brookmill.mql.filter import Filter
from brookmill.mql.values import Value
from brookmill.stages import MAIN_AND_WINDOW, STAGES, Kind, Place, Placement, Row

REASON = "Input document found to be invalid in $validate stage"


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The stage's options as they are written."""

    validator: dict[str, Any]
    validationAction: Literal["discard", "dlq"] = "discard"  # noqa: N815 - upstream's spelling


def refuse() -> NoReturn:
    """Send the document to the dead letters."""
    raise MQLError(REASON, 121)


@STAGES("$validate")
@dataclass(frozen=True, slots=True)
class Validate:
    """Reference: Atlas Stream Processing, ``$validate``."""

    filter: Filter
    buries: bool

    name: ClassVar[str] = "$validate"
    kind: ClassVar[Kind] = "row"
    placements: ClassVar[frozenset[Placement]] = MAIN_AND_WINDOW
    operator: ClassVar[str] = "ValidateOperator"

    @classmethod
    def parse(cls, spec: Value, place: Place) -> Self:
        options = place.options(spec, Options)
        return cls(place.at("validator").filter(options.validator), options.validationAction == "dlq")

    def apply(self, row: Row) -> Iterable[Row]:
        if self.filter.matches(row.env()):
            return (row,)
        return refuse() if self.buries else ()

    def emit(self, code: Code) -> None:
        passed = self.filter.emit(code)
        if not self.buries:
            code.drop(passed)
            return
        with code.block(f"if not ({passed}):"):
            code.line(code.call(refuse))
