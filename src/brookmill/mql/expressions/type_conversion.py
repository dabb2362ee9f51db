"""Type conversion expression operators."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bson.binary import UUID_SUBTYPE

from brookmill.mql import binary, convert
from brookmill.mql.code import Code, Val
from brookmill.mql.errors import MQLError
from brookmill.mql.expression import EXPRESSIONS, Codes, Constant, Env, Expression, Parser, inline, operator
from brookmill.mql.expressions.date import parsed_quickly
from brookmill.mql.numbers import is_number, to_float
from brookmill.mql.values import Value, nullish, type_name

#: Code of a conversion that cannot be made; only it leads to ``onError``.
FAILED = 241
_AS_UUID = binary.Layout("uuid", subtype=UUID_SUBTYPE)
_ONE = Codes(arity=50723)


def _conversion(name: str, to: str) -> Callable[[Value], Value]:
    """Register ``$to…``: ``$convert`` without ``onError`` and ``onNull``."""
    convert_one = convert.TARGETS[to]

    def converted(value: Value) -> Value:
        return None if nullish(value) else convert_one(value, convert.AUTO)

    converted.__name__ = name[1:]
    return operator(name, result=to, codes=_ONE)(converted)


_conversion("$toInt", "int")
_conversion("$toLong", "long")
_conversion("$toDouble", "double")
_conversion("$toDecimal", "decimal")
_conversion("$toBool", "bool")
_conversion("$toString", "string")
_conversion("$toObjectId", "objectId")
_conversion("$toArray", "array")
_conversion("$toObject", "object")
to_date = _conversion("$toDate", "date")


@inline("$toDate")
def to_date_quickly(code: Code, value: Val) -> Val:
    return parsed_quickly(code, value, code.call(to_date, value))


@operator("$toUUID", result="binData", codes=_ONE)
def to_uuid(value: Value) -> Value:
    return None if nullish(value) else binary.from_value(value, _AS_UUID)


@operator("$type", result="string")
def type_(value: Value) -> str:
    return type_name(value)


@operator("$subtype", result="int")
def subtype(value: Value) -> int | None:
    if nullish(value):
        return None
    if type_name(value) != "binData":
        raise MQLError(f"$subtype needs a value that has a subtype, found {type_name(value)}")
    return binary.parts(value)[1]


@operator("$isNumber", result="bool")
def is_number_(value: Value) -> bool:
    return is_number(value)


_REQUIRED, _OPTIONAL = ("input", "to"), ("onError", "onNull", "format", "byteOrder")


@EXPRESSIONS("$convert")
@dataclass(frozen=True, slots=True)
class Convert:
    """``{input, to, onError, onNull, format, byteOrder}``."""

    value: Expression
    to: Expression
    on_error: Expression | None
    on_null: Expression
    format: Expression
    byte_order: Expression

    @classmethod
    def parse(cls, operand: Value, parser: Parser) -> Expression:
        spec = parser.members(operand, "$convert", _REQUIRED, _OPTIONAL)
        parsed = {name: parser.at(name).expression(value) for name, value in spec.items()}
        return cls(
            parsed["input"],
            parsed["to"],
            parsed.get("onError"),
            parsed.get("onNull", Constant(None)),
            parsed.get("format", Constant(None)),
            parsed.get("byteOrder", Constant("little")),
        )

    def evaluate(self, env: Env) -> Value:
        value, to = self.value.evaluate(env), self.to.evaluate(env)
        form, order = self.format.evaluate(env), self.byte_order.evaluate(env)
        if nullish(value):
            return self.on_null.evaluate(env)
        to, subtype = _named(to)
        if nullish(to):
            return None
        convert_one = convert.target(to)
        layout = _layout(form, order, subtype)
        try:
            return convert_one(value, layout)
        except MQLError as e:
            if self.on_error is None or e.code != FAILED:
                raise
            return self.on_error.evaluate(env)

    def emit(self, code: Code) -> Val:
        return code.local(code.evaluate(self))


def _named(to: Value) -> tuple[Value, int]:
    """The type and the binary subtype of ``to``, which may be an object of both. Raises MQLError."""
    if not isinstance(to, dict):
        return to, 0
    if "type" not in to or to.keys() - {"type", "subtype"}:
        raise MQLError("$convert's 'to' argument must be an object of 'type' and 'subtype'", 9)
    subtype = to.get("subtype", 0)
    if nullish(subtype):
        return None, 0
    if (
        not is_number(subtype)
        or not to_float(subtype).is_integer()
        or not _is_subtype(int(to_float(subtype)))
    ):
        raise MQLError(f"In $convert, 'subtype' is no binary subtype: {subtype}", 9)
    return to["type"], int(to_float(subtype))


def _is_subtype(number: int) -> bool:
    return 0 <= number <= 9 or 128 <= number <= 255


def _layout(form: Value, order: Value, subtype: int) -> binary.Layout:
    if nullish(form):
        form = None
    elif type(form) is not str:
        raise MQLError("$convert requires that 'format' be a string", 4341114)
    elif form not in binary.FORMATS:
        raise MQLError(f"Invalid 'format' argument for $convert: {form[:50]}", 4341115)
    if nullish(order):
        order = "little"
    if order == "big":
        return binary.Layout(form, "big", subtype)
    if order == "little":
        return binary.Layout(form, "little", subtype)
    raise MQLError("$convert requires that 'byteOrder' be 'big' or 'little'", 9)
