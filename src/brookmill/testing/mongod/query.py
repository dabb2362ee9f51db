"""A query: a filter, and what it says of fields that must equal something."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from bson import Regex

from brookmill.mql.code import system_now
from brookmill.mql.filter import Filter, parse_filter
from brookmill.mql.values import Document, Value
from brookmill.testing.mongod.variables import Variables, bound_query


@dataclass(frozen=True, slots=True)
class Query:
    """``equalities``: values by path of fields that equal it in every document that passes, or hold it.

    ``ids``: the only values that ``_id`` may have; None: any.
    """

    filter: Filter
    spec: Document
    equalities: Document
    ids: tuple[Value, ...] | None

    @classmethod
    def of(cls, spec: Document, variables: Variables) -> Query:
        """Raises PlanError."""
        spec = bound_query(spec, variables)
        parsed = parse_filter(spec)
        found = {name: value for name, value in equal_fields(spec) if _certain(value)}
        return cls(parsed, spec, found, _ids(spec.get("_id"), found))

    def matches(self, document: Document) -> bool:
        """Raises MQLError."""
        return self.filter.matches({"ROOT": document, "CURRENT": document, "@meta": {}, "@now": system_now})


def equal_fields(spec: Document) -> Iterator[tuple[str, Value]]:
    """Paths and values that a query says are equal."""
    for name, value in spec.items():
        if name == "$and":
            for part in value:
                yield from equal_fields(part)
        elif name == "$or" and len(value) == 1:
            yield from equal_fields(value[0])
        elif name[:1] != "$":
            operators = type(value) is dict and next(iter(value), "")[:1] == "$"
            if not operators and not isinstance(value, Regex):
                yield name, value
            elif operators and "$eq" in value:
                yield name, value["$eq"]
            elif operators and len(value.get("$in", ())) == 1 and not isinstance(value["$in"][0], Regex):
                yield name, value["$in"][0]


def _ids(condition: Value, equalities: Document) -> tuple[Value, ...] | None:
    if "_id" in equalities:
        return (equalities["_id"],)
    choices = condition.get("$in") if type(condition) is dict else None
    if isinstance(choices, list) and not any(isinstance(value, Regex) for value in choices):
        return tuple(choices)
    return None


def _certain(value: Value) -> bool:
    """Whether an index finds all documents with it: null also means missing, an array may be an item too."""
    return value is not None and not isinstance(value, list)
