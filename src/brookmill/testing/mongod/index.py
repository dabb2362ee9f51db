"""Indexes: what finds documents by the values of some fields, and keeps those values unique."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from brookmill.mql.compare import order_key
from brookmill.mql.expression import Env
from brookmill.mql.filter import Filter, ends
from brookmill.mql.values import MISSING, Document, Value
from brookmill.testing.mongod.errors import CommandError

#: What stands for a value: equal for values that are equal.
Key = tuple[Any, ...]


@dataclass(slots=True)
class Index:
    """``spec``: as ``listIndexes`` shows it. ``partial``: the filter of documents that are in it at all."""

    spec: Document
    partial: Filter | None = None
    entries: dict[tuple[Key, ...], dict[Key, None]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return str(self.spec["name"])

    @property
    def pattern(self) -> Document:
        pattern: Document = self.spec["key"]
        return pattern

    @property
    def unique(self) -> bool:
        return bool(self.spec.get("unique")) or self.name == "_id_"

    @property
    def paths(self) -> list[tuple[str, ...]]:
        return [tuple(name.split(".")) for name in self.pattern]

    def clash(self, id_key: Key, document: Document) -> Document | None:
        """The values of ``document`` that another one has in a unique index already; None: there are none."""
        if self.unique:
            for key in self._keys(document):
                if any(other != id_key for other in self.entries.get(key, ())):
                    return {name: _first(document, name) for name in self.pattern}
        return None

    def add(self, id_key: Key, document: Document) -> None:
        for key in self._keys(document):
            self.entries.setdefault(key, {})[id_key] = None

    def remove(self, id_key: Key, document: Document) -> None:
        for key in self._keys(document):
            ids = self.entries[key]
            ids.pop(id_key, None)
            if not ids:
                del self.entries[key]

    def ids(self, equal: Document) -> list[Key] | None:
        """The ``_id`` keys of documents with these values; None when it cannot tell."""
        if self.partial is not None or self.spec.get("sparse") or not self.pattern.keys() <= equal.keys():
            return None
        if not all(direction in (1, -1) for direction in self.pattern.values()):
            return None
        return list(self.entries.get(tuple(order_key(equal[name]) for name in self.pattern), ()))

    def _keys(self, document: Document) -> set[tuple[Key, ...]]:
        env: Env = {"ROOT": document, "CURRENT": document}
        if self.partial is not None and not self.partial.matches(env):
            return set()
        values = [list(_items(document, path)) for path in self.paths]
        if self.spec.get("sparse") and all(one is MISSING for some in values for one in some):
            return set()
        if sum(len(some) > 1 for some in values) > 1:
            raise CommandError("cannot index parallel arrays", 171)
        keys = [[order_key(None if one is MISSING else one) for one in some] for some in values]
        return set(itertools.product(*keys))


def _items(document: Document, path: tuple[str, ...]) -> Iterator[Value]:
    for value in ends(document, path):
        if isinstance(value, list):
            yield from value or [MISSING]
            if value:
                yield value
        else:
            yield value


def _first(document: Document, name: str) -> Value:
    value = next(ends(document, tuple(name.split("."))), None)
    return None if value is MISSING else value
