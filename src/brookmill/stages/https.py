"""``$https`` as a sink: every document is a request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self, cast

from msgspec import UNSET

from brookmill.mql.code import Code, Val
from brookmill.mql.encoding import Encoding
from brookmill.mql.expression import Env, Expression
from brookmill.mql.values import Value
from brookmill.stages import MAIN, STAGES, Place, Placement, Row, RowStage, parse_stages
from brookmill.stages.sink import sink_parts


@dataclass(frozen=True, slots=True)
class Payload:
    """The document that a pipeline of row stages makes of the current one, as an expression."""

    stages: tuple[RowStage, ...]

    def evaluate(self, env: Env) -> Value:
        row = Row(env["ROOT"], env["@meta"], env["@now"])
        for stage in self.stages:
            (row,) = stage.apply(row)
        return row.document

    def emit(self, code: Code) -> Val:
        return code.local(code.evaluate(self))


@STAGES("$https")
@dataclass(frozen=True, slots=True)
class HttpsStage:
    """Engine reference, section 1.5. ``constants``: columns that are the same for every document."""

    connection: str
    options: Any
    columns: Mapping[str, Expression]
    constants: Mapping[str, Value]

    name: ClassVar[str] = "$https"
    kind: ClassVar[Literal["sink"]] = "sink"
    placements: ClassVar[frozenset[Placement]] = MAIN
    operator: ClassVar[str] = "HttpsOperator"
    encoding: ClassVar[Encoding] = Encoding()

    @classmethod
    def parse(cls, spec: Value, place: Place) -> Self:
        connection, options, columns, constants = sink_parts(cls.name, spec, place)
        columns = {**columns, "meta": place.expression({"$meta": "stream"})}
        if options.payload is not UNSET:
            inner = place.at("payload")._replace(placement="payload")
            columns["payload"] = Payload(cast("tuple[RowStage, ...]", parse_stages(options.payload, inner)))
        return cls(connection, options, columns, constants)
