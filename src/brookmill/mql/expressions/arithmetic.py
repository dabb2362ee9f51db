"""Arithmetic expression operators."""

from __future__ import annotations

import decimal
import math
import operator as python

from brookmill.mql import lanes
from brookmill.mql.code import Code, Val
from brookmill.mql.errors import MQLError
from brookmill.mql.expression import inline, operator
from brookmill.mql.numbers import (
    CONTEXT,
    DECIMAL,
    DOUBLE,
    INT,
    LONG,
    binary,
    describe,
    from_decimal,
    from_int,
    numeric,
    to_decimal,
    to_float,
    width,
)
from brookmill.mql.values import (
    INT64_MAX,
    INT64_MIN,
    Value,
    date_from_ms,
    ms_from_date,
    nullish,
    type_name,
)

#: More milliseconds than there are between any two dates.
_FAR = decimal.Decimal(2) ** 65


def _moved(ms: int, by: Value, name: str) -> Value:
    """The date ``by`` milliseconds after ``ms``; doubles are rounded away from zero, decimals to even."""
    kind = width(by)
    if kind in (DOUBLE, DECIMAL):
        rounding = decimal.ROUND_HALF_UP if kind == DOUBLE else decimal.ROUND_HALF_EVEN
        delta = by.to_decimal() if kind == DECIMAL else decimal.Decimal(by)
        if not delta.is_finite():
            raise MQLError(f"date overflow in {name}", 15)
        by = min(delta, _FAR) if delta > 0 else max(delta, -_FAR)
        by = by.to_integral_value(rounding)
    moment = ms + int(by)
    if not INT64_MIN <= moment <= INT64_MAX:
        raise MQLError(f"date overflow in {name}", 15)
    return date_from_ms(moment)


@operator("$add")
def add(*values: Value) -> Value:
    total: Value = 0
    kind, date = INT, None
    for value in values:
        if type(value) is float and kind == DOUBLE:
            total += value
            continue
        if nullish(value):
            return None
        wide = width(value)
        if wide:
            kind = max(kind, wide)
            total, kind = _sum(total, value, kind)
        elif type_name(value) != "date":
            raise MQLError(f"$add only supports numeric or date types, not {describe(value)}", 14)
        elif date is not None:
            raise MQLError("only one date allowed in an $add expression", 16612)
        else:
            date = value
    if kind <= LONG:
        total = from_int(total, kind)
    return total if date is None else _moved(ms_from_date(date), total, "$add")


def _sum(total: Value, value: Value, kind: int) -> tuple[Value, int]:
    """One step of ``$add``, and the type of the sum: from left to right, in the widest type so far.

    Of integers ``total`` is a plain ``int``; beyond 64 bits they go on as doubles.
    """
    if kind <= LONG:
        exact = total + int(value)
        if INT64_MIN <= exact <= INT64_MAX:
            return exact, kind
        return float(total) + float(value), DOUBLE
    if kind == DOUBLE:
        return to_float(total) + to_float(value), DOUBLE
    return from_decimal(CONTEXT.add(to_decimal(total), to_decimal(value))), DECIMAL


@operator("$subtract")
def subtract(left: Value, right: Value) -> Value:
    kind = min(width(left), width(right)) and max(width(left), width(right))
    if kind:
        return binary(
            left, right, kind, on_ints=python.sub, on_floats=python.sub, on_decimals=CONTEXT.subtract
        )
    if nullish(left) or nullish(right):
        return None
    if type_name(left) == "date":
        if type_name(right) == "date":
            return from_int(ms_from_date(left) - ms_from_date(right), LONG)
        if width(right):
            return _moved(ms_from_date(left), subtract(0, right), "$subtract")
    raise MQLError(f"can't $subtract {describe(right)} from {describe(left)}", 14)


def _times(left: float, right: float) -> float:
    return left * right


@operator("$multiply")
def multiply(*values: Value) -> Value:
    product: Value = 1
    for value in values:
        if nullish(value):
            return None
        kind = width(value)
        if not kind:
            raise MQLError(f"$multiply only supports numeric types, not {describe(value)}", 14)
        product = binary(
            product,
            value,
            max(kind, width(product)),
            on_ints=python.mul,
            on_floats=_times,
            on_decimals=CONTEXT.multiply,
        )
    return product


