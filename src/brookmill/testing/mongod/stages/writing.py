"""Stages that write to collections: ``$merge`` and ``$out``."""

from __future__ import annotations

from typing import Any

from brookmill.mql.filter import ends
from brookmill.mql.values import MISSING, Document, Value
from brookmill.testing.mongod.errors import CommandError
from brookmill.testing.mongod.member import member
from brookmill.testing.mongod.pipeline import SERVER_STAGES, Pipeline
from brookmill.testing.mongod.variables import value_of
from brookmill.testing.mongod.write import delete, update


def _target(pipeline: Pipeline, into: Any) -> tuple[str, str]:
    if type(into) is str:
        return pipeline.database, into
    if type(into) is not dict or type(into.get("coll")) is not str:
        raise CommandError("the target must be a string or an object with 'db' and 'coll'", 51178)
    return member(into, "db", str, pipeline.database), into["coll"]


@SERVER_STAGES("$out")
def out(pipeline: Pipeline, spec: Value, documents: list[Document]) -> list[Document]:
    database, name = _target(pipeline, spec)
    pipeline.demand("readWrite", database)
    old = pipeline.deployment.collection(database, name)
    if old is not None:
        pipeline.deployment.drop(database, name)
    new = pipeline.deployment.create(database, name, {} if old is None else old.options)
    for index in [] if old is None else old.indexes.values():
        if index.name != "_id_":
            new.index(index.spec)
    for document in documents:
        new.insert(document)
    return []


@SERVER_STAGES("$merge")
def merge(pipeline: Pipeline, spec: Value, documents: list[Document]) -> list[Document]:
    spec = {"into": spec} if type(spec) is str else spec
    if type(spec) is not dict:
        raise CommandError("$merge requires a string or object argument", 51182)
    database, name = _target(pipeline, spec.get("into"))
    pipeline.demand("readWrite", database)
    on = [spec["on"]] if type(spec.get("on")) is str else member(spec, "on", list, ["_id"])
    if not on or not all(type(path) is str for path in on):
        raise CommandError("the 'on' field of $merge must be a string or an array of strings", 51186)
    collection = pipeline.deployment.made(database, name)
    if not any(index.unique and sorted(index.pattern) == sorted(on) for index in collection.indexes.values()):
        raise CommandError("Cannot find index to verify that join fields will be unique", 51183)
    for document in documents:
        query = {path: _key(document, path) for path in on}
        _merge_one(pipeline, (database, name), spec, query, document)
    return []


def _key(document: Document, path: str) -> Value:
    value = next(ends(document, tuple(path.split("."))), MISSING)
    if value is MISSING or value is None or isinstance(value, list):
        raise CommandError(
            "$merge write error: 'on' field cannot be missing, null, undefined or an array", 51132
        )
    return value


def _merge_one(
    pipeline: Pipeline, target: tuple[str, str], spec: Document, query: Document, document: Document
) -> None:
    matched, unmatched = spec.get("whenMatched", "merge"), spec.get("whenNotMatched", "insert")
    statement: Document = {"q": query, "upsert": unmatched == "insert"}
    deployment = pipeline.deployment
    if isinstance(matched, list):
        let = member(spec, "let", dict, {"new": "$$ROOT"})
        values = {name: value_of(value, document) for name, value in let.items()}
        statement |= {"u": matched, "c": {**values, "new": document}, "upsertSupplied": True}
    elif matched == "replace":
        statement["u"] = document
    elif matched == "keepExisting":
        statement["u"] = {"$setOnInsert": document}
    elif matched in ("merge", "fail"):
        statement["u"] = {"$set": document} if document else {"$set": {}}
    elif matched == "delete":
        delete(deployment, *target, {"q": query, "limit": 1}, {})
        return
    else:
        raise CommandError(f"Enumeration value '{str(matched)[:50]}' for field 'whenMatched' is not valid", 2)
    outcome = update(deployment, *target, statement, {})
    if unmatched == "fail" and not outcome.matched:
        raise CommandError("$merge could not find a matching document in the target collection", 13113)
