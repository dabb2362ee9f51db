"""Arithmetic expression operators around powers: roots, exponentials, logarithms."""

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
    from_decimal,
    from_int,
    numeric,
    to_decimal,
    to_float,
)
from brookmill.mql.values import INT64_MAX, INT64_MIN, Value, nullish

#: Added to a decimal it shows all 34 digits, as the result of ``$pow`` does.
_FULL: Final = decimal.Decimal("0E-6176")


@operator("$sqrt", result="number")
def sqrt(number: Value) -> Value:
    kind = numeric(number, "$sqrt")
    if not kind:
        return None
    exact = to_decimal(number) if kind == DECIMAL else decimal.Decimal(to_float(number))
    if not exact.is_nan() and exact < 0:
        raise MQLError("$sqrt's argument must be greater than or equal to 0", 28714)
    return from_decimal(CONTEXT.sqrt(exact)) if kind == DECIMAL else math.sqrt(to_float(number))


def _exp(exponent: float) -> float:
    try:
        return math.exp(exponent)
    except OverflowError:
        return math.inf


@operator("$exp", result="number")
def exp(exponent: Value) -> Value:
    kind = numeric(exponent, "$exp")
    if not kind:
        return None
    return from_decimal(CONTEXT.exp(to_decimal(exponent))) if kind == DECIMAL else _exp(to_float(exponent))


@operator("$sigmoid", result="number")
def sigmoid(number: Value) -> Value:
    """1 / (1 + e^-x)."""
    kind = numeric(number, "$sigmoid")
    if not kind:
        return None
    if kind == DECIMAL:
        grown = CONTEXT.add(1, CONTEXT.exp(to_decimal(number).copy_negate()))
        return from_decimal(CONTEXT.divide(1, grown))
    return 1 / (1 + _exp(-to_float(number)))


def _positive(number: Value, name: str, code: int) -> int:
    """The width of a positive number or NaN; 0 for null and missing."""
    kind = numeric(number, name)
    if kind and _not_above(number, kind, 0):
        raise MQLError(f"{name}'s argument must be a positive number, but is {number}", code)
    return kind


def _not_above(number: Value, kind: int, bound: int) -> bool:
    """Whether the number is at most ``bound``; False for NaN."""
    if kind != DECIMAL:
        return to_float(number) <= bound
    exact = to_decimal(number)
    return not exact.is_nan() and exact <= bound


@operator("$ln", result="number")
def ln(number: Value) -> Value:
    kind = _positive(number, "$ln", 28766)
    if not kind:
        return None
    return from_decimal(CONTEXT.ln(to_decimal(number))) if kind == DECIMAL else math.log(to_float(number))


@operator("$log10", result="number")
def log10(number: Value) -> Value:
    kind = _positive(number, "$log10", 28761)
    if not kind:
        return None
    return (
        from_decimal(CONTEXT.log10(to_decimal(number))) if kind == DECIMAL else math.log10(to_float(number))
    )


@operator("$log", result="number")
def log(number: Value, base: Value) -> Value:
    if nullish(number) or nullish(base):
        return None
    kind = numeric(number, "$log's argument", 28756)
    if _not_above(number, kind, 0):
        numeric(base, "$log's base", 28757)
        raise MQLError(f"$log's argument must be a positive number, but is {number}", 28758)
    base_kind = numeric(base, "$log's base", 28757)
    if _not_above(base, base_kind, 0) or to_decimal(base) == 1:
        raise MQLError(f"$log's base must be a positive number not equal to 1, but is {base}", 28759)
    if max(kind, base_kind) == DECIMAL:
        return from_decimal(CONTEXT.divide(CONTEXT.ln(to_decimal(number)), CONTEXT.ln(to_decimal(base))))
    return math.log(to_float(number)) / math.log(to_float(base))


def _float_power(base: float, exponent: float) -> float:
    try:
        return math.pow(base, exponent)
    except OverflowError:
        return -math.inf if base < 0 and exponent % 2 == 1 else math.inf
    except ValueError:
        return math.nan


@operator("$pow", result="number")
def pow_(number: Value, exponent: Value) -> Value:
    if nullish(number) or nullish(exponent):
        return None
    kind = max(numeric(number, "$pow's base", 28762), numeric(exponent, "$pow's exponent", 28763))
    if to_float(number) == 0 and to_float(exponent) < 0:
        raise MQLError("$pow cannot take a base of 0 and a negative exponent", 28764)
    if kind == DECIMAL:
        return _decimal_power(to_decimal(number), to_decimal(exponent))
    if kind == DOUBLE:
        return _float_power(to_float(number), to_float(exponent))
    base, power = int(number), int(exponent)
    if base in (0, 1, -1):
        return from_int(base ** (abs(power) % 2 + 2 if power else 0), kind)
    if power < 0 or power > 63:
        return _float_power(float(base), float(power))
    result = base**power
    return (
        from_int(result, kind)
        if INT64_MIN <= result <= INT64_MAX
        else _float_power(float(base), float(power))
    )


def _decimal_power(base: decimal.Decimal, exponent: decimal.Decimal) -> Value:
    if not exponent and not base.is_nan():
        base = decimal.Decimal(1)  # of zero and of infinity too
    power = CONTEXT.power(base, exponent)
    return from_decimal(CONTEXT.add(power, _FULL) if power.is_finite() and power else power)
