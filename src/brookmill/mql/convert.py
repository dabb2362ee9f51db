"""Conversion of values from type to type. Reference: MongoDB manual, ``$convert``, with what stream
processors add.
"""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Callable

from bson import Decimal128, Int64, ObjectId
from bson.errors import InvalidId

from brookmill.mql import binary
from brookmill.mql.binary import Layout
from brookmill.mql.dates import as_date, parse_date
from brookmill.mql.ejson import loads
from brookmill.mql.encoding import iso_text
from brookmill.mql.errors import MQLError
from brookmill.mql.numbers import CONTEXT, DECIMAL, DOUBLE, from_decimal, to_decimal, to_float, width
from brookmill.mql.values import (
    INT32_MAX,
    INT32_MIN,
    INT64_MAX,
    INT64_MIN,
    TYPE_NUMBERS,
    Value,
    date_from_ms,
    ms_from_date,
    truthy,
    type_name,
)

_INTEGER = re.compile(r"[+-]?[0-9]{1,40}")
_REAL = re.compile(
    r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,9})?|[+-]?(?:inf|infinity|nan)", re.IGNORECASE
)


def _refuse(value: Value, to: str) -> MQLError:
    return MQLError(
        f"Unsupported conversion from {type_name(value)} to {to} in $convert with no onError value", 241
    )


def _unreadable(value: str, to: str) -> MQLError:
    return MQLError(
        f"Failed to parse number '{value[:100]}' in $convert with no onError value: not a {to}", 241
    )


#: What ``$to…`` says of binary data and strings: the format follows from the subtype.
AUTO = Layout("auto")


def _whole(value: Value, to: str, least: int, most: int, layout: Layout) -> int:
    """A number, bool, date (long only), decimal text or binary data as an integer, cut toward zero."""
    kind = type_name(value)
    if kind == "bool":
        return int(value)
    if kind == "binData":
        return binary.to_integer(value, layout, (1, 2, 4) if to == "int" else (1, 2, 4, 8), to)
    if kind == "string":
        if not _INTEGER.fullmatch(value):
            raise _unreadable(value, to)
        number = int(value)
    elif kind == "date" and to == "long":
        number = ms_from_date(value)
    elif width(value) in (DOUBLE, DECIMAL):
        number = _truncated(value)
    elif width(value):
        number = int(value)
    else:
        raise _refuse(value, to)
    if not least <= number <= most:
        raise MQLError(
            f"Conversion would overflow target type in $convert with no onError value: {number}", 241
        )
    return number


def _truncated(value: Value) -> int:
    number = to_decimal(value) if width(value) == DECIMAL else to_float(value)
    if number != number or math.isinf(number):  # noqa: PLR0124
        text = "NaN" if number != number else "infinity"  # noqa: PLR0124
        raise MQLError(
            f"Attempt to convert {text} value to integer type in $convert with no onError value", 241
        )
    return int(number)


def to_int(value: Value, layout: Layout = AUTO) -> Value:
    return _whole(value, "int", INT32_MIN, INT32_MAX, layout)


def to_long(value: Value, layout: Layout = AUTO) -> Value:
    return Int64(_whole(value, "long", INT64_MIN, INT64_MAX, layout))


def to_double(value: Value, layout: Layout = AUTO) -> Value:
    kind = type_name(value)
    if kind == "bool":
        return float(value)
    if kind == "binData":
        return binary.to_double(value, layout)
    if kind == "date":
        return float(ms_from_date(value))
    if kind == "string":
        if not _REAL.fullmatch(value):
            raise _unreadable(value, "double")
        number = float(value)
        if math.isinf(number) and "i" not in value.lower():
            raise MQLError(f"Failed to parse number '{value[:100]}' in $convert: out of range", 241)
        return number
    if not width(value):
        raise _refuse(value, "double")
    number = to_float(value)
    if math.isinf(number) and width(value) == DECIMAL and to_decimal(value).is_finite():
        raise MQLError("Conversion would overflow target type in $convert with no onError value", 241)
    return number


