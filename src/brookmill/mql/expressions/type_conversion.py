"""Type conversion expression operators."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from brookmill.mql import convert
from brookmill.mql.code import Code, Val
from brookmill.mql.errors import MQLError
from brookmill.mql.expression import EXPRESSIONS, Constant, Env, Expression, Parser, inline, operator
from brookmill.mql.expressions.date import parsed_quickly
from brookmill.mql.numbers import is_number, to_float, width
from brookmill.mql.values import TYPE_NUMBERS, Value, nullish, type_name


def _conversion(name: str, to: str) -> Callable[[Value], Value]:
    """Register ``$to…``: ``$convert`` without ``onError`` and ``onNull``."""
    convert_one = convert.TARGETS[to]

    def converted(value: Value) -> Value:
        return None if nullish(value) else convert_one(value)

    converted.__name__ = name[1:]
    return operator(name, result=to)(converted)


_conversion("$toInt", "int")
_conversion("$toLong", "long")
_conversion("$toDouble", "double")
_conversion("$toDecimal", "decimal")
_conversion("$toBool", "bool")
_conversion("$toString", "string")
_conversion("$toObjectId", "objectId")
to_date = _conversion("$toDate", "date")


@inline("$toDate")
def to_date_quickly(code: Code, value: Val) -> Val:
    return parsed_quickly(code, value, code.call(to_date, value))


@operator("$type", result="string")
def type_(value: Value) -> str:
    return type_name(value)


@operator("$isNumber", result="bool")
def is_number_(value: Value) -> bool:
    return is_number(value)


@EXPRESSIONS("$convert")
@dataclass(frozen=True, slots=True)
class Convert:
    """``{input, to, onError, onNull}``."""

    value: Expression
    to: Expression
    on_error: Expression | None
    on_null: Expression

    @classmethod
    def parse(cls, operand: Value, parser: Parser) -> Expression:
        spec = parser.members(operand, "$convert", ("input", "to"), ("onError", "onNull"))
        parsed = {name: parser.at(name).expression(value) for name, value in spec.items()}
        return cls(parsed["input"], parsed["to"], parsed.get("onError"), parsed.get("onNull", Constant(None)))

    def evaluate(self, env: Env) -> Value:
        value, to = self.value.evaluate(env), self.to.evaluate(env)
        if nullish(value):
            return self.on_null.evaluate(env)
        if nullish(to):
            return None
        convert_one = _target(to)
        try:
            return convert_one(value)
        except MQLError as e:
            if self.on_error is None or e.code != 241:
                raise
            return self.on_error.evaluate(env)

    def emit(self, code: Code) -> Val:
        return code.local(code.evaluate(self))


def _target(to: Value) -> Callable[[Value], Value]:
    name = to
    if width(to):
        name = TYPE_NUMBERS.get(int(to)) if to_float(to).is_integer() else None
    if not isinstance(name, str) or name not in TYPE_NUMBERS.values():
        raise MQLError(f"Unknown type name: {to}", 2)
    if name not in convert.TARGETS:

        def refuse(value: Value) -> Value:
            raise MQLError(f"Unsupported conversion from {type_name(value)} to {name} in $convert", 241)

        return refuse
    return convert.TARGETS[name]
