"""``$setStreamMeta``: stream metadata of the user's own."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar, Self

from brookmill.mql import paths
from brookmill.mql.code import Code, Val
from brookmill.mql.expression import Expression, Parser
from brookmill.mql.values import Document, Value
from brookmill.stages import MAIN, STAGES, Kind, Place, Placement, Row


@STAGES("$setStreamMeta")
@dataclass(frozen=True, slots=True)
class SetStreamMeta:
    """Reference: Atlas Stream Processing, ``$setStreamMeta``. Paths lack the ``stream`` in front."""

    fields: tuple[tuple[tuple[str, ...], Expression], ...]

    name: ClassVar[str] = "$setStreamMeta"
    kind: ClassVar[Kind] = "row"
    placements: ClassVar[frozenset[Placement]] = MAIN
    operator: ClassVar[str] = "SetStreamMetaOperator"

    @classmethod
    def parse(cls, spec: Value, place: Place) -> Self:
        if not place.object(spec):
            raise place.wrong("$setStreamMeta needs at least one field")
        fields = []
        for name, operand in spec.items():
            at = place.at(name)
            root, *names = Parser(at.path).names(name)
            if root != "stream" or not names:
                raise at.wrong("the fields of $setStreamMeta must start with 'stream.'")
            fields.append((tuple(names), at.expression(operand)))
        return cls(tuple(fields))

    def apply(self, row: Row) -> Iterable[Row]:
        env = row.env()
        values = [expression.evaluate(env) for _, expression in self.fields]
        return (row._replace(meta=self.written(row.meta, *values)),)

    def written(self, meta: Document, *values: Value) -> Document:
        """The metadata with ``values`` in their places."""
        for (names, _), value in zip(self.fields, values, strict=True):
            meta = paths.written(meta, names, value)
        return meta

    def emit(self, code: Code) -> None:
        values = [code.local(expression.emit(code)) for _, expression in self.fields]
        text = code.call(self.written, code.stream_meta(), *values)
        code.meta = code.local(Val(text, "object", null=False, missing=False), "meta").text
