"""The ``u`` of an update statement: operators, a replacement or a pipeline."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Protocol

from brookmill.mql.values import MISSING, Document, Value
from brookmill.plan.bounded import run
from brookmill.testing.mongod.errors import CommandError
from brookmill.testing.mongod.update import UPDATE_OPERATORS, Change, Moment
from brookmill.testing.mongod.update.delta import delta, described, logged_whole, traced
from brookmill.testing.mongod.update.path import Names, Touched, altered, lookup, same
from brookmill.testing.mongod.variables import Variables, bound_pipeline

_STAGES: Final = frozenset({"$addFields", "$set", "$project", "$unset", "$replaceRoot", "$replaceWith"})


class Update(Protocol):
    """``apply`` gives the new document, and the description of the update; None for a replacement."""

    def apply(self, document: Document, moment: Moment) -> tuple[Document, Document | None]:
        """Raises CommandError, MQLError."""
        ...


@dataclass(frozen=True, slots=True)
class Replacement:
    """All of a document but its ``_id``."""

    document: Document

    def apply(self, document: Document, moment: Moment) -> tuple[Document, Document | None]:
        if "_id" not in document:
            return self.document, None
        if "_id" in self.document and not same(self.document["_id"], document["_id"]):
            text = "After applying the update, the (immutable) field '_id' was found to have been altered"
            raise CommandError(text, 66)
        return {"_id": document["_id"], **self.document}, None


@dataclass(frozen=True, slots=True)
class Pipeline:
    """Stages that see the stored document."""

    stages: list[Document]

    def apply(self, document: Document, moment: Moment) -> tuple[Document, Document | None]:
        (new,) = run(self.stages, [document], reference=True)
        if "_id" in document:
            new = {"_id": new.get("_id", document["_id"]), **new}
        found = delta(document, new)
        return new, None if logged_whole(found, new) else described(found)


@dataclass(frozen=True, slots=True)
class Operators:
    """Changes by path, in the order in which the server makes them: that of the paths."""

    changes: tuple[tuple[Names, str, Change], ...]
    renames: tuple[tuple[Names, Names], ...]

    def apply(self, document: Document, moment: Moment) -> tuple[Document, Document | None]:
        touched: list[Touched] = []
        new = document
        for names, operator, change in self._all(document):
            new = altered(new, names, change, moment, touched, appends=operator == "$push")
        if "_id" in document and not same(document["_id"], new.get("_id", MISSING)):
            text = "Performing an update on the path '_id' would modify the immutable field '_id'"
            raise CommandError(text, 66)
        return new, described(traced(document, new, touched))

    def _all(self, document: Document) -> Iterator[tuple[Names, str, Change]]:
        moved: list[tuple[Names, str, Change]] = []
        for source, target in self.renames:
            value = lookup(document, source)
            if value is not MISSING:
                moved.append((target, "$set", UPDATE_OPERATORS["$set"](value, "")))
                moved.append((source, "$unset", UPDATE_OPERATORS["$unset"](value, "")))
        return iter(sorted([*self.changes, *moved], key=lambda one: _order(one[0])))


def _order(names: Names) -> list[tuple[bool, int, str]]:
    """Paths sort by their names, array positions among them by number."""
    return [(False, int(name), "") if name.isdecimal() else (True, 0, name) for name in names]


def parse_update(spec: Value, variables: Variables) -> Update:
    """What ``u`` means. Raises CommandError; PlanError for what a pipeline holds."""
    if type(spec) is list:
        for stage in spec:
            name = next(iter(stage), "") if type(stage) is dict else ""
            if name not in _STAGES:
                raise CommandError(f"{name[:50]} is not allowed to be used within an update", 72)
        return Pipeline(bound_pipeline(spec, variables))
    if type(spec) is not dict:
        raise CommandError("Update argument must be either an object or an array", 9)
    if next(iter(spec), "")[:1] != "$":
        for name in spec:
            if name[:1] == "$":
                raise CommandError(f"The dollar ($) prefixed field '{name[:50]}' is not allowed here", 52)
        return Replacement(spec)
    return _operators(spec)


def _operators(spec: Document) -> Operators:
    changes: list[tuple[Names, str, Change]] = []
    renames: list[tuple[Names, Names]] = []
    claimed: set[Names] = set()
    for operator, fields in spec.items():
        if operator != "$rename" and operator not in UPDATE_OPERATORS:
            text = f"Unknown modifier: {operator[:50]}. Expected a valid update modifier or pipeline-style"
            raise CommandError(f"{text} update specified as an array", 9)
        if type(fields) is not dict:
            raise CommandError(f"Modifiers operate on fields but a value was found for {operator}", 9)
        for path, operand in fields.items():
            names = _claim(path, claimed)
            if operator == "$rename":
                if type(operand) is not str:
                    raise CommandError("The 'to' field for $rename must be a string", 2)
                renames.append((names, _claim(operand, claimed)))
            else:
                changes.append((names, operator, UPDATE_OPERATORS[operator](operand, path)))
    return Operators(tuple(changes), tuple(renames))


def _claim(path: str, claimed: set[Names]) -> Names:
    names = tuple(path.split("."))
    if not all(names):
        raise CommandError(f"The update path '{path[:50]}' contains an empty field name", 56)
    if any(name[0] == "$" for name in names):
        if any(name == "$" or name[:2] == "$[" for name in names):
            raise CommandError(
                "positional operators ($, $[], $[name]) are not implemented in this server", 238
            )
        raise CommandError(f"The dollar ($) prefixed field in '{path[:50]}' is not valid for storage", 52)
    for other in claimed:
        short = min(len(names), len(other))
        if names[:short] == other[:short]:
            text = (
                f"Updating the path '{path[:50]}' would create a conflict at '{'.'.join(other[:short])[:50]}'"
            )
            raise CommandError(text, 40)
    claimed.add(names)
    return names
