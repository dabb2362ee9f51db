"""``$redact``: parts of a document kept or cut away, level by level."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import ClassVar, Self

from brookmill.mql.code import Code, Val
from brookmill.mql.errors import MQLError
from brookmill.mql.expression import Env, Expression, parse_expression
from brookmill.mql.shape import Plain
from brookmill.mql.values import MISSING, Document, Value, type_name
from brookmill.stages import MAIN_AND_WINDOW, STAGES, Kind, Place, Placement, Row

#: What the three variables stand for.
VERDICTS = {"DESCEND": "descend", "PRUNE": "prune", "KEEP": "keep"}


@STAGES("$redact")
@dataclass(frozen=True, slots=True)
class Redact:
    """Reference: MongoDB manual, ``$redact``. ``verdict`` is asked of each object, which is its CURRENT."""

    verdict: Expression

    name: ClassVar[str] = "$redact"
    kind: ClassVar[Kind] = "row"
    placements: ClassVar[frozenset[Placement]] = MAIN_AND_WINDOW
    operator: ClassVar[str] = "RedactOperator"

    @classmethod
    def parse(cls, spec: Value, place: Place) -> Self:
        return cls(parse_expression(spec, path=place.path, variables=frozenset(VERDICTS)))

    def apply(self, row: Row) -> Iterable[Row]:
        document = self.redacted(row.document, row.meta, row.now)
        return () if document is MISSING else (row.having(document),)

    def redacted(self, document: Document, meta: Document, now: Callable[[], int]) -> Value:
        """What is left of the document; MISSING for nothing. Raises MQLError."""
        return self._object(document, {**Row(document, meta, now).env(), **VERDICTS})

    def _object(self, level: Document, env: Env) -> Value:
        verdict = self.verdict.evaluate({**env, "CURRENT": level})
        if verdict == "keep":
            return level
        if verdict == "prune":
            return MISSING
        if verdict != "descend":
            text = "$redact's expression should return nothing but $$KEEP, $$DESCEND or $$PRUNE"
            raise MQLError(f"{text}, but returned a value of type {type_name(verdict)}", 17053)
        parts = {name: self._below(value, env) for name, value in level.items()}
        return {name: part for name, part in parts.items() if part is not MISSING}

    def _below(self, value: Value, env: Env) -> Value:
        if isinstance(value, dict):
            return self._object(value, env)
        if isinstance(value, list):
            parts = [self._below(item, env) for item in value]
            return [part for part in parts if part is not MISSING]
        return value

    def emit(self, code: Code) -> None:
        document, meta = code.shape.whole(code), code.stream_meta()
        left = code.local(Val(code.call(self.redacted, document, meta, "NOW")), "d")
        code.drop(f"{left.text} is not MISSING")
        code.shape = Plain(left.text)
