"""Writes: what one statement of ``update`` and ``delete`` does to a collection."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from bson import ObjectId

from brookmill.mql import paths, sort
from brookmill.mql.values import MISSING, Document, Value
from brookmill.testing.mongod.collection import Collection
from brookmill.testing.mongod.deployment import Deployment
from brookmill.testing.mongod.errors import CommandError
from brookmill.testing.mongod.member import member
from brookmill.testing.mongod.oplog import timestamp
from brookmill.testing.mongod.query import Query, equal_fields
from brookmill.testing.mongod.update import Moment
from brookmill.testing.mongod.update.path import same
from brookmill.testing.mongod.update.statement import Replacement, Update, parse_update
from brookmill.testing.mongod.variables import Variables, value_of

_UNSUPPORTED: Final = ("arrayFilters", "collation")


@dataclass(frozen=True, slots=True)
class Outcome:
    """``upserted``: the ``_id`` of the new document, MISSING if there is none. ``before``, ``after``: of the
    last document that matched.
    """

    matched: int = 0
    modified: int = 0
    upserted: Value = MISSING
    before: Document | None = None
    after: Document | None = None


def update(
    deployment: Deployment, database: str, name: str, statement: Document, variables: Variables
) -> Outcome:
    """Carry out one update statement. Raises CommandError, MQLError, PlanError."""
    for option in _UNSUPPORTED:
        if statement.get(option):
            raise CommandError(f"{option} is not implemented in this server", 238)
    variables = {**variables, **member(statement, "c", dict, {})}
    query = Query.of(member(statement, "q", dict), variables)
    change = parse_update(statement.get("u"), variables)
    multi = bool(statement.get("multi"))
    if multi and isinstance(change, Replacement):
        raise CommandError("multi update is not supported for replacement-style update", 9)
    if statement.get("upsert"):
        collection: Collection | None = deployment.made(database, name)
    else:
        collection = deployment.collection(database, name)
    if collection is None:
        return Outcome()
    if collection.time_field is not None:
        raise CommandError("Cannot perform this update on a time-series collection", 72)
    found = _chosen(collection, query, member(statement, "sort", dict, None), multi=multi)
    if not found and statement.get("upsert"):
        return _upsert(deployment, collection, query, change, statement)
    return _update_all(deployment, collection, found, change)


def _chosen(collection: Collection, query: Query, order: Document | None, *, multi: bool) -> list[Document]:
    found = collection.find(query)
    if order:
        return sort(found, order)[: None if multi else 1]
    if multi:
        return list(found)
    first = next(found, None)
    return [] if first is None else [first]


def _update_all(
    deployment: Deployment, collection: Collection, found: list[Document], change: Update
) -> Outcome:
    modified = 0
    new = None
    for document in found:
        new, description = change.apply(document, moment(deployment, inserting=False))
        if not same(document, new):
            new = collection.replace(document, new, description)
            modified += 1
    return Outcome(len(found), modified, before=found[-1] if found else None, after=new)


def _upsert(
    deployment: Deployment, collection: Collection, query: Query, change: Update, statement: Document
) -> Outcome:
    if statement.get("upsertSupplied"):
        new = collection.insert(member(member(statement, "c", dict), "new", dict))
        return Outcome(upserted=new["_id"], after=new)
    start: Document = {}
    for name, value in equal_fields(query.spec):
        if not isinstance(change, Replacement) or name == "_id":
            start = paths.written(start, tuple(name.split(".")), value)
    if "_id" in start:
        start = {"_id": start["_id"], **start}
    new, _ = change.apply(start, moment(deployment, inserting=True))
    new = collection.insert({"_id": new.get("_id", ObjectId()), **new})
    return Outcome(upserted=new["_id"], after=new)


def moment(deployment: Deployment, *, inserting: bool) -> Moment:
    """Now."""
    return Moment(deployment.oplog.now(), timestamp(deployment.oplog.last), inserting)


def delete(
    deployment: Deployment, database: str, name: str, statement: Document, variables: Variables
) -> list[Document]:
    """Carry out one delete statement; answers the documents that are gone. Raises as ``update`` does."""
    query = Query.of(member(statement, "q", dict), variables)
    collection = deployment.collection(database, name)
    if collection is None:
        return []
    found = _chosen(
        collection, query, member(statement, "sort", dict, None), multi=not statement.get("limit")
    )
    for document in found:
        collection.delete(document)
    return found


def constants(deployment: Deployment, let: Value = None) -> Variables:
    """The variables of a command: those of its ``let``, ``$$NOW`` and ``$$CLUSTER_TIME``."""
    system = {"NOW": deployment.oplog.now(), "CLUSTER_TIME": timestamp(deployment.oplog.last)}
    if let is None:
        return system
    if type(let) is not dict:
        raise CommandError("let must be an object", 14)
    return {**system, **{name: value_of(expression, {}) for name, expression in let.items()}}
