"""Timestamp expression operators."""

from __future__ import annotations

from bson import Int64, Timestamp

from brookmill.mql.errors import MQLError
from brookmill.mql.expression import operator
from brookmill.mql.values import Value, nullish, type_name


def _timestamp(value: Value, name: str, code: int) -> Timestamp:
    if isinstance(value, Timestamp):
        return value
    raise MQLError(f"Argument to {name} must be a timestamp, but is {type_name(value)}", code)


@operator("$tsSecond", result="long")
def ts_second(timestamp: Value) -> Value:
    """Seconds since the epoch."""
    return None if nullish(timestamp) else Int64(_timestamp(timestamp, "$tsSecond", 5687301).time)


@operator("$tsIncrement", result="long")
def ts_increment(timestamp: Value) -> Value:
    """The place among the operations of one second."""
    return None if nullish(timestamp) else Int64(_timestamp(timestamp, "$tsIncrement", 5687302).inc)
