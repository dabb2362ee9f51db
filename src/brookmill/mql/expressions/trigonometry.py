"""Trigonometry expression operators: doubles in, doubles out; decimals stay decimals."""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Decimal
from typing import Final

from brookmill.mql import decimal_trigonometry as exact
from brookmill.mql.errors import MQLError
from brookmill.mql.expression import operator
from brookmill.mql.numbers import DECIMAL, from_decimal, numeric, to_decimal, to_float
from brookmill.mql.values import Value, nullish

_ENDLESS: Final = math.inf


def _function(
    name: str,
    of_double: Callable[[float], float],
    of_decimal: Callable[[Decimal], Decimal],
    *,
    least: float = -_ENDLESS,
    most: float = _ENDLESS,
    endless: Callable[[float], float] | None = None,
) -> None:
    """Register a function of one number from ``least`` to ``most``. ``endless``: its value at the
    infinities, where it has one.
    """

    def function(number: Value) -> Value:
        kind = numeric(number, name)
        if not kind:
            return None
        if kind == DECIMAL:
            return _decimal(number.to_decimal())
        value = to_float(number)
        if value != value:  # noqa: PLR0124 - NaN
            return value
        _check(value)
        return _double(value) if math.isfinite(value) or endless is None else endless(value)

    def _check(value: float | Decimal) -> None:
        if not least <= value <= most or (endless is None and abs(value) == _ENDLESS):
            raise MQLError(f"cannot apply {name} to {value}, value must be in [{least}, {most}]", 50989)

    def _double(value: float) -> float:
        try:
            return of_double(value)
        except OverflowError:
            return math.copysign(math.inf, of_double(math.copysign(1, value)))
        except ValueError:  # the ends of $atanh
            return math.copysign(math.inf, value)

    def _decimal(value: Decimal) -> Value:
        if value.is_nan():
            return from_decimal(value)
        _check(value)
        if value.is_infinite() and endless is not None:
            return from_decimal(_limit(endless, value))
        return from_decimal(of_decimal(value))

    function.__name__ = name[1:]
    operator(name, result="number")(function)


def _limit(endless: Callable[[float], float], value: Decimal) -> Decimal:
    limit = endless(float(value))
    if abs(limit) == math.pi / 2:
        return exact.atan(value)
    return Decimal(limit)


def _same(value: float) -> float:
    return value


_function("$sin", math.sin, exact.sin)
_function("$cos", math.cos, exact.cos)
_function("$tan", math.tan, exact.tan)
_function("$asin", math.asin, exact.asin, least=-1, most=1)
_function("$acos", math.acos, exact.acos, least=-1, most=1)
_function("$atan", math.atan, exact.atan, endless=math.atan)
_function("$sinh", math.sinh, exact.sinh, endless=_same)
_function("$cosh", math.cosh, exact.cosh, endless=abs)
_function("$tanh", math.tanh, exact.tanh, endless=math.tanh)
_function("$asinh", math.asinh, exact.asinh, endless=_same)
_function("$acosh", math.acosh, exact.acosh, least=1, endless=_same)
_function("$atanh", math.atanh, exact.atanh, least=-1, most=1)
_function("$degreesToRadians", lambda x: x * (math.pi / 180), exact.radians, endless=_same)
_function("$radiansToDegrees", lambda x: x * (180 / math.pi), exact.degrees, endless=_same)


@operator("$atan2", result="number")
def atan2(y: Value, x: Value) -> Value:
    if nullish(y) or nullish(x):
        return None
    kind = max(numeric(y, "$atan2", 51044), numeric(x, "$atan2", 51045))
    if kind != DECIMAL:
        return math.atan2(to_float(y), to_float(x))
    numbers = to_decimal(y), to_decimal(x)
    for number in numbers:
        if number.is_nan():
            return from_decimal(number)
    return from_decimal(exact.atan2(*numbers))
