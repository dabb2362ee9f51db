"""Stages that read other collections: ``$lookup``, ``$unionWith``, ``$documents``."""

from __future__ import annotations

from typing import Any

from brookmill.mql import paths
from brookmill.mql.filter import ends
from brookmill.mql.values import MISSING, Document, Value
from brookmill.testing.mongod.errors import CommandError
from brookmill.testing.mongod.pipeline import SERVER_STAGES, Pipeline
from brookmill.testing.mongod.variables import value_of


@SERVER_STAGES("$documents")
def documents_(pipeline: Pipeline, spec: Value, documents: list[Document]) -> list[Document]:
    made = value_of(spec, {})
    if not isinstance(made, list) or not all(type(one) is dict for one in made):
        raise CommandError("$documents must evaluate to an array of objects", 5858203)
    return made


@SERVER_STAGES("$unionWith")
def union_with(pipeline: Pipeline, spec: Value, documents: list[Document]) -> list[Document]:
    spec = {"coll": spec} if type(spec) is str else spec
    return [*documents, *pipeline.of(spec.get("pipeline", []), spec.get("coll"), {})]


@SERVER_STAGES("$lookup")
def lookup(pipeline: Pipeline, spec: Value, documents: list[Document]) -> list[Document]:
    _check(spec)
    path = tuple(spec["as"].split("."))
    return [paths.written(document, path, _joined(pipeline, spec, document)) for document in documents]


def _check(spec: Any) -> None:
    if type(spec) is not dict:
        raise CommandError("the $lookup specification must be an Object", 9)
    for name in spec:
        if name not in ("from", "localField", "foreignField", "let", "pipeline", "as"):
            raise CommandError(f"unknown argument to $lookup: {name[:50]}", 9)
    if type(spec.get("as")) is not str:
        raise CommandError("must specify 'as' field for a $lookup", 9)
    if ("localField" in spec) != ("foreignField" in spec):
        raise CommandError("$lookup requires both or neither of 'localField' and 'foreignField'", 9)
    if "localField" not in spec and "pipeline" not in spec:
        raise CommandError("$lookup requires either 'pipeline' or both 'localField' and 'foreignField'", 9)
    if "from" not in spec and "$documents" not in (spec.get("pipeline") or [{}])[0]:
        raise CommandError("must specify 'pipeline' when 'from' is empty", 9)


def _joined(pipeline: Pipeline, spec: Document, document: Document) -> list[Document]:
    variables = {name: value_of(value, document) for name, value in spec.get("let", {}).items()}
    stages = list(spec.get("pipeline", []))
    if "localField" in spec:
        match = {"$match": _equal(spec["foreignField"], document, spec["localField"])}
        # A pipeline that makes its documents itself makes them before they are matched.
        stages.insert(1 if stages and "$documents" in stages[0] else 0, match)
    return pipeline.of(stages, spec.get("from"), variables)


def _equal(foreign: str, document: Document, local: str) -> Document:
    """The filter of documents that have one of the values of a field; null is also what is missing."""
    values: list[Value] = []
    for value in ends(document, tuple(local.split("."))):
        values += value if isinstance(value, list) else [None if value is MISSING else value]
    tests = [{foreign: {"$eq": value}} for value in values]
    return tests[0] if len(tests) == 1 else {"$or": tests} if tests else {"$nor": [{}]}
