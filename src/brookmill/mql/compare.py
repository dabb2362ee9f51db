"""The BSON comparison order, over all types. Reference: MongoDB manual, Comparison/Sort Order."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Generator, Sequence
from decimal import Decimal
from typing import Any

from bson import Binary, Decimal128
from bson.binary import UUID_SUBTYPE

from brookmill.mql.bounds import close_growth, enter_value
from brookmill.mql.values import INT64_MAX, INT64_MIN, MISSING, Value, ms_from_date, type_name

#: Types that compare with each other share a rank. Missing sorts before null.
RANKS = {
    "minKey": -1,
    "missing": 0,
    "undefined": 0,
    "null": 5,
    "double": 10,
    "int": 10,
    "long": 10,
    "decimal": 10,
    "string": 15,
    "symbol": 15,
    "object": 20,
    "array": 25,
    "binData": 30,
    "objectId": 35,
    "bool": 40,
    "date": 45,
    "timestamp": 47,
    "regex": 50,
    "dbPointer": 55,
    "javascript": 60,
    "javascriptWithScope": 65,
    "maxKey": 127,
}


def order_key(value: Value) -> tuple[Any, ...]:
    """A hashable key: keys of any two values compare as the values do, and are equal as the values are."""
    kind = type(value)
    if kind is str:
        return (15, value)
    if kind is int and INT64_MIN <= value <= INT64_MAX:
        return (10, 1, value)
    name = type_name(value)
    return (RANKS[name], *_KEYS[name](value))


def order_keys(values: Sequence[Value], operator: str) -> Generator[tuple[Any, ...], None, None]:
    """The keys of values that belong together, one after the other; to be closed when not all are taken.

    Raises MQLError when all of them take too much.
    """
    outermost = enter_value(len(values), operator)
    try:
        for value in values:
            yield order_key(value)
    finally:
        if outermost:
            close_growth()


def _number(value: Any) -> tuple[Any, ...]:
    number = value.to_decimal() if isinstance(value, Decimal128) else value
    if isinstance(number, Decimal) and number.is_nan():
        return (0,)  # a signalling one must not even be compared with itself
    if type(number) is int and not INT64_MIN <= number <= INT64_MAX:
        number = float(number)
    return (1, number) if number == number else (0,)  # noqa: PLR0124 - NaN sorts before all numbers


def _array(value: Any) -> tuple[Any, ...]:
    outermost = enter_value(len(value), "comparison")
    try:
        return tuple([order_key(item) for item in value])
    finally:
        if outermost:
            close_growth()


def _object(value: Any) -> tuple[Any, ...]:
    outermost = enter_value(len(value), "comparison")
    try:
        return tuple([(key[0], name, key) for name, item in value.items() for key in (order_key(item),)])
    finally:
        if outermost:
            close_growth()


def _binary(value: Any) -> tuple[Any, ...]:
    if isinstance(value, uuid.UUID):
        return (16, UUID_SUBTYPE, value.bytes)
    return (len(value), value.subtype if isinstance(value, Binary) else 0, bytes(value))


_KEYS: dict[str, Callable[[Any], tuple[Any, ...]]] = {
    "minKey": lambda _: (),
    "missing": lambda _: (),
    "undefined": lambda _: (),
    "null": lambda _: (),
    "double": _number,
    "int": _number,
    "long": _number,
    "decimal": _number,
    "string": lambda value: (str(value),),
    "symbol": lambda value: (str(value),),
    "object": _object,
    "array": _array,
    "binData": _binary,
    "objectId": lambda value: (value.binary,),
    "bool": lambda value: (value,),
    "date": lambda value: (ms_from_date(value),),
    "timestamp": lambda value: (value.time, value.inc),
    "regex": lambda value: (str(value.pattern), value.flags),
    "dbPointer": lambda value: (value.collection, value.id.binary),
    "javascript": lambda value: (str(value),),
    "javascriptWithScope": lambda value: (str(value), _object(value.scope)),
    "maxKey": lambda _: (),
}


def compare(left: Value, right: Value) -> int:
    """-1, 0 or 1 as ``left`` sorts before, with or after ``right``."""
    one, other = order_key(left), order_key(right)
    return (one > other) - (one < other)


def equal(left: Value, right: Value) -> bool:
    """Whether the values are the same in the comparison order: 1, 1.0 and Decimal128("1.00") are."""
    if type(left) is type(right) is str:
        return bool(left == right)
    return order_key(left) == order_key(right)


def rank(value: Value) -> int:
    """The place of the value's type in the order; values of different rank are never equal."""
    return RANKS[type_name(value)]


NULL_KEY = order_key(None)
MISSING_KEY = order_key(MISSING)
