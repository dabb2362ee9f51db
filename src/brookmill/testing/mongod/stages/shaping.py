"""Stages that stream processors do not have: ``$skip``, ``$sample``, ``$sortByCount``, ``$facet``."""

from __future__ import annotations

import random

from brookmill.mql.numbers import whole
from brookmill.mql.values import Document, Value
from brookmill.plan.bounded import run
from brookmill.testing.mongod.errors import CommandError
from brookmill.testing.mongod.pipeline import SERVER_STAGES, Pipeline


@SERVER_STAGES("$skip")
def skip(pipeline: Pipeline, spec: Value, documents: list[Document]) -> list[Document]:
    count = whole(spec)
    if count is None or count < 0:
        raise CommandError("invalid argument to $skip stage: Expected a non-negative number", 5107200)
    return documents[count:]


@SERVER_STAGES("$sample")
def sample(pipeline: Pipeline, spec: Value, documents: list[Document]) -> list[Document]:
    size = whole(spec.get("size")) if type(spec) is dict else None
    if size is None or size <= 0:
        raise CommandError("size argument to $sample must be a positive integer", 28747)
    return random.sample(documents, min(size, len(documents)))


@SERVER_STAGES("$sortByCount")
def sort_by_count(pipeline: Pipeline, spec: Value, documents: list[Document]) -> list[Document]:
    group = {"$group": {"_id": spec, "count": {"$sum": 1}}}
    return run([group, {"$sort": {"count": -1}}], documents, reference=True)


@SERVER_STAGES("$facet")
def facet(pipeline: Pipeline, spec: Value, documents: list[Document]) -> list[Document]:
    if type(spec) is not dict or not spec:
        raise CommandError("the $facet specification must be a non-empty object", 40169)
    if not all(isinstance(stages, list) for stages in spec.values()):
        raise CommandError("arguments to $facet must be arrays", 40170)
    return [{name: pipeline.run(stages, documents) for name, stages in spec.items()}]
