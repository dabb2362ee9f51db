"""Arithmetic expression operators that round: ``$ceil``, ``$floor``, ``$round``, ``$trunc``."""

from __future__ import annotations

import decimal
import math
from typing import Final

from brookmill.mql.errors import MQLError
from brookmill.mql.expression import operator
from brookmill.mql.numbers import (
    CONTEXT,
    DECIMAL,
    DOUBLE,
    describe,
    from_decimal,
    from_int,
    integer,
    numeric,
    to_decimal,
    width,
)
from brookmill.mql.values import INT64_MAX, INT64_MIN, Value, nullish

_UP: Final = decimal.ROUND_CEILING
_DOWN: Final = decimal.ROUND_FLOOR


def _whole(number: Value, name: str, rounding: str) -> Value:
    kind = numeric(number, name)
    if not kind:
        return None
    if kind == DECIMAL:
        return from_decimal(to_decimal(number).to_integral_value(rounding, CONTEXT))
    if kind == DOUBLE:
        value = float(number)
        if not math.isfinite(value):
            return value
        return math.copysign(math.floor(value) if rounding is _DOWN else math.ceil(value), value)
    return number


@operator("$ceil", result="number")
def ceil(number: Value) -> Value:
    return _whole(number, "$ceil", _UP)


@operator("$floor", result="number")
def floor(number: Value) -> Value:
    return _whole(number, "$floor", _DOWN)


def _places(place: Value, name: str) -> int:
    if not width(place):
        raise MQLError(f"{name}'s precision must be a number, not {describe(place)}", 16004)
    digits = integer(place, f"precision argument to {name}", 51082)
    if not -20 <= digits <= 100:
        text = f"cannot apply {name} with precision value {digits} value must be in [-20, 100]"
        raise MQLError(text, 51083)
    return digits


def _placed(number: Value, place: Value, name: str, rounding: str) -> Value:
    kind = numeric(number, name, 51081)
    if not kind or nullish(place):
        return None
    digits = _places(place, name)
    if kind == DECIMAL:
        return from_decimal(_quantized(to_decimal(number), digits, rounding))
    if kind == DOUBLE:
        value = float(number)
        if not math.isfinite(value):
            return value
        exact = CONTEXT.create_decimal(decimal.Decimal(value))
        return math.copysign(float(_quantized(exact, digits, rounding)), value)
    if digits >= 0:
        return number
    rounded = int(_quantized(decimal.Decimal(int(number)), digits, rounding))
    if not INT64_MIN <= rounded <= INT64_MAX:
        raise MQLError(f"invalid conversion from Decimal128 result in {name}", 51080)
    return from_int(rounded, kind)


def _quantized(value: decimal.Decimal, digits: int, rounding: str) -> decimal.Decimal:
    if not value.is_finite():
        return value
    quantized = value.quantize(decimal.Decimal((0, (1,), -digits)), rounding, CONTEXT)
    return value if quantized.is_nan() else quantized  # more digits asked for than there can be


@operator("$round", result="number")
def round_(number: Value, place: Value = 0) -> Value:
    # Python rounds a double by its exact value, to even: only where 34 digits are fewer that may differ.
    if type(number) is float and type(place) is int and 0 <= place <= 15 and 1e-3 <= abs(number) < 1e15:
        return round(number, place)
    return _placed(number, place, "$round", decimal.ROUND_HALF_EVEN)


@operator("$trunc", result="number")
def trunc(number: Value, place: Value = 0) -> Value:
    return _placed(number, place, "$trunc", decimal.ROUND_DOWN)
