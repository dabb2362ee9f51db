"""A ``$lookup`` that asks no collection: its pipeline begins with ``$documents`` and runs here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from brookmill.connections import Answer, Asker, Opening, Output
from brookmill.errors import DocumentError
from brookmill.mql import MISSING, MQLError, run_pipeline
from brookmill.mql.expression import Env, Expression, parse_expression
from brookmill.mql.values import Document, Value
from brookmill.stages import Place


@dataclass(frozen=True, slots=True)
class LookupDocuments:
    """``documents`` gives an array of objects and may use the ``variables`` of ``let``; ``stages`` follow."""

    documents: Expression
    variables: tuple[str, ...]
    stages: list[Document]

    @classmethod
    def parse(cls, pipeline: Any, variables: tuple[str, ...], place: Place) -> Self:
        """``pipeline``: the first stage is ``$documents``. Raises PlanError."""
        where = place.at(0, "$documents")
        documents = parse_expression(
            pipeline[0]["$documents"], path=where.path, variables=frozenset(variables)
        )
        try:
            run_pipeline(pipeline[1:], [])
        except MQLError as e:
            raise place.wrong(str(e), e.code) from e
        return cls(documents, variables, pipeline[1:])

    def opened(self, opening: Opening) -> Asker:
        now = opening.clock.now
        return _Documents(self, opening.constants, lambda: int(now() * 1000))

    def found(self, let: Document, now: Callable[[], int]) -> list[Document]:
        """What the pipeline gives. Raises DocumentError."""
        variables = {name: let.get(name, MISSING) for name in self.variables}
        env: Env = {"ROOT": {}, "CURRENT": {}, "@meta": {}, "@now": now, **variables}
        documents: Value = self.documents.evaluate(env)
        if type(documents) is not list or not all(type(one) is dict for one in documents):
            raise DocumentError("$documents must give an array of objects")
        return run_pipeline(self.stages, documents) if self.stages else documents


class _Documents:
    """An ``Asker``. Column or constant: ``let``."""

    def __init__(
        self, lookup: LookupDocuments, constants: Mapping[str, Value], now: Callable[[], int]
    ) -> None:
        self._lookup = lookup
        self._constants = constants
        self._now = now

    def ask(self, questions: Output) -> Sequence[Answer]:
        if not self._lookup.variables:
            return [self._answer({})] * len(questions)
        lets = questions.columns.get("let") or [self._constants["let"]] * len(questions)
        return [self._answer(let) for let in lets]

    def _answer(self, let: Document) -> Answer:
        try:
            return Answer(self._lookup.found(let, self._now))
        except DocumentError as e:
            return Answer(refused=str(e))

    def stats(self) -> Document:
        return {}

    def close(self) -> None:
        """Nothing is open."""
