"""Stages that read other collections: ``$lookup``, ``$unionWith``, ``$documents``."""

from __future__ import annotations

from typing import Any, Final

from brookmill.mql import paths
from brookmill.mql.filter import ends
from brookmill.mql.values import MISSING, Document, Value
from brookmill.testing.mongod.errors import CommandError
from brookmill.testing.mongod.member import member
from brookmill.testing.mongod.pipeline import SERVER_STAGES, Pipeline
from brookmill.testing.mongod.variables import value_of

#: What ``$lookup`` takes.
_LOOKUP: Final = {
    **dict.fromkeys(("from", "localField", "foreignField", "as"), str),
    "let": dict,
    "pipeline": list,
}


@SERVER_STAGES("$documents")
def documents_(pipeline: Pipeline, spec: Value, documents: list[Document]) -> list[Document]:
    made = value_of(spec, {})
    if not isinstance(made, list) or not all(type(one) is dict for one in made):
        raise CommandError("$documents must evaluate to an array of objects", 5858203)
    return made


@SERVER_STAGES("$unionWith")
def union_with(pipeline: Pipeline, spec: Value, documents: list[Document]) -> list[Document]:
    spec = {"coll": spec} if type(spec) is str else spec
    if type(spec) is not dict:
        raise CommandError("the $unionWith specification must be a string or an object", 9)
    stages, target = member(spec, "pipeline", list, []), member(spec, "coll", str, None)
    return [*documents, *pipeline.of(stages, target, {})]


@SERVER_STAGES("$lookup")
def lookup(pipeline: Pipeline, spec: Value, documents: list[Document]) -> list[Document]:
    _check(spec)
    path = tuple(spec["as"].split("."))
    return [paths.written(document, path, _joined(pipeline, spec, document)) for document in documents]


def _check(spec: Any) -> None:
    if type(spec) is not dict:
        raise CommandError("the $lookup specification must be an Object", 9)
    for name in spec:
        if name not in _LOOKUP:
            raise CommandError(f"unknown argument to $lookup: {name[:50]}", 9)
    for name, kind in _LOOKUP.items():
        if not isinstance(spec.get(name, kind()), kind):
            raise CommandError(f"$lookup argument '{name}' is of the wrong type", 9)
    if "as" not in spec:
        raise CommandError("must specify 'as' field for a $lookup", 9)
    if ("localField" in spec) != ("foreignField" in spec):
        raise CommandError("$lookup requires both or neither of 'localField' and 'foreignField'", 9)
    if "localField" not in spec and "pipeline" not in spec:
        raise CommandError("$lookup requires either 'pipeline' or both 'localField' and 'foreignField'", 9)
    first = (spec.get("pipeline") or [{}])[0]
    if "from" not in spec and (type(first) is not dict or "$documents" not in first):
        raise CommandError("must specify 'pipeline' when 'from' is empty", 9)


def _joined(pipeline: Pipeline, spec: Document, document: Document) -> list[Document]:
    variables = {name: value_of(value, document) for name, value in spec.get("let", {}).items()}
    stages = list(spec.get("pipeline", []))
    if "localField" in spec:
        match = {"$match": _equal(spec["foreignField"], document, spec["localField"])}
        # A pipeline that makes its documents itself makes them before they are matched.
        stages.insert(0 if "from" in spec else 1, match)
    return pipeline.of(stages, spec.get("from"), variables)


def _equal(foreign: str, document: Document, local: str) -> Document:
    """The filter of documents that have one of the values of a field; null is also what is missing."""
    values: list[Value] = []
    for value in ends(document, tuple(local.split("."))):
        values += value if isinstance(value, list) else [None if value is MISSING else value]
    tests = [{foreign: {"$eq": value}} for value in values]
    return tests[0] if len(tests) == 1 else {"$or": tests} if tests else {"$nor": [{}]}
