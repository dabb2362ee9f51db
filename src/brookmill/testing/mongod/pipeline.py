"""Aggregation: the stages of the query language, and those that read or write other collections."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from brookmill.mql.values import Document, Value
from brookmill.plan.bounded import run
from brookmill.registry import Registry
from brookmill.testing.mongod.deployment import Deployment
from brookmill.testing.mongod.errors import CommandError
from brookmill.testing.mongod.query import Query
from brookmill.testing.mongod.user import Access
from brookmill.testing.mongod.variables import Variables, bound_pipeline

#: Stages by name that the query language does not have: functions from the pipeline, the spec, and the
#: documents so far to those that follow.
SERVER_STAGES: Registry[Callable[[Pipeline, Value, list[Document]], list[Document]]] = Registry(
    "stage of the server", "brookmill.testing.mongod.stages"
)
#: Stages that make documents themselves, so that no collection is read.
_FIRST = frozenset({"$documents", "$currentOp", "$listSessions", "$listLocalSessions"})
_WRITING = frozenset({"$merge", "$out"})


@dataclass(frozen=True)
class Pipeline:
    """``database``: of the command. ``demand``: raises CommandError unless the user may do this there."""

    deployment: Deployment
    database: str
    demand: Callable[[Access, str | None], None]

    def answer(self, stages: list[Document], target: str | None, variables: Variables) -> list[Document]:
        """What the whole pipeline gives. ``target``: the collection, None for the database itself.

        Raises CommandError, MQLError, PlanError.
        """
        names = [next(iter(stage)) for stage in stages]
        for name in names[:-1]:
            if name in _WRITING:
                raise CommandError(f"{name} can only be the final stage in the pipeline", 40601)
        if target is None and (not names or names[0] not in _FIRST):
            raise CommandError("{aggregate: 1} is not valid for this pipeline", 73)
        return self.of(stages, target, variables)

    def of(self, stages: Any, target: str | None, variables: Variables) -> list[Document]:
        """The same for a pipeline inside of another one."""
        documents: list[Document] = []
        if target is not None:
            self.demand("read", self.database)
            documents, stages = self._read(target, stages, variables)
        return self.run(bound_pipeline(stages, variables), documents)

    def _read(self, target: str, stages: Any, variables: Variables) -> tuple[list[Document], Any]:
        """The documents of a collection; a first ``$match`` is done by its indexes."""
        spec: Document = {}
        if stages and type(stages[0]) is dict and "$match" in stages[0]:
            spec, stages = stages[0]["$match"], stages[1:]
        query = Query.of(spec, variables)
        collection = self.deployment.collection(self.database, target)
        return [] if collection is None else list(collection.find(query)), stages

    def run(self, stages: list[Document], documents: list[Document]) -> list[Document]:
        """What the stages make of the documents; variables are bound already."""
        plain: list[Document] = []
        for stage in stages:
            name = next(iter(stage), "") if type(stage) is dict else ""
            if name not in SERVER_STAGES:
                plain.append(stage)
                continue
            if plain:
                documents, plain = run(plain, documents, reference=True), []
            documents = SERVER_STAGES[name](self, stage[name], documents)
        return run(plain, documents, reference=True) if plain else documents
