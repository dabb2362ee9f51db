"""Sort orders: several paths, ascending or descending, through arrays."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

from brookmill.mql.compare import NULL_KEY, order_key
from brookmill.mql.errors import MQLError, PlanError
from brookmill.mql.filter import ends
from brookmill.mql.numbers import is_number, to_float
from brookmill.mql.values import MISSING, Document, Value

T = TypeVar("T")
#: The sort keys of one document.
Row = tuple[tuple[Any, ...], ...]


@dataclass(frozen=True, slots=True)
class Order:
    """Pairs of path and sense, 1 or -1. Stable. An array counts by its smallest item, or its largest when
    descending.
    """

    keys: tuple[tuple[tuple[str, ...], int], ...]

    def check(self, document: Document) -> None:
        """Raise MQLError for a document with different arrays on two paths: which items would go together?"""
        found = {names[:depth] for names, _ in self.keys if (depth := _first_array(document, names))}
        if len(found) > 1:
            raise MQLError("cannot sort with keys that are parallel arrays", 2)

    def picked(self, document: Document) -> Document:
        """A document that sorts as ``document`` does, of the fields that matter only."""
        tops = {names[0] for names, _ in self.keys}
        return {name: document[name] for name in tops if name in document}

    def sorted(self, items: Iterable[T], document: Callable[[T], Document]) -> list[T]:
        """``items`` in order of their documents."""
        found = [(self._row(document(item)), item) for item in items]
        # The last key first: each pass is stable, and ``reverse`` keeps equal ones in place too.
        for position, (_, sense) in reversed(list(enumerate(self.keys))):
            found.sort(key=lambda pair, at=position: pair[0][at], reverse=sense < 0)  # type: ignore[misc]
        return [item for _, item in found]

    def _row(self, document: Document) -> Row:
        """The keys of a document. Of several paths through one array those in the same item go together."""
        rows = [tuple([sort_key(document, names=names, sense=sense) for names, sense in self.keys])]
        if len(self.keys) > 1:
            arrays = {names[:depth] for names, _ in self.keys if (depth := _first_array(document, names))}
            for prefix in arrays:
                below = [names[len(prefix) :] for names, _ in self.keys if names[: len(prefix)] == prefix]
                if len(below) > 1 and not any(rest and rest[0].isdecimal() for rest in below):
                    rows = self._rows(document, prefix, rows[0])
        for position, (_, sense) in enumerate(self.keys):
            best = (min if sense > 0 else max)([row[position] for row in rows])
            rows = [row for row in rows if row[position] == best]
        return rows[0]

    def _rows(self, document: Document, prefix: tuple[str, ...], row: Row) -> list[Row]:
        """The row for each item of the array at ``prefix``; ``row`` has the keys that do not lead there."""
        (array,) = ends(document, prefix)
        return [
            tuple(
                [
                    _key_in(item, names[len(prefix) :], sense) if names[: len(prefix)] == prefix else key
                    for (names, sense), key in zip(self.keys, row, strict=True)
                ]
            )
            for item in array
        ] or [row]


def _key_in(item: Value, names: tuple[str, ...], sense: int) -> tuple[Any, ...]:
    """The key of an item of an array, or of what is at ``names`` in it."""
    if not names:
        return order_key(item)
    return sort_key(item, names=names, sense=sense) if isinstance(item, dict) else NULL_KEY


def _first_array(document: Document, names: tuple[str, ...]) -> int | None:
    """How many names of the path lead to the first array on it; None: there is none."""
    value: Value = document
    for depth, name in enumerate(names, 1):
        value = value.get(name) if isinstance(value, dict) else None
        if isinstance(value, list):
            return depth
    return None


def sort_key(document: Document, *, names: tuple[str, ...], sense: int) -> tuple[Any, ...]:
    keys = [key for value in ends(document, names) for key in _item_keys(value)]
    if not keys:
        return order_key(None)
    return min(keys) if sense > 0 else max(keys)


def _item_keys(value: Value) -> list[tuple[Any, ...]]:
    if isinstance(value, list):
        return [order_key(item) for item in value] or [(1,)]  # an empty array sorts before null
    return [order_key(None if value is MISSING else value)]


def parse_order(spec: Value, path: tuple[str | int, ...]) -> Order:
    """What ``{$sort: spec}`` means. Raises PlanError."""
    if type(spec) is not dict:
        raise PlanError("the $sort key specification must be an object", 15973, path)
    if not spec:
        raise PlanError("$sort stage must have at least one sort key", 15976, path)
    keys = []
    for name, sense in spec.items():
        if not is_number(sense):
            raise PlanError("Illegal key in $sort specification", 15974, (*path, name))
        if to_float(sense) not in (1.0, -1.0):
            raise PlanError(
                "$sort key ordering must be 1 (for ascending) or -1 (for descending)", 15975, (*path, name)
            )
        if name[-1:] == ".":
            raise PlanError("FieldPath must not end with a '.'", 40353, (*path, name))
        if not all(name.split(".")) or name[:1] == "$":
            raise PlanError(f"'{name[:50]}' is not a valid field path", 16410, (*path, name))
        keys.append((tuple(name.split(".")), int(to_float(sense))))
    if len(keys) > 32:
        raise PlanError("too many sort keys", 13103, path)
    return Order(tuple(keys))
