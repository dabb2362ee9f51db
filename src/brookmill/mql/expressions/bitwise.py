"""Bitwise expression operators."""

from __future__ import annotations

import operator as python
from collections.abc import Callable

from brookmill.mql.errors import MQLError
from brookmill.mql.expression import operator
from brookmill.mql.numbers import INT, LONG, describe, from_int, width
from brookmill.mql.values import Value, nullish


def _combined(name: str, values: tuple[Value, ...], start: int, combine: Callable[[int, int], int]) -> Value:
    bits, kind = start, INT
    for value in values:
        wide = width(value)
        if wide not in (INT, LONG):
            if nullish(value):
                return None
            raise MQLError(f"{name} only supports int and long operands, not {describe(value)}", 14)
        kind = max(kind, wide)
        bits = combine(bits, int(value))
    return from_int(bits, kind)


@operator("$bitAnd", result="number")
def bit_and(*values: Value) -> Value:
    return _combined("$bitAnd", values, -1, python.and_)


@operator("$bitOr", result="number")
def bit_or(*values: Value) -> Value:
    return _combined("$bitOr", values, 0, python.or_)


@operator("$bitXor", result="number")
def bit_xor(*values: Value) -> Value:
    return _combined("$bitXor", values, 0, python.xor)


@operator("$bitNot", result="number")
def bit_not(value: Value) -> Value:
    kind = width(value)
    if kind in (INT, LONG):
        return from_int(~int(value), kind)
    if nullish(value):
        return None
    raise MQLError(f"$bitNot only supports int and long operands, not {describe(value)}", 28765)
