"""Date expression operators that read and write text."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Final

from brookmill.mql import date_format
from brookmill.mql.code import Code, Val
from brookmill.mql.dates import at_date, parse_date, zone
from brookmill.mql.errors import MQLError
from brookmill.mql.expression import EXPRESSIONS, Codes, Constant, Env, Expression, Parser, operator
from brookmill.mql.values import Value, nullish, type_name

UTC_FORMAT = "%Y-%m-%dT%H:%M:%S.%LZ"
LOCAL_FORMAT = "%Y-%m-%dT%H:%M:%S.%L"


class _LeftOut(str):
    """The format of ``$dateToString`` that the spec does not give, apart from the same text in the spec."""

    __slots__ = ()


_DEFAULT: Final = _LeftOut(UTC_FORMAT)


@operator(
    "$dateToString",
    takes="members",
    missing=True,
    codes=Codes(shape=18629, unknown=18534, missing=18628),
)
def date_to_string(
    date: Value, format_: Value = _DEFAULT, timezone: Value = "UTC", on_null: Value = None
) -> Value:
    if nullish(date):
        return on_null
    if nullish(timezone) or nullish(format_):
        return None
    tz = zone(timezone)
    if format_ is _DEFAULT:
        format_ = UTC_FORMAT if tz is dt.UTC else LOCAL_FORMAT
    if type(format_) is not str:
        raise MQLError(
            f"$dateToString requires that 'format' be a string, found: {type_name(format_)}", 18533
        )
    return date_format.format_date(at_date(date, tz), format_)


#: The format of ``$dateFromString`` that the spec does not give.
_ISO: Final = Constant(_LeftOut(""))


@EXPRESSIONS("$dateFromString")
@dataclass(frozen=True, slots=True)
class DateFromString:
    """``{dateString, format, timezone, onError, onNull}``: ``onError`` counts only when the text cannot be
    read.
    """

    text: Expression
    format: Expression
    timezone: Expression
    on_error: Expression | None
    on_null: Expression

    @classmethod
    def parse(cls, operand: Value, parser: Parser) -> Expression:
        optional = ("format", "timezone", "onError", "onNull")
        codes = Codes(shape=40540, unknown=40541, missing=40542)
        spec = parser.members(operand, "$dateFromString", ("dateString",), optional, codes)
        parsed = {name: parser.at(name).expression(value) for name, value in spec.items()}
        null = Constant(None)
        return cls(
            parsed["dateString"],
            parsed.get("format", _ISO),
            parsed.get("timezone", Constant("UTC")),
            parsed.get("onError"),
            parsed.get("onNull", null),
        )

    def evaluate(self, env: Env) -> Value:
        text = self.text.evaluate(env)
        if nullish(text):
            return self.on_null.evaluate(env)
        try:
            return read_text(text, self.format.evaluate(env), self.timezone.evaluate(env))
        except MQLError as e:
            if self.on_error is None or e.code != 241:
                raise
            return self.on_error.evaluate(env)

    def emit(self, code: Code) -> Val:
        simple = self.format is _ISO and self.timezone == Constant("UTC")
        if not simple or self.on_error is not None or self.on_null != Constant(None):
            return code.local(code.evaluate(self))
        text = code.local(self.text.emit(code))
        return code.local(parsed_quickly(code, text, code.call(_read_iso, text)))


def _read_iso(text: Value) -> Value:
    return None if nullish(text) else read_text(text, _ISO.value, "UTC")


def read_text(text: Value, format_: Value, timezone: Value) -> Value:
    """The date in ``text``; a format that was left out is ISO 8601. Raises MQLError."""
    if nullish(format_) or nullish(timezone):
        return None
    if type(text) is not str:
        raise MQLError(
            f"$dateFromString requires that 'dateString' be a string, found: {type_name(text)}", 241
        )
    if format_ is _ISO.value:
        return parse_date(text, zone(timezone))
    if type(format_) is not str:
        raise MQLError(
            f"$dateFromString requires that 'format' be a string, found: {type_name(format_)}", 40684
        )
    return date_format.read_date(text, format_, zone(timezone))


def parsed_quickly(code: Code, text: Val, slow: str) -> Val:
    """ISO 8601 text with milliseconds in UTC, read without a call into Python; everything else by
    ``slow``.
    """
    if text.known and type(text.constant) is not str:
        return Val(slow, "date", missing=False)
    read, ends = code.bind(dt.datetime.fromisoformat, "fromisoformat_"), code.bind(("+00:00", "Z"))
    found, iso = code.fresh(), code.fresh("iso")
    shape = f"{text.text}[4:20:3] == {code.bind('--T::.')} and {text.text}[23:] in {ends}"
    with code.block(f"if type({text.text}) is str and {shape}:"):
        with code.block("try:"):
            code.line(f"{found} = {read}({text.text})")
            code.line(f"{iso} = {text.text}")
        with code.block("except ValueError:"):  # the right shape, but no such day or hour
            code.line(f"{found} = {slow}")
            code.line(f"{iso} = None")
    with code.block("else:"):
        code.line(f"{found} = {slow}")
        code.line(f"{iso} = None")
    return Val(found, "date", missing=False, iso=iso)
