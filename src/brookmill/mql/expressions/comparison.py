"""Comparison expression operators."""

from __future__ import annotations

from collections.abc import Callable

from brookmill.mql import lanes
from brookmill.mql.code import Code, Val
from brookmill.mql.compare import compare, equal
from brookmill.mql.expression import inline, operator
from brookmill.mql.values import Value


@operator("$cmp", result="int")
def cmp(left: Value, right: Value) -> int:
    return compare(left, right)


@operator("$eq", result="bool")
def eq(left: Value, right: Value) -> bool:
    return equal(left, right)


@operator("$ne", result="bool")
def ne(left: Value, right: Value) -> bool:
    return not equal(left, right)


@operator("$gt", result="bool")
def gt(left: Value, right: Value) -> bool:
    return compare(left, right) > 0


@operator("$gte", result="bool")
def gte(left: Value, right: Value) -> bool:
    return compare(left, right) >= 0


@operator("$lt", result="bool")
def lt(left: Value, right: Value) -> bool:
    return compare(left, right) < 0


@operator("$lte", result="bool")
def lte(left: Value, right: Value) -> bool:
    return compare(left, right) <= 0


def _quick(sign: str, function: Callable[[Value, Value], bool]) -> Callable[[Code, Val, Val], Val | None]:
    def compared(code: Code, left: Val, right: Val) -> Val | None:
        condition = lanes.ordered(left, right)
        if condition is None:
            return None
        text = lanes.guarded(condition, f"{left.text} {sign} {right.text}", code.call(function, left, right))
        return Val(text, "bool", null=False, missing=False)

    return compared


for _name, _sign, _function in (
    ("$eq", "==", eq),
    ("$ne", "!=", ne),
    ("$gt", ">", gt),
    ("$gte", ">=", gte),
    ("$lt", "<", lt),
    ("$lte", "<=", lte),
):
    inline(_name)(_quick(_sign, _function))
