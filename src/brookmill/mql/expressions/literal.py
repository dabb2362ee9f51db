"""Literal values and the identity ``$expr``."""

from __future__ import annotations

from brookmill.mql.expression import EXPRESSIONS, MAX_DEPTH, Constant, Expression, Form, Parser
from brookmill.mql.values import Value, deeper_than


@EXPRESSIONS("$literal")
class Literal(Form):
    """Its operand as it stands, not parsed."""

    @classmethod
    def parse(cls, operand: Value, parser: Parser) -> Expression:
        if deeper_than(operand, MAX_DEPTH):
            raise parser.wrong("the expression is nested too deeply", 15)
        return Constant(operand)


@EXPRESSIONS("$expr")
class Identity(Form):
    """Its operand; stream processors accept ``$expr`` where any expression may stand."""

    @classmethod
    def parse(cls, operand: Value, parser: Parser) -> Expression:
        return parser.expression(operand)
