"""Conditional expression operators: only what is needed is evaluated."""

from __future__ import annotations

from dataclasses import dataclass

from brookmill.mql.code import Code, Val
from brookmill.mql.errors import MQLError
from brookmill.mql.expression import EXPRESSIONS, Codes, Env, Expression, Parser
from brookmill.mql.expressions.boolean import truth
from brookmill.mql.values import Value, nullish, truthy


def branch(code: Code, expression: Expression, found: str) -> Val:
    """Write code that computes ``expression`` into the local ``found``, inside the block that is open."""
    value = code.evaluate(expression) if code.deep else expression.emit(code)
    code.line(f"{found} = {value.text}")
    return value


def _joined(found: str, *values: Val) -> Val:
    """What is known of a local that holds one of ``values``."""
    types = {value.type for value in values}
    return Val(
        found,
        types.pop() if len(types) == 1 else None,
        null=any(value.null for value in values),
        missing=any(value.missing for value in values),
    )


_COND = Codes(unknown=17083, missing={"if": 17080, "then": 17081, "else": 17082})
_SWITCH = Codes(shape=40060, unknown=40067, missing=40068)
_BRANCH = Codes(shape=40062, unknown=40063, missing={"case": 40064, "then": 40065})


@EXPRESSIONS("$cond")
@dataclass(frozen=True, slots=True)
class Cond:
    """``[if, then, else]`` or ``{if, then, else}``."""

    condition: Expression
    then: Expression
    otherwise: Expression

    @classmethod
    def parse(cls, operand: Value, parser: Parser) -> Expression:
        names = ("if", "then", "else")
        if type(operand) is not dict:
            items = operand if type(operand) is list else [operand]
            if len(items) != 3:
                text = f"Expression $cond takes exactly 3 arguments. {len(items)} were passed in."
                raise parser.wrong(text, 16020)
            return cls(*(parser.at(i).expression(item) for i, item in enumerate(items)))
        spec = parser.members(operand, "$cond", names, codes=_COND)
        return cls(*(parser.at(name).expression(spec[name]) for name in names))

    def evaluate(self, env: Env) -> Value:
        chosen = self.then if truthy(self.condition.evaluate(env)) else self.otherwise
        return chosen.evaluate(env)

    def emit(self, code: Code) -> Val:
        if code.deep:
            return code.local(code.evaluate(self))
        condition = truth(code, self.condition.emit(code))
        found = code.fresh()
        with code.block(f"if {condition}:"):
            one = branch(code, self.then, found)
        with code.block("else:"):
            other = branch(code, self.otherwise, found)
        return _joined(found, one, other)


@EXPRESSIONS("$ifNull")
@dataclass(frozen=True, slots=True)
class IfNull:
    """The first operand that is neither null nor missing, else the last one."""

    operands: tuple[Expression, ...]

    @classmethod
    def parse(cls, operand: Value, parser: Parser) -> Expression:
        if type(operand) is not list or len(operand) < 2:
            count = len(operand) if type(operand) is list else 1
            raise parser.wrong(f"$ifNull needs at least two arguments, had: {count}", 1257300)
        return cls(tuple(parser.at(i).expression(item) for i, item in enumerate(operand)))

    def evaluate(self, env: Env) -> Value:
        value: Value = None
        for operand in self.operands:
            value = operand.evaluate(env)
            if not nullish(value):
                return value
        return value

    def emit(self, code: Code) -> Val:
        first, rest = self.operands[0], self.operands[1:]
        if code.deep:
            return code.local(code.evaluate(self))
        value = code.local(first.emit(code))
        if not value.null and not value.missing:
            return value
        found = code.fresh()
        code.line(f"{found} = {value.text}")
        with code.block(f"if {found} is None or {found} is MISSING or {found} is UNDEFINED:"):
            other = branch(code, rest[0] if len(rest) == 1 else IfNull(rest), found)
        kind = value.type if value.type == other.type else None
        return Val(found, kind, null=other.null, missing=other.missing)


@EXPRESSIONS("$switch")
@dataclass(frozen=True, slots=True)
class Switch:
    """The value of the first branch whose case is true, else the default."""

    branches: tuple[tuple[Expression, Expression], ...]
    default: Expression | None

    @classmethod
    def parse(cls, operand: Value, parser: Parser) -> Expression:
        spec = parser.members(operand, "$switch", ("branches",), ("default",), _SWITCH)
        if type(spec["branches"]) is not list:
            raise parser.at("branches").wrong("$switch expected an array for 'branches'", 40061)
        if not spec["branches"]:
            raise parser.at("branches").wrong("$switch requires at least one branch", 40068)
        branches = []
        for i, item in enumerate(spec["branches"]):
            at = parser.at("branches", i)
            at.members(item, "$switch branch", ("case", "then"), codes=_BRANCH)
            branches.append((at.at("case").expression(item["case"]), at.at("then").expression(item["then"])))
        default = parser.at("default").expression(spec["default"]) if "default" in spec else None
        return cls(tuple(branches), default)

    def evaluate(self, env: Env) -> Value:
        for case, then in self.branches:
            if truthy(case.evaluate(env)):
                return then.evaluate(env)
        return _no_branch() if self.default is None else self.default.evaluate(env)

    def emit(self, code: Code) -> Val:
        if code.deep:
            return code.local(code.evaluate(self))
        found = code.fresh()
        case, then = self.branches[0]
        condition = truth(code, case.emit(code))
        with code.block(f"if {condition}:"):
            one = branch(code, then, found)
        with code.block("else:"):
            other = self._emit_rest(code, found)
        return _joined(found, one, other)

    def _emit_rest(self, code: Code, found: str) -> Val:
        if len(self.branches) > 1:
            return branch(code, Switch(self.branches[1:], self.default), found)
        if self.default is None:
            code.line(f"{found} = {code.call(_no_branch)}")
            return Val(found)
        return branch(code, self.default, found)


def _no_branch() -> Value:
    raise MQLError(
        "$switch could not find a matching branch for an input, and no default was specified", 40066
    )