@operator("$divide", result="number")
def divide(dividend: Value, divisor: Value) -> Value:
    kind = min(width(dividend), width(divisor)) and max(width(dividend), width(divisor))
    if not kind:
        if nullish(dividend) or nullish(divisor):
            return None
        text = f"{describe(dividend)} and {describe(divisor)}"
        raise MQLError(f"$divide only supports numeric types, not {text}", 14)
    if kind == DECIMAL:
        if not to_decimal(divisor):
            raise MQLError("can't $divide by zero", 2)
        return from_decimal(CONTEXT.divide(to_decimal(dividend), to_decimal(divisor)))
    if not to_float(divisor):
        raise MQLError("can't $divide by zero", 2)
    return to_float(dividend) / to_float(divisor)


def _remainder(left: int, right: int) -> int:
    return int(math.copysign(1, left)) * (abs(left) % abs(right))


def _float_remainder(left: float, right: float) -> float:
    return math.nan if math.isinf(left) or math.isnan(right) else math.fmod(left, right)


#: Wide enough for the whole part of any quotient of two decimals, without which there is no remainder.
_WIDE = decimal.Context(prec=12400, Emin=-6143, Emax=6144, traps=[])


@operator("$mod")
def mod(dividend: Value, divisor: Value) -> Value:
    kind = min(width(dividend), width(divisor)) and max(width(dividend), width(divisor))
    if not kind:
        if nullish(dividend) or nullish(divisor):
            return None
        text = f"{describe(dividend)} and {describe(divisor)}"
        raise MQLError(f"$mod only supports numeric types, not {text}", 16611)
    if not (to_decimal(divisor) if kind == DECIMAL else to_float(divisor)):
        raise MQLError("can't $mod by zero", 5733415 if kind == DECIMAL else 16610)
    return binary(
        dividend, divisor, kind, on_ints=_remainder, on_floats=_float_remainder, on_decimals=_WIDE.remainder
    )


@operator("$abs", result="number")
def abs_(number: Value) -> Value:
    kind = numeric(number, "$abs")
    if not kind:
        return None
    if kind == DECIMAL:
        return from_decimal(to_decimal(number).copy_abs())
    if kind == DOUBLE:
        return abs(float(number))
    if number == INT64_MIN:
        raise MQLError("can't take $abs of long long min", 28680)
    return from_int(abs(int(number)), kind)


@inline("$add")
def add_quickly(code: Code, *values: Val) -> Val | None:
    if len(values) != 2:
        return None
    return _quick(code, values, f"{values[0].text} + {values[1].text}", add)


@inline("$subtract")
def subtract_quickly(code: Code, left: Val, right: Val) -> Val | None:
    return _quick(code, (left, right), f"{left.text} - {right.text}", subtract)


@inline("$multiply")
def multiply_quickly(code: Code, *values: Val) -> Val | None:
    if len(values) != 2:
        return None
    return _quick(code, values, f"{values[0].text} * {values[1].text}", multiply)


@inline("$divide")
def divide_quickly(code: Code, dividend: Val, divisor: Val) -> Val | None:
    if divisor.known and divisor.constant == 0:
        return None
    condition = lanes.all_of(lanes.small(dividend), lanes.small(divisor))
    if condition is None:
        return None
    if not divisor.known:
        condition = f"{condition} and {divisor.text}" if condition != "True" else divisor.text
    quick = f"{dividend.text} / {divisor.text}"
    return Val(lanes.guarded(condition, quick, code.call(divide, dividend, divisor)), "number", missing=False)


@inline("$mod")
def mod_quickly(code: Code, dividend: Val, divisor: Val) -> Val | None:
    conditions = [lanes.small_int(value) for value in (dividend, divisor)]
    condition = lanes.all_of(*conditions, f"{dividend.text} >= 0", f"{divisor.text} > 0")
    if condition is None:
        return None
    slow = code.call(mod, dividend, divisor)
    return Val(lanes.guarded(condition, f"{dividend.text} % {divisor.text}", slow), missing=False)


def _quick(code: Code, values: tuple[Val, ...], text: str, function: object) -> Val | None:
    condition = lanes.all_of(*[lanes.small(value) for value in values])
    if condition is None:
        return None
    slow = code.call(function, *values)  # type: ignore[arg-type]
    return Val(lanes.guarded(condition, text, slow), missing=False)
