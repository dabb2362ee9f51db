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
    LONG,
    Total,
    binary,
    describe,
    from_decimal,
    from_int,
    integer,
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


def _moved(ms: int, by: Value, name: str) -> Value:
    """The date ``by`` milliseconds after ``ms``."""
    delta = to_float(by) if width(by) in (DOUBLE, DECIMAL) else int(by)
    if isinstance(delta, float):
        if not math.isfinite(delta):
            raise MQLError(f"{name} cannot move a date by {delta}", 2)
        delta = math.floor(delta + 0.5) if delta >= 0 else -math.floor(-delta + 0.5)
    if not INT64_MIN <= ms + delta <= INT64_MAX:
        raise MQLError(f"date overflow in {name}", 2)
    return date_from_ms(ms + delta)


@operator("$add")
def add(*values: Value) -> Value:
    total, date = Total(), None
    for value in values:
        if total.add(value):
            continue
        if nullish(value):
            return None
        if type_name(value) != "date":
            raise MQLError(f"$add only supports numeric or date types, not {describe(value)}", 14)
        if date is not None:
            raise MQLError("only one date allowed in an $add expression", 16612)
        date = value
    return total.result() if date is None else _moved(ms_from_date(date), total.result(), "$add")


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


@operator("$mod")
def mod(dividend: Value, divisor: Value) -> Value:
    kind = min(width(dividend), width(divisor)) and max(width(dividend), width(divisor))
    if not kind:
        if nullish(dividend) or nullish(divisor):
            return None
        text = f"{describe(dividend)} and {describe(divisor)}"
        raise MQLError(f"$mod only supports numeric types, not {text}", 16611)
    if not (to_decimal(divisor) if kind == DECIMAL else to_float(divisor)):
        raise MQLError("can't $mod by zero", 16610)
    return binary(
        dividend, divisor, kind, on_ints=_remainder, on_floats=_float_remainder, on_decimals=CONTEXT.remainder
    )


def _numeric(value: Value, name: str, code: int = 28765) -> int:
    """The width of a number; 0 for null and missing. Raises MQLError for anything else."""
    kind = width(value)
    if not kind and not nullish(value):
        raise MQLError(f"{name} only supports numeric types, not {describe(value)}", code)
    return kind


@operator("$abs", result="number")
def abs_(number: Value) -> Value:
    kind = _numeric(number, "$abs")
    if not kind:
        return None
    if kind == DECIMAL:
        return from_decimal(to_decimal(number).copy_abs())
    if kind == DOUBLE:
        return abs(float(number))
    if number == INT64_MIN:
        raise MQLError("can't take $abs of long long min", 28680)
    return from_int(abs(int(number)), kind)


def _whole(number: Value, name: str, rounding: str) -> Value:
    kind = _numeric(number, name)
    if not kind:
        return None
    if kind == DECIMAL:
        return from_decimal(to_decimal(number).to_integral_value(rounding, CONTEXT))
    if kind == DOUBLE:
        value = float(number)
        if not math.isfinite(value) or value.is_integer():
            return value
        return math.copysign(float(decimal.Decimal(value).to_integral_value(rounding)), value)
    return number


@operator("$ceil", result="number")
def ceil(number: Value) -> Value:
    return _whole(number, "$ceil", decimal.ROUND_CEILING)


@operator("$floor", result="number")
def floor(number: Value) -> Value:
    return _whole(number, "$floor", decimal.ROUND_FLOOR)


def _placed(number: Value, place: Value, name: str, rounding: str) -> Value:
    kind = _numeric(number, name, 51081)
    if not kind or nullish(place):
        return None
    digits = integer(place, f"precision argument to {name}", 51082)
    if not -20 <= digits <= 100:
        raise MQLError(
            f"cannot apply {name} with precision value {digits} value must be in [-20, 100]", 51083
        )
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
    quantum = decimal.Decimal(1).scaleb(-digits)
    try:
        return value.quantize(quantum, rounding, decimal.Context(prec=34, Emax=6144, Emin=-6143))
    except decimal.InvalidOperation:
        return value  # more digits asked for than there can be


@operator("$round", result="number")
def round_(number: Value, place: Value = 0) -> Value:
    return _placed(number, place, "$round", decimal.ROUND_HALF_EVEN)


