"""What ``$merge`` asks the server to do with one document."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal, NamedTuple

from bson import ObjectId
from bson.raw_bson import RawBSONDocument
from msgspec import UNSET

from brookmill.connections.cluster.bulk import encoded
from brookmill.connections.cluster.write_options import MATCHED, NOT_MATCHED, MergeOptions
from brookmill.errors import DocumentError
from brookmill.mql.compare import order_key
from brookmill.mql.paths import read
from brookmill.mql.values import MISSING, Document, Value

#: "toggle": insert what is not there, delete what is.
Kind = Literal["update", "delete", "toggle"]


class Statement(NamedTuple):
    """``key``: equal for documents that are the same to the server. ``place``: of the document in its batch.
    ``q``: for the delete that follows the update of a toggle.
    """

    kind: Kind
    key: tuple[Any, ...]
    place: int
    raw: RawBSONDocument
    q: Document


class Statements:
    """Makes statements of documents, as a stage's options say."""

    def __init__(self, options: MergeOptions) -> None:
        self._keys = tuple((name, tuple(name.split("."))) for name in options.keys)
        self._pipeline = options.pipeline
        self._variables = () if options.let is UNSET else tuple(options.let)

    def make(self, place: int, document: Document, given: Mapping[str, Value]) -> Statement | None:
        """``given``: columns and constants. None: nothing is to be done. Raises DocumentError."""
        matched = self._pipeline or _mode("whenMatched", given, MATCHED)
        inserts = _mode("whenNotMatched", given, NOT_MATCHED) == "insert"
        if "_id" not in document and any(names == ("_id",) for _, names in self._keys):
            document = {"_id": ObjectId(), **document}
        q = dict(self._query(document))
        kind: Kind = "update"
        if matched == "delete":
            kind = "toggle" if inserts else "delete"
        let = given.get("let") or {}
        variables = {
            name: let.get(name) for name in self._variables
        }  # to the server missing ones are unknown
        statement = _statement(document, q, matched, inserts, variables)
        if statement is None:
            return None
        key = tuple(order_key(condition["$eq"]) for condition in q.values())
        return Statement(kind, key, place, encoded(statement), q)

    def _query(self, document: Document) -> Iterator[tuple[str, Document]]:
        for name, names in self._keys:
            value = read(document, names)
            if value is MISSING or isinstance(value, list):
                what = "missing" if value is MISSING else "an array"
                raise DocumentError(f"$merge write error: 'on' field '{name}' cannot be {what}")
            yield name, {"$eq": value}


def _mode(name: str, given: Mapping[str, Value], modes: tuple[str, ...]) -> str:
    mode = given[name]
    if mode not in modes:
        raise DocumentError(f"{name} must give one of {', '.join(modes)}, not {str(mode)[:100]!r}")
    return str(mode)


def _statement(
    document: Document, q: Document, matched: str | list[Any], inserts: bool, let: Mapping[str, Value]
) -> Document | None:
    if isinstance(matched, list):
        # As the server's own $merge does: what is not there yet is inserted as it came.
        constants = {**let, "new": document}
        return {"q": q, "u": matched, "c": constants, "upsert": inserts, "upsertSupplied": inserts}
    if matched == "delete" and not inserts:
        return {"q": q, "limit": 0}
    if matched in {"delete", "keepExisting"}:
        return {"q": q, "u": {"$setOnInsert": document}, "upsert": True} if inserts else None
    if matched == "merge":
        return {"q": q, "u": {"$set": document}, "upsert": inserts}
    return {"q": q, "u": _replacement(document), "upsert": inserts}


def _replacement(document: Document) -> Any:
    """A name that begins with $ would make an update of it: then a pipeline says that it is none."""
    if any(name.startswith("$") for name in document):
        return [{"$replaceWith": {"$literal": document}}]
    return document


class Run(NamedTuple):
    """Statements that go out together."""

    kind: Kind
    statements: list[Statement]


def in_runs(statements: Iterable[Statement]) -> list[Run]:
    """Statements grouped by kind, those of one key in their order; of toggles a run has one a key."""
    runs: list[Run] = []
    last: dict[tuple[Any, ...], int] = {}
    for statement in statements:
        at = last.get(statement.key, -1)
        first = max(at, 0) + (at >= 0 and statement.kind == "toggle")
        place = next((i for i in range(first, len(runs)) if runs[i].kind == statement.kind), None)
        if place is None:
            place = len(runs)
            runs.append(Run(statement.kind, []))
        runs[place].statements.append(statement)
        last[statement.key] = place
    return runs
