"""Literal values and the identity ``$expr``."""

from __future__ import annotations

from brookmill.mql.expression import EXPRESSIONS, Constant, Expression, Form, Parser
from brookmill.mql.values import Value


@EXPRESSIONS("$literal")
class Literal(Form):
    """Its operand as it stands, not parsed."""

    @classmethod
    def parse(cls, operand: Value, parser: Parser) -> Expression:  # noqa: ARG003
        return Constant(operand)


@EXPRESSIONS("$expr")
class Identity(Form):
    """Its operand; stream processors accept ``$expr`` where any expression may stand."""

    @classmethod
    def parse(cls, operand: Value, parser: Parser) -> Expression:
        return parser.expression(operand)
