"""What sinks and stages that ask have in common: a connection that takes documents, and values for each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from brookmill.connections import Askable, Writable
from brookmill.domain.connection import Connection
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


def sink_parts(stage: str, spec: Value, place: Place, holder: str | None = None) -> SinkParts:
    """``spec`` as the options that the connection's type has for writing by ``stage``. ``holder``: the member
    that names the connection, None: the stage itself does. Raises PlanError.
    """
    connection, where = _connection(spec, place, holder)
    if not isinstance(connection, Writable) or stage not in connection.sink_options:
        raise where.wrong(f"a connection of type {connection.type} cannot be written to by {stage}")
    return parts(connection.sink_options[stage], spec, place)


def asker_parts(stage: str, spec: Value, place: Place, holder: str | None = None) -> SinkParts:
    """``spec`` as the options that the connection's type has for being asked by ``stage``. ``holder``: the
    member that names the connection, None: the stage itself does. Raises PlanError.
    """
    connection, where = _connection(spec, place, holder)
    if not isinstance(connection, Askable) or stage not in connection.asker_options:
        raise where.wrong(f"a connection of type {connection.type} cannot be asked by {stage}")
    return parts(connection.asker_options[stage], spec, place)


def _connection(spec: Value, place: Place, holder: str | None) -> tuple[Connection, Place]:
    """The connection that ``spec`` names, and where."""
    spec = place.object(spec)
    if holder is not None:
        place = place.at(holder)
        spec = place.object(spec.get(holder))
    where = place.at("connectionName")
    return where.connection(spec.get("connectionName")), where


def parts(kind: type[Any], spec: Value, place: Place) -> SinkParts:
    """``spec`` as options of this ``kind``. Raises PlanError."""
    options = place.options(spec, kind)
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
    return SinkParts(options.connection_name, options, columns, constants)
