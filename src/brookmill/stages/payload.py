"""The ``payload`` of $https and $externalFunction: a small pipeline that makes the body of a request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self, cast

from brookmill.mql.code import Code, Val
from brookmill.mql.expression import Env
from brookmill.mql.values import Value
from brookmill.stages import Place, Row, RowStage, parse_stages


@dataclass(frozen=True, slots=True)
class Payload:
    """The document that a pipeline of row stages makes of the current one, as an expression."""

    stages: tuple[RowStage, ...]

    @classmethod
    def parse(cls, spec: Value, place: Place) -> Self:
        """``place``: of the pipeline itself. Raises PlanError."""
        inner = place._replace(placement="payload")
        return cls(cast("tuple[RowStage, ...]", parse_stages(spec, inner)))

    def evaluate(self, env: Env) -> Value:
        row = Row(env["ROOT"], env["@meta"], env["@now"])
        for stage in self.stages:
            (row,) = stage.apply(row)
        return row.document

    def emit(self, code: Code) -> Val:
        return code.local(code.evaluate(self))
