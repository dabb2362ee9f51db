"""Boolean expression operators."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from brookmill.mql.code import FALSE, TRUE, Code, Val
from brookmill.mql.expression import EXPRESSIONS, Env, Expression, Parser, inline, operator
from brookmill.mql.values import Value, truthy


def truth(code: Code, value: Val) -> str:
    """A condition that holds when ``value`` counts as true."""
    if value.known:
        return "True" if truthy(value.constant) else "False"
    if value.type == "bool" and not value.null and not value.missing:
        return value.text
    return code.call(truthy, value)


@operator("$not", result="bool")
def not_(value: Value) -> bool:
    return not truthy(value)


@inline("$not")
def not_quickly(code: Code, value: Val) -> Val:
    return Val(f"(not {truth(code, value)})", "bool", null=False, missing=False)


@dataclass(frozen=True, slots=True)
class Conjunction:
    """``$and`` and ``$or``: operands are evaluated in order, until one decides."""

    operands: tuple[Expression, ...]

    #: The result of an operand that decides.
    decides: ClassVar[bool]

    def evaluate(self, env: Env) -> Value:
        return any(truthy(o.evaluate(env)) is self.decides for o in self.operands) is self.decides

    def emit(self, code: Code) -> Val:
        if code.deep:
            return code.local(code.evaluate(self))
        if not self.operands:
            return FALSE if self.decides else TRUE
        found = code.fresh("b")
        self._emit(code, found, self.operands)
        return Val(found, "bool", null=False, missing=False)

    def _emit(self, code: Code, found: str, operands: tuple[Expression, ...]) -> None:
        condition = truth(code, operands[0].emit(code))
        code.line(f"{found} = {condition}")
        if len(operands) > 1:
            with code.block(f"if {'not ' if self.decides else ''}{found}:"):
                if code.deep:
                    rest = type(self)(operands[1:])
                    code.line(f"{found} = {code.evaluate(rest).text}")
                else:
                    self._emit(code, found, operands[1:])


def _operands(operand: Value, parser: Parser) -> tuple[Expression, ...]:
    items = operand if type(operand) is list else [operand]
    return tuple(parser.at(i).expression(item) for i, item in enumerate(items))


@EXPRESSIONS("$and")
@dataclass(frozen=True, slots=True)
class And(Conjunction):
    """False at the first operand that is not true; true without operands."""

    decides = False

    @classmethod
    def parse(cls, operand: Value, parser: Parser) -> Expression:
        return cls(_operands(operand, parser))


@EXPRESSIONS("$or")
@dataclass(frozen=True, slots=True)
class Or(Conjunction):
    """True at the first operand that is; false without operands."""

    decides = True

    @classmethod
    def parse(cls, operand: Value, parser: Parser) -> Expression:
        return cls(_operands(operand, parser))
