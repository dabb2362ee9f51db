"""Variables: ``$let``."""

from __future__ import annotations

from dataclasses import dataclass

from brookmill.mql.code import Code, Val
from brookmill.mql.expression import EXPRESSIONS, Codes, Env, Expression, Parser
from brookmill.mql.values import Value

_CODES = Codes(shape=16874, unknown=16875, missing={"vars": 16876, "in": 16877})


@EXPRESSIONS("$let")
@dataclass(frozen=True, slots=True)
class Let:
    """``{vars, in}``: the variables do not see each other."""

    variables: tuple[tuple[str, Expression], ...]
    inner: Expression

    @classmethod
    def parse(cls, operand: Value, parser: Parser) -> Expression:
        spec = parser.members(operand, "$let", ("vars", "in"), (), _CODES)
        if type(spec["vars"]) is not dict:
            raise parser.at("vars").wrong("invalid parameter: expected an object (vars)", 10065)
        at = parser.at("vars")
        variables = tuple((name, at.at(name).expression(value)) for name, value in spec["vars"].items())
        seeing = parser.seeing(*spec["vars"])
        return cls(variables, seeing.at("in").expression(spec["in"]))

    def evaluate(self, env: Env) -> Value:
        return self.inner.evaluate({**env, **{name: value.evaluate(env) for name, value in self.variables}})

    def emit(self, code: Code) -> Val:
        values = {name: code.local(value.emit(code)) for name, value in self.variables}
        with code.scope(values):
            return self.inner.emit(code)