def to_decimal128(value: Value, layout: Layout = AUTO) -> Value:  # noqa: ARG001
    kind = type_name(value)
    if kind == "bool":
        return Decimal128("1" if value else "0")
    if kind == "date":
        return Decimal128(str(ms_from_date(value)))
    if kind == "string":
        if not _REAL.fullmatch(value):
            raise _unreadable(value, "decimal")
        return from_decimal(CONTEXT.create_decimal(value))
    if not width(value):
        raise _refuse(value, "decimal")
    return value if kind == "decimal" else from_decimal(to_decimal(value))


def to_bool(value: Value, layout: Layout = AUTO) -> Value:  # noqa: ARG001
    kind = type_name(value)
    return truthy(value) if kind == "bool" or width(value) else True


def to_date(value: Value, layout: Layout = AUTO) -> Value:  # noqa: ARG001
    kind = type_name(value)
    if kind == "string":
        return parse_date(value.strip(" \t"))
    if kind in {"date", "timestamp", "objectId"}:
        return as_date(value)
    if kind == "int" or not width(value):
        raise _refuse(value, "date")
    ms = _truncated(value)
    if not INT64_MIN <= ms <= INT64_MAX:
        raise MQLError("Conversion would overflow target type in $convert with no onError value", 241)
    return date_from_ms(ms)


def _double_text(value: float) -> str:
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return format(value, ".16g")


def to_string(value: Value, layout: Layout = AUTO) -> Value:
    kind = type_name(value)
    if kind == "string":
        return value
    if kind == "bool":
        return "true" if value else "false"
    if kind in {"int", "long"}:
        return str(int(value))
    if kind == "double":
        return _double_text(float(value))
    if kind in {"decimal", "objectId"}:
        return str(value)
    if kind == "date" and (text := iso_text(value)) is not None:
        return text
    if kind == "binData":
        return binary.to_text(value, layout)
    raise _refuse(value, "string")


def to_object_id(value: Value, layout: Layout = AUTO) -> Value:  # noqa: ARG001
    if isinstance(value, ObjectId):
        return value
    if type(value) is not str:
        raise _refuse(value, "objectId")
    try:
        return ObjectId(value)
    except InvalidId:
        text = f"Failed to parse objectId '{value[:100]}' in $convert with no onError value"
        raise MQLError(text, 241) from None


def to_array(value: Value, layout: Layout = AUTO) -> Value:  # noqa: ARG001
    kind = type_name(value)
    if kind == "array":
        return value
    return binary.vector(value) if kind == "binData" else _from_json(value, list, "array")


def to_object(value: Value, layout: Layout = AUTO) -> Value:  # noqa: ARG001
    return value if type_name(value) == "object" else _from_json(value, dict, "object")


def _from_json(value: Value, kind: type, to: str) -> Value:
    """What stands in a JSON text, wrappers left as they are."""
    if type(value) is not str:
        raise _refuse(value, to)
    try:
        found = loads(value)
    except (ValueError, RecursionError):
        raise MQLError("Input doesn't represent valid JSON in $convert with no onError value", 241) from None
    if type(found) is not kind:
        raise MQLError(f"Input doesn't match expected type '{to}' in $convert with no onError value", 241)
    return found


#: Converts a value that is neither null nor missing. Raises MQLError (code 241).
Conversion = Callable[[Value, Layout], Value]

TARGETS: dict[str, Conversion] = {
    "binData": binary.from_value,
    "int": to_int,
    "long": to_long,
    "double": to_double,
    "decimal": to_decimal128,
    "bool": to_bool,
    "date": to_date,
    "string": to_string,
    "objectId": to_object_id,
    "array": to_array,
    "object": to_object,
}


def _no_target(value: Value, layout: Layout, *, to: str) -> Value:  # noqa: ARG001
    raise _refuse(value, to)


def target(to: Value) -> Conversion:
    """The conversion to a type by its name or number. Raises MQLError (2 and 9) for what is none."""
    if width(to):
        number = to_float(to)
        name = TYPE_NUMBERS.get(int(number)) if number.is_integer() else None
        if name is None:
            raise MQLError(f"In $convert, numeric value for 'to' does not correspond to a BSON type: {to}", 9)
    elif type(to) is str:
        name = to
        if name not in TYPE_NUMBERS.values():
            raise MQLError(f"Unknown type name: {to[:50]}", 2)
    else:
        text = "$convert's 'to' argument must be a string or number, but is"
        raise MQLError(f"{text} {type_name(to)}", 9)
    return TARGETS.get(name) or functools.partial(_no_target, to=name)
