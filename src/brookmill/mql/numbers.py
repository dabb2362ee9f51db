"""Numbers of the four BSON types: widening, overflow and the arithmetic that every chapter shares."""

from __future__ import annotations

import decimal
import math
from collections.abc import Callable, Iterable
from typing import Any, Final

from bson import Decimal128, Int64
from bson.decimal128 import create_decimal128_context

from brookmill.mql.errors import MQLError
from brookmill.mql.values import INT32_MAX, INT32_MIN, INT64_MAX, INT64_MIN, Value, nullish, type_name

#: The numeric types from narrow to wide; two operands meet in the wider one.
INT, LONG, DOUBLE, DECIMAL = 1, 2, 3, 4
_WIDTHS = {"int": INT, "long": LONG, "double": DOUBLE, "decimal": DECIMAL}

#: IEEE 754-2008 decimal128: 34 digits, half even, no traps.
CONTEXT: Final = create_decimal128_context()


def width(value: Value) -> int:
    """INT, LONG, DOUBLE or DECIMAL; 0 for what is no number (a bool is none)."""
    kind = type(value)
    if kind is int:
        if INT32_MIN <= value <= INT32_MAX:
            return INT
        return LONG if INT64_MIN <= value <= INT64_MAX else DOUBLE
    if kind is float:
        return DOUBLE
    return _WIDTHS.get(type_name(value), 0)


def is_number(value: Value) -> bool:
    return width(value) != 0


def to_float(value: Value) -> float:
    """A number as double, rounded to nearest; beyond the range an infinity."""
    if isinstance(value, Decimal128):
        return float(value.to_decimal())
    try:
        return float(value)
    except OverflowError:  # an integer of hundreds of digits
        return math.inf if value > 0 else -math.inf


def to_decimal(value: Value) -> decimal.Decimal:
    """A number as decimal. A double is read with exactly 15 significant digits, as MongoDB reads it."""
    if isinstance(value, Decimal128):
        return value.to_decimal()
    if isinstance(value, float):
        if value and math.isfinite(value):
            return CONTEXT.create_decimal(format(value, ".14e"))
        return decimal.Decimal(value)
    return CONTEXT.create_decimal(int(value))


def from_decimal(value: decimal.Decimal) -> Decimal128:
    """Rounded to 34 digits where there are more; the sign of zero is kept."""
    return Decimal128(CONTEXT.create_decimal(value) if value.is_finite() else value)


def from_int(value: int, kind: int) -> Value:
    """An integer result of operands whose wider type was ``kind``: int grows to long, long to double."""
    if kind == INT and INT32_MIN <= value <= INT32_MAX:
        return value
    if INT64_MIN <= value <= INT64_MAX:
        return Int64(value)
    return float(value)


def whole(value: Value) -> int | None:
    """The ``int`` that a number of any type equals; None for what is no number or none of 64 bits."""
    kind = width(value)
    if kind in (INT, LONG):
        return int(value)
    if not kind:
        return None
    number = value.to_decimal() if kind == DECIMAL else decimal.Decimal(float(value))
    if number.is_nan() or not INT64_MIN <= number <= INT64_MAX:
        return None
    return int(number) if number == int(number) else None


def integer(value: Value, what: str, code: int = 2) -> int:
    """A whole number of any numeric type as ``int``. Raises MQLError naming ``what``."""
    number = whole(value)
    if number is None:
        raise MQLError(f"{what} must be representable as an integer, found {describe(value)}", code)
    return number


def numeric(value: Value, name: str, code: int = 28765) -> int:
    """The width of a number; 0 for null and missing. Raises MQLError for anything else."""
    kind = width(value)
    if not kind and not nullish(value):
        raise MQLError(f"{name} only supports numeric types, not {describe(value)}", code)
    return kind


def describe(value: Value) -> str:
    """The value's type, for error texts."""
    return type_name(value)


def binary(
    left: Value,
    right: Value,
    kind: int,
    *,
    on_ints: Callable[[int, int], int],
    on_floats: Callable[[float, float], float],
    on_decimals: Callable[[decimal.Decimal, decimal.Decimal], decimal.Decimal],
) -> Value:
    """Apply the function that fits ``kind``, the wider of both operands' types."""
    if kind == DECIMAL:
        return from_decimal(on_decimals(to_decimal(left), to_decimal(right)))
    if kind == DOUBLE:
        return on_floats(to_float(left), to_float(right))
    return from_int(on_ints(int(left), int(right)), kind)


class Total:
    """A running sum as MongoDB keeps it: integers exact, doubles compensated, decimals apart."""

    __slots__ = ("_compensation", "_decimal", "_sum", "ints", "kind")

    def __init__(self) -> None:
        self.ints = 0
        self.kind = INT
        self._sum = 0.0
        self._compensation = 0.0
        self._decimal = decimal.Decimal(0)

    def add(self, value: Value) -> bool:
        """Add a number; False and no change for what is none."""
        kind = width(value)
        if not kind:
            return False
        self.kind = max(self.kind, kind)
        if kind == DECIMAL:
            self._decimal = CONTEXT.add(self._decimal, to_decimal(value))
        elif kind == DOUBLE:
            self._add_double(float(value))
        else:
            self.ints += int(value)
        return True

    def _add_double(self, value: float) -> None:
        total = self._sum + value
        if math.isfinite(total):
            # Knuth's two-sum: what the addition lost is kept beside it.
            shadow = total - self._sum
            self._compensation += (self._sum - (total - shadow)) + (value - shadow)
        self._sum = total

    def merge(self, other: Total) -> None:
        self.kind = max(self.kind, other.kind)
        self.ints += other.ints
        self._decimal = CONTEXT.add(self._decimal, other._decimal)
        self._add_double(other._sum)
        self._compensation += other._compensation

    def double(self) -> float:
        """The sum without its decimals, as one double."""
        if not math.isfinite(self._sum):
            return self._sum
        if not self.ints:
            return self._sum + self._compensation
        whole = Total()
        whole._sum, whole._compensation = self._sum, self._compensation
        high = float(self.ints)
        whole._add_double(high)
        if math.isfinite(high):
            whole._add_double(float(self.ints - int(high)))
        return whole._sum + whole._compensation

    def decimal(self) -> decimal.Decimal:
        """The whole sum as one decimal."""
        total = self._decimal
        if self._sum or self._compensation or not math.isfinite(self._sum):
            total = CONTEXT.add(total, decimal.Decimal(self._sum))
            total = CONTEXT.add(total, decimal.Decimal(self._compensation))
        return CONTEXT.add(total, decimal.Decimal(self.ints))

    def result(self) -> Value:
        """The sum in the widest type that was added; int grows to long, long to double."""
        if self.kind == DECIMAL:
            return from_decimal(self.decimal())
        if self.kind == DOUBLE:
            return self.double()
        return from_int(self.ints, self.kind)

    def snapshot(self) -> list[Value]:
        exact = from_decimal(self._decimal)
        return [self.kind, str(self.ints), self._sum, self._compensation, exact]

    def restore(self, snapshot: list[Any]) -> None:
        self.kind, ints, self._sum, self._compensation, exact = snapshot
        self.ints, self._decimal = int(ints), exact.to_decimal()


def total(values: Iterable[Value]) -> Value:
    """The sum of numbers; what is no number is passed over."""
    running = Total()
    for value in values:
        running.add(value)
    return running.result()
