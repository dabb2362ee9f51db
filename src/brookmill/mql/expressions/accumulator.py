"""Accumulators as expressions, over their operands or over the items of their only operand."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from brookmill.mql.accumulators.arithmetic import Avg, Sum
from brookmill.mql.accumulators.deviation import StdDevPop, StdDevSamp
from brookmill.mql.accumulators.extreme import Max, Min
from brookmill.mql.accumulators.percentile import approximate, shares
from brookmill.mql.code import Code, Val
from brookmill.mql.digest import Digest
from brookmill.mql.expression import EXPRESSIONS, Env, Expression, Form, Parser, operator
from brookmill.mql.numbers import is_number, to_float
from brookmill.mql.values import Value


def items_of(values: tuple[Value, ...]) -> Iterable[Value]:
    """The items of the only operand, if it is an array, else the operands."""
    return values[0] if len(values) == 1 and isinstance(values[0], list) else values


def _register(name: str, kind: Any, result: str | None) -> None:
    def accumulated(*values: Value) -> Value:
        memory = kind()
        for value in items_of(values):
            memory.add(value)
        return memory.result()

    accumulated.__name__ = name[1:]
    operator(name, result=result)(accumulated)


_register("$sum", Sum, "number")
_register("$avg", Avg, "number")
_register("$max", Max, None)
_register("$min", Min, None)
_register("$stdDevPop", StdDevPop, "double")
_register("$stdDevSamp", StdDevSamp, "double")


@dataclass(frozen=True, slots=True)
class Shares:
    """``$percentile`` and ``$median`` of an array, or of one number."""

    input: Expression
    shares: tuple[float, ...]
    taken: Callable[[list[float | None]], Value]

    def percentiles(self, value: Value) -> Value:
        digest = Digest()
        for item in value if isinstance(value, list) else (value,):
            if is_number(item):
                digest.add(to_float(item))
        return self.taken(digest.percentiles(self.shares))

    def evaluate(self, env: Env) -> Value:
        return self.percentiles(self.input.evaluate(env))

    def emit(self, code: Code) -> Val:
        return code.local(Val(code.call(self.percentiles, self.input.emit(code)), missing=False))


@EXPRESSIONS("$percentile")
class Percentile(Form):
    """``{input, p, method}``."""

    @classmethod
    def parse(cls, operand: Value, parser: Parser) -> Expression:
        spec = parser.members(operand, "$percentile", ("input", "p", "method"))
        approximate(spec, parser)
        found = shares(spec["p"], parser.at("p"))
        return Shares(parser.at("input").expression(spec["input"]), found, list)


@EXPRESSIONS("$median")
class Median(Form):
    """``{input, method}``."""

    @classmethod
    def parse(cls, operand: Value, parser: Parser) -> Expression:
        spec = parser.members(operand, "$median", ("input", "method"))
        approximate(spec, parser)
        return Shares(parser.at("input").expression(spec["input"]), (0.5,), lambda found: found[0])
