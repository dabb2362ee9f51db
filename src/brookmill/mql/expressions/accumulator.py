"""Accumulators as expressions: over the items of an array, or over the operands."""

from __future__ import annotations

from dataclasses import dataclass

from brookmill.mql.code import Code, Val
from brookmill.mql.compare import order_keys
from brookmill.mql.expression import EXPRESSIONS, Env, Expression, Parser, operator
from brookmill.mql.numbers import CONTEXT, DECIMAL, Total, from_decimal, is_number, to_float, total
from brookmill.mql.statistics import deviation, parse_shares, percentiles
from brookmill.mql.values import Value, nullish


def _values(operands: tuple[Value, ...]) -> tuple[Value, ...] | list[Value]:
    """The items of the only operand if it is an array, else the operands."""
    return operands[0] if len(operands) == 1 and isinstance(operands[0], list) else operands


@operator("$sum", result="number")
def sum_(*values: Value) -> Value:
    return total(_values(values))


@operator("$avg", result="number")
def avg(*values: Value) -> Value:
    running = Total()
    count = sum(running.add(value) for value in _values(values))
    if not count:
        return None
    if running.kind == DECIMAL:
        return from_decimal(CONTEXT.divide(running.decimal(), count))
    return running.double() / count


def _extreme(values: tuple[Value, ...], sense: int) -> Value:
    items = [value for value in _values(values) if not nullish(value)]
    if not items:
        return None
    keys = list(order_keys(items, "a comparison"))
    best = max(keys) if sense > 0 else min(keys)
    return items[keys.index(best)]


@operator("$max")
def max_(*values: Value) -> Value:
    return _extreme(values, 1)


@operator("$min")
def min_(*values: Value) -> Value:
    return _extreme(values, -1)


@operator("$stdDevPop", result="double")
def std_dev_pop(*values: Value) -> Value:
    return deviation(_values(values), sample=False)


@operator("$stdDevSamp", result="double")
def std_dev_samp(*values: Value) -> Value:
    return deviation(_values(values), sample=True)


@EXPRESSIONS("$median", "$percentile")
@dataclass(frozen=True, slots=True)
class Percentile:
    """``{input, p, method}``; ``$median`` is the one in the middle."""

    array: Expression
    shares: tuple[float, ...]
    median: bool

    @classmethod
    def parse(cls, operand: Value, parser: Parser) -> Expression:
        name = str(parser.path[-1])
        spec, shares = parse_shares(operand, parser, name)
        return cls(parser.at("input").expression(spec), shares, name == "$median")

    def of(self, value: Value) -> Value:
        items = value if isinstance(value, list) else [value]
        found = percentiles([to_float(item) for item in items if is_number(item)], self.shares)
        return found[0] if self.median else found

    def evaluate(self, env: Env) -> Value:
        return self.of(self.array.evaluate(env))

    def emit(self, code: Code) -> Val:
        kind = "double" if self.median else "array"
        return code.local(Val(code.call(self.of, self.array.emit(code)), kind, missing=False))
