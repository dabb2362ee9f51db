"""``$replaceRoot`` and ``$replaceWith``: another document in place of this one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar, Self

from brookmill.mql.code import Code, Val
from brookmill.mql.errors import MQLError
from brookmill.mql.expression import Expression, ObjectLiteral
from brookmill.mql.shape import Plain, Selected
from brookmill.mql.values import Document, Value, type_name
from brookmill.stages import ANYWHERE, MAIN_AND_WINDOW, STAGES, Kind, Place, Placement, Row


def as_document(value: Value) -> Document:
    """``value``, which must be an object to become a document. Raises MQLError (code 40228)."""
    if not isinstance(value, dict):
        text = "'newRoot' expression must evaluate to an object, but resulting value was of type"
        raise MQLError(f"{text} {type_name(value)}", 40228)
    return value


def emit_replacement(code: Code, root: Expression) -> None:
    """Write code that goes on with the document that ``root`` gives."""
    if isinstance(root, ObjectLiteral):
        members = {name: code.local(member.emit(code)) for name, member in root.members}
        code.shape = Selected(code.shape, frozenset(), members)
        return
    value = code.local(root.emit(code))
    text = f"{value.text} if type({value.text}) is dict else {code.call(as_document, value)}"
    document = Val(text, "object", null=False, missing=False, clean=value.clean)
    code.shape = Plain(code.local(document, "d").text, from_json=value.clean)


@STAGES("$replaceRoot")
@dataclass(frozen=True, slots=True)
class ReplaceRoot:
    """Reference: MongoDB manual, ``$replaceRoot``."""

    root: Expression

    name: ClassVar[str] = "$replaceRoot"
    kind: ClassVar[Kind] = "row"
    placements: ClassVar[frozenset[Placement]] = ANYWHERE
    operator: ClassVar[str] = "ReplaceRootOperator"

    @classmethod
    def parse(cls, spec: Value, place: Place) -> Self:
        if type(spec) is not dict:
            raise place.wrong("expected an object as specification for $replaceRoot stage", 40229)
        if spec.keys() != {"newRoot"}:
            raise place.wrong("$replaceRoot takes exactly the member newRoot", 40231)
        return cls(place.at("newRoot").expression(spec["newRoot"]))

    def apply(self, row: Row) -> Iterable[Row]:
        return (row.having(as_document(self.root.evaluate(row.env()))),)

    def emit(self, code: Code) -> None:
        emit_replacement(code, self.root)


@STAGES("$replaceWith")
@dataclass(frozen=True, slots=True)
class ReplaceWith:
    """Reference: MongoDB manual, ``$replaceWith``."""

    root: Expression

    name: ClassVar[str] = "$replaceWith"
    kind: ClassVar[Kind] = "row"
    placements: ClassVar[frozenset[Placement]] = MAIN_AND_WINDOW
    operator: ClassVar[str] = "ReplaceRootOperator"

    @classmethod
    def parse(cls, spec: Value, place: Place) -> Self:
        return cls(place.expression(spec))

    def apply(self, row: Row) -> Iterable[Row]:
        return (row.having(as_document(self.root.evaluate(row.env()))),)

    def emit(self, code: Code) -> None:
        emit_replacement(code, self.root)
