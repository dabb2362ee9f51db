"""Date expression operators."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass

from brookmill.mql import date_format
from brookmill.mql.code import Code, Val
from brookmill.mql.dates import local, parse_date, to_utc, zone
from brookmill.mql.errors import MQLError
from brookmill.mql.expression import EXPRESSIONS, Constant, Env, Expression, Parser, operator
from brookmill.mql.values import Value, nullish, type_name


def _part(name: str, read: Callable[[dt.datetime], int]) -> None:
    """Register the operator that reads one calendar field."""

    def part(date: Value, timezone: Value = "UTC") -> Value:
        if nullish(date) or nullish(timezone):
            return None
        return read(local(date, zone(timezone)))

    part.__name__ = name[1:]
    operator(name, takes="either", result="int")(part)


_part("$year", lambda at: at.year)
_part("$month", lambda at: at.month)
_part("$dayOfMonth", lambda at: at.day)
_part("$dayOfWeek", lambda at: at.isoweekday() % 7 + 1)
_part("$dayOfYear", lambda at: at.timetuple().tm_yday)
_part("$hour", lambda at: at.hour)
_part("$minute", lambda at: at.minute)
_part("$second", lambda at: at.second)
_part("$millisecond", lambda at: at.microsecond // 1000)
_part("$week", date_format.sunday_week)
_part("$isoWeek", lambda at: at.isocalendar()[1])
_part("$isoWeekYear", lambda at: at.isocalendar()[0])
_part("$isoDayOfWeek", lambda at: at.isoweekday())

UTC_FORMAT = "%Y-%m-%dT%H:%M:%S.%LZ"
LOCAL_FORMAT = "%Y-%m-%dT%H:%M:%S.%L"


@operator("$dateToString", takes="members", missing=True)
def date_to_string(
    date: Value, format_: Value = UTC_FORMAT, timezone: Value = "UTC", on_null: Value = None
) -> Value:
    if nullish(date):
        return on_null
    if nullish(timezone) or nullish(format_):
        return None
    tz = zone(timezone)
    if format_ == UTC_FORMAT and tz is not dt.UTC:
        format_ = LOCAL_FORMAT
    if not isinstance(format_, str):
        raise MQLError(
            f"$dateToString requires that 'format' be a string, found: {type_name(format_)}", 18533
        )
    return date_format.format_date(local(date, tz), format_)


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
        spec = parser.members(operand, "$dateFromString", ("dateString",), optional)
        parsed = {name: parser.at(name).expression(value) for name, value in spec.items()}
        null = Constant(None)
        return cls(
            parsed["dateString"],
            parsed.get("format", Constant("")),
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
            if self.on_error is None or e.code not in (241, 40490):
                raise
            return self.on_error.evaluate(env)

    def emit(self, code: Code) -> Val:
        simple = self.format == Constant("") and self.timezone == Constant("UTC")
        if not simple or self.on_error is not None or self.on_null != Constant(None):
            return code.local(code.evaluate(self))
        text = code.local(self.text.emit(code))
        return code.local(parsed_quickly(code, text, code.call(_read_iso, text)))


def _read_iso(text: Value) -> Value:
    return None if nullish(text) else read_text(text, "", "UTC")


def read_text(text: Value, format_: Value, timezone: Value) -> Value:
    """The date in ``text``; format "" is ISO 8601. Raises MQLError."""
    if nullish(format_) or nullish(timezone):
        return None
    if not isinstance(text, str):
        raise MQLError(
            f"$dateFromString requires that 'dateString' be a string, found: {type_name(text)}", 241
        )
    if not isinstance(format_, str):
        raise MQLError(
            f"$dateFromString requires that 'format' be a string, found: {type_name(format_)}", 40684
        )
    tz = zone(timezone)
    if format_:
        return date_format.read_date(text, format_, tz)
    date = parse_date(text)
    return date if tz is dt.UTC else to_utc(date.replace(tzinfo=None), tz)


def parsed_quickly(code: Code, text: Val, slow: str) -> Val:
    """ISO 8601 text with milliseconds in UTC, read without a call into Python; everything else by
    ``slow``.
    """
    read, ends = code.bind(dt.datetime.fromisoformat, "fromisoformat_"), code.bind(("+00:00", "Z"))
    shape = f"{text.text}[4:20:3] == {code.bind('--T::.')} and {text.text}[23:] in {ends}"
    condition = f"type({text.text}) is str and {shape}"
    return Val(f"{read}({text.text}) if {condition} else {slow}", "date", missing=False)
