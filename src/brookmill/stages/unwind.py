"""``$unwind``: one document for each item of an array."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import ClassVar, Self

from bson import Int64

from brookmill.mql import paths
from brookmill.mql.code import Code, Val
from brookmill.mql.expression import Parser
from brookmill.mql.shape import Overlaid
from brookmill.mql.values import MISSING, Value, nullish
from brookmill.stages import MAIN_AND_WINDOW, STAGES, Kind, Place, Placement, Row


def reached(value: Value, names: tuple[str, ...]) -> Value:
    """The value at a path through objects only; MISSING where there is none."""
    for name in names:
        value = value.get(name, MISSING) if isinstance(value, dict) else MISSING
    return value


def replaced(value: Value, names: tuple[str, ...], item: Value) -> Value:
    """A copy of ``value`` with another value where ``reached`` found one; MISSING takes it away."""
    if not names:
        return item
    if not isinstance(value, dict):
        return value
    copy = dict(value)
    inner = replaced(copy.get(names[0], MISSING), names[1:], item)
    if inner is MISSING:
        copy.pop(names[0], None)
    else:
        copy[names[0]] = inner
    return copy


@STAGES("$unwind")
@dataclass(frozen=True, slots=True)
class Unwind:
    """Reference: MongoDB manual, ``$unwind``. ``index``: path of the field that gets the item's position."""

    path: tuple[str, ...]
    index: tuple[str, ...] | None
    preserve: bool

    name: ClassVar[str] = "$unwind"
    kind: ClassVar[Kind] = "row"
    placements: ClassVar[frozenset[Placement]] = MAIN_AND_WINDOW
    operator: ClassVar[str] = "UnwindOperator"

    @classmethod
    def parse(cls, spec: Value, place: Place) -> Self:
        if type(spec) is str:
            return cls(_field_path(spec, place), None, preserve=False)
        if type(spec) is not dict:
            raise place.wrong("expected either a string or an object as specification for $unwind", 15981)
        for name in spec:
            if name not in {"path", "includeArrayIndex", "preserveNullAndEmptyArrays"}:
                raise place.at(name).wrong(f"unrecognized option to $unwind stage: {name[:50]}", 28811)
        if "path" not in spec:
            raise place.wrong("no path specified to $unwind stage", 28812)
        if type(spec["path"]) is not str:
            raise place.at("path").wrong("expected a string as the path for $unwind stage", 28808)
        preserve = spec.get("preserveNullAndEmptyArrays", False)
        if type(preserve) is not bool:
            raise place.wrong("expected a boolean for the preserveNullAndEmptyArrays option", 28809)
        index = _index_path(spec["includeArrayIndex"], place) if "includeArrayIndex" in spec else None
        return cls(_field_path(spec["path"], place.at("path")), index, preserve)

    def items(self, value: Value) -> list[Value]:
        """What each document gets in place of ``value``; MISSING: nothing."""
        if isinstance(value, list):
            return value or ([MISSING] if self.preserve else [])
        return [] if nullish(value) and not self.preserve else [value]

    def placed(self, value: Value) -> list[tuple[Value, Value]]:
        """The items with the position of each; null for what is no item of an array."""
        return list(zip(self.items(value), _positions(value), strict=False))

    def apply(self, row: Row) -> Iterable[Row]:
        value = reached(row.document, self.path)
        return map(functools.partial(self._row, row), self.items(value), _positions(value))

    def one(self, row: Row, at: int) -> Row:
        """What ``apply`` gives at a position."""
        items = self.items(value := reached(row.document, self.path))
        return self._row(row, items[at], Int64(at) if items is value else None)

    def _row(self, row: Row, item: Value, position: Value) -> Row:
        document = replaced(row.document, self.path, item)
        if self.index is not None:
            document = paths.written(document, self.index, position)
        return Row(document, row.meta, row.now)

    def emit(self, code: Code) -> None:
        name, rest = self.path[0], self.path[1:]
        outer = code.local(code.shape.read(code, (name,)))
        value = code.local(
            Val(code.call(reached, outer, code.bind(rest)), clean=outer.clean) if rest else outer
        )
        item, target = Val(code.fresh("item"), missing=self.preserve, clean=value.clean), ""
        if self.index is None:
            full = f"{value.text} if type({value.text}) is list and {value.text} else "
            items, target = full + code.call(self.items, value), item.text
        else:
            position = Val(code.fresh("position"), missing=False)
            items, target = code.call(self.placed, value), f"{item.text}, {position.text}"
        code.each(code.local(Val(items), "items").text, target)
        if rest:
            item = code.local(Val(code.call(replaced, outer, code.bind(rest), item), clean=outer.clean))
        code.shape = Overlaid(code.shape, {name: item})
        if self.index is not None:
            self._emit_index(code, self.index, position)

    @staticmethod
    def _emit_index(code: Code, index: tuple[str, ...], position: Val) -> None:
        if len(index) > 1:
            before = code.shape.read(code, index[:1])
            text = code.call(paths.written, before, code.bind(index[1:]), position)
            position = code.local(Val(text, missing=False))
        code.shape = Overlaid(code.shape, {index[0]: position})


def _positions(value: Value) -> Iterator[Value]:
    """Those of the items of an array; null for what is no item of an array."""
    return map(Int64, itertools.count()) if isinstance(value, list) and value else itertools.repeat(None)


def _field_path(spec: str, place: Place) -> tuple[str, ...]:
    if spec[:1] != "$":
        raise place.wrong(f"path option to $unwind stage should be prefixed with a '$': {spec[:50]}", 28818)
    return Parser(place.path).names(spec[1:])


def _index_path(spec: Value, place: Place) -> tuple[str, ...]:
    place = place.at("includeArrayIndex")
    if type(spec) is not str or not spec:
        raise place.wrong("expected a non-empty string for the includeArrayIndex option", 28810)
    if spec[0] == "$":
        raise place.wrong("includeArrayIndex option should not be prefixed with a '$'", 28822)
    return Parser(place.path).names(spec)
