"""What all sinks have in common: a connection that can be written to, and values for every document."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from brookmill.connections import Writable
from brookmill.mql.expression import Constant, Expression
from brookmill.mql.values import MISSING, Value
from brookmill.stages import Place


class SinkParts(NamedTuple):
    """``constants`` and ``columns`` share one set of names: what the sink needs to know about every
    document.
    """

    connection: str
    options: Any
    columns: Mapping[str, Expression]
    constants: Mapping[str, Value]


def sink_parts(stage: str, spec: Value, place: Place) -> SinkParts:
    """``spec`` as the options that the connection's type has for ``stage``. Raises PlanError."""
    name = place.object(spec).get("connectionName")
    connection = place.at("connectionName").connection(name)
    if not isinstance(connection, Writable) or stage not in connection.sink_options:
        raise place.at("connectionName").wrong(
            f"a connection of type {connection.type} cannot be written to by {stage}"
        )
    options = place.options(spec, connection.sink_options[stage])
    columns: dict[str, Expression] = {}
    constants: dict[str, Value] = {}
    for column, path, operand in options.expressions():
        expression = place.at(*path).expression(operand)
        if isinstance(expression, Constant):
            constants[column] = None if expression.value is MISSING else expression.value
        else:
            columns[column] = expression
    for path, text in options.problems(constants):
        raise place.at(*path).wrong(text)
    return SinkParts(str(name), options, columns, constants)