@operator("$trunc", result="number")
def trunc(number: Value, place: Value = 0) -> Value:
    return _placed(number, place, "$trunc", decimal.ROUND_DOWN)


@operator("$sqrt", result="number")
def sqrt(number: Value) -> Value:
    kind = _numeric(number, "$sqrt")
    if not kind:
        return None
    if (to_decimal(number) if kind == DECIMAL else to_float(number)) < 0:
        raise MQLError("$sqrt's argument must be greater than or equal to 0", 28714)
    return from_decimal(CONTEXT.sqrt(to_decimal(number))) if kind == DECIMAL else math.sqrt(to_float(number))


@operator("$exp", result="number")
def exp(exponent: Value) -> Value:
    kind = _numeric(exponent, "$exp")
    if not kind:
        return None
    if kind == DECIMAL:
        return from_decimal(CONTEXT.exp(to_decimal(exponent)))
    try:
        return math.exp(to_float(exponent))
    except OverflowError:
        return math.inf


def _logarithm(number: Value, name: str, code: int) -> int:
    kind = _numeric(number, name)
    if kind and (to_decimal(number) if kind == DECIMAL else to_float(number)) <= 0:
        raise MQLError(f"{name}'s argument must be a positive number, but is {number}", code)
    return kind


@operator("$ln", result="number")
def ln(number: Value) -> Value:
    kind = _logarithm(number, "$ln", 28766)
    if not kind:
        return None
    return from_decimal(CONTEXT.ln(to_decimal(number))) if kind == DECIMAL else math.log(to_float(number))


@operator("$log10", result="number")
def log10(number: Value) -> Value:
    kind = _logarithm(number, "$log10", 28761)
    if not kind:
        return None
    return (
        from_decimal(CONTEXT.log10(to_decimal(number))) if kind == DECIMAL else math.log10(to_float(number))
    )


@operator("$log", result="number")
def log(number: Value, base: Value) -> Value:
    if nullish(number) or nullish(base):
        return None
    kind = max(_numeric(number, "$log's argument", 28756), _numeric(base, "$log's base", 28757))
    if to_float(number) <= 0:
        raise MQLError(f"$log's argument must be a positive number, but is {number}", 28758)
    if to_float(base) <= 0 or to_float(base) == 1:
        raise MQLError(f"$log's base must be a positive number not equal to 1, but is {base}", 28759)
    if kind == DECIMAL:
        return from_decimal(CONTEXT.divide(CONTEXT.ln(to_decimal(number)), CONTEXT.ln(to_decimal(base))))
    return math.log(to_float(number)) / math.log(to_float(base))


def _float_power(base: float, exponent: float) -> float:
    try:
        return math.pow(base, exponent)
    except OverflowError:
        odd = exponent.is_integer() and exponent % 2 == 1
        return -math.inf if base < 0 and odd else math.inf
    except ValueError:
        return math.nan


@operator("$pow", result="number")
def pow_(number: Value, exponent: Value) -> Value:
    if nullish(number) or nullish(exponent):
        return None
    kind = max(_numeric(number, "$pow's base", 28762), _numeric(exponent, "$pow's exponent", 28763))
    if to_float(number) == 0 and to_float(exponent) < 0:
        raise MQLError("$pow cannot take a base of 0 and a negative exponent", 28764)
    if kind == DECIMAL:
        return from_decimal(CONTEXT.power(to_decimal(number), to_decimal(exponent)))
    if kind == DOUBLE:
        return _float_power(to_float(number), to_float(exponent))
    base, power = int(number), int(exponent)
    if power < 0:
        return _int_or_float(base, power, kind)
    if abs(base) > 1 and power > 63:
        return _float_power(float(base), float(power))
    result = base**power
    return from_int(result, kind) if INT64_MIN <= result <= INT64_MAX else float(result)


def _int_or_float(base: int, power: int, kind: int) -> Value:
    """A negative power of an integer: an integer for 1 and -1, else a double."""
    if abs(base) == 1:
        return from_int(base ** (-power % 2 + 2) if base < 0 else 1, kind)
    return _float_power(float(base), float(power))


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


def _quick(code: Code, values: tuple[Val, ...], text: str, function: object) -> Val | None:
    condition = lanes.all_of(*[lanes.small(value) for value in values])
    if condition is None:
        return None
    slow = code.call(function, *values)  # type: ignore[arg-type]
    return Val(lanes.guarded(condition, text, slow), missing=False)
