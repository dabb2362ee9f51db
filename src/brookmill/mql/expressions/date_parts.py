"""Date expression operators that take dates apart and put them together."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass

from bson import Int64

from brookmill.mql import calendar, lanes
from brookmill.mql.calendar import DAY, HOUR, MINUTE, SECOND, Shown
from brookmill.mql.code import Code, Val
from brookmill.mql.date_format import sunday_week
from brookmill.mql.dates import at_date, zone
from brookmill.mql.errors import MQLError
from brookmill.mql.expression import EXPRESSIONS, Codes, Env, Expression, Parser, inline, operator
from brookmill.mql.numbers import describe, whole
from brookmill.mql.values import INT64_MAX, INT64_MIN, Value, date_from_ms, nullish, type_name

_UTC = Val("", constant="UTC")
_PART = Codes(unknown=40535, missing=40539, arity=40536)


def _part(name: str, read: Callable[[Shown], Value], quick: str | None = None, result: str = "int") -> None:
    """Register the operator that reads one calendar field. ``quick``: the same of a datetime in UTC."""

    def part(date: Value, timezone: Value = "UTC") -> Value:
        if nullish(date) or nullish(timezone):
            return None
        return read(at_date(date, zone(timezone)))

    def part_quickly(code: Code, date: Val, timezone: Val = _UTC) -> Val | None:
        if quick is None or date.known or timezone.constant != "UTC":
            return None
        usual = f"type({date.text}) is {code.bind(dt.datetime, 'datetime_')}"
        text = lanes.guarded(usual, quick.format(date.text), code.call(part, date))
        return Val(text, result, missing=False)

    part.__name__ = name[1:]
    operator(name, takes="either", result=result, codes=_PART)(part)
    inline(name)(part_quickly)


_part("$year", lambda shown: shown.year, "{}.year")
_part("$month", lambda shown: shown.at.month, "{}.month")
_part("$dayOfMonth", lambda shown: shown.at.day, "{}.day")
_part("$dayOfWeek", lambda shown: shown.at.isoweekday() % 7 + 1, "{}.isoweekday() % 7 + 1")
_part("$dayOfYear", lambda shown: shown.at.timetuple().tm_yday, "{}.timetuple().tm_yday")
_part("$hour", lambda shown: shown.at.hour, "{}.hour")
_part("$minute", lambda shown: shown.at.minute, "{}.minute")
_part("$second", lambda shown: shown.at.second, "{}.second")
_part("$millisecond", lambda shown: shown.at.microsecond // 1000, "{}.microsecond // 1000")
_part("$week", lambda shown: sunday_week(shown.at))
_part("$isoWeek", lambda shown: shown.at.isocalendar()[1], "{}.isocalendar()[1]")
_part("$isoWeekYear", lambda shown: Int64(shown.iso_year), result="long")
_part("$isoDayOfWeek", lambda shown: shown.at.isoweekday(), "{}.isoweekday()")


@operator(
    "$dateToParts",
    takes="members",
    result="object",
    codes=Codes(shape=40524, unknown=40520, missing=40522),
)
def date_to_parts(date: Value, timezone: Value = "UTC", iso8601: Value = False) -> Value:
    if nullish(timezone) or nullish(iso8601) or nullish(date):
        return None
    if not isinstance(iso8601, bool):
        raise MQLError(f"iso8601 must evaluate to a bool, found {type_name(iso8601)}", 40521)
    parts = at_date(date, zone(timezone))
    at = parts.at
    _, week, weekday = at.isocalendar()
    day: dict[str, Value] = {"year": parts.year, "month": at.month, "day": at.day}
    if iso8601:
        day = {"isoWeekYear": parts.iso_year, "isoWeek": week, "isoDayOfWeek": weekday}
    clock = {"hour": at.hour, "minute": at.minute, "second": at.second}
    return {**day, **clock, "millisecond": at.microsecond // 1000}


_CALENDAR, _WEEKS = ("year", "month", "day"), ("isoWeekYear", "isoWeek", "isoDayOfWeek")
_CLOCK = {"hour": HOUR, "minute": MINUTE, "second": SECOND, "millisecond": 1}


@EXPRESSIONS("$dateFromParts")
@dataclass(frozen=True, slots=True)
class DateFromParts:
    """``{year, month, …}`` or ``{isoWeekYear, isoWeek, …}``; parts out of their range carry over."""

    parts: tuple[tuple[str, Expression], ...]

    @classmethod
    def parse(cls, operand: Value, parser: Parser) -> Expression:
        optional = (*_CALENDAR, *_WEEKS, *_CLOCK, "timezone")
        codes = Codes(shape=40519, unknown=40518)
        spec = parser.members(operand, "$dateFromParts", (), optional, codes)
        if "year" not in spec and "isoWeekYear" not in spec:
            raise parser.wrong("$dateFromParts requires either 'year' or 'isoWeekYear'", 40516)
        if "year" in spec and not spec.keys().isdisjoint(_WEEKS):
            raise parser.wrong("$dateFromParts does not allow mixing natural dates with ISO dates", 40489)
        if "isoWeekYear" in spec and not spec.keys().isdisjoint(_CALENDAR):
            raise parser.wrong("$dateFromParts does not allow mixing ISO dates with natural dates", 40525)
        return cls(tuple((name, parser.at(name).expression(spec[name])) for name in optional if name in spec))

    def evaluate(self, env: Env) -> Value:
        return date_from_parts({name: part.evaluate(env) for name, part in self.parts})

    def emit(self, code: Code) -> Val:
        parts = ", ".join([f"{code.bind(name)}: {part.emit(code).text}" for name, part in self.parts])
        return code.local(Val(code.call(date_from_parts, f"{{{parts}}}"), "date", missing=False))


def date_from_parts(parts: dict[str, Value]) -> Value:
    """The date with these parts; null when one of them has no value. Raises MQLError."""
    if any(map(nullish, parts.values())):
        return None
    tz = zone(parts.pop("timezone", "UTC"))
    numbers = {name: _whole_part(name, value) for name, value in parts.items()}
    if "year" in numbers:
        year = _in_range("year", numbers["year"], 1, 9999, 40523)
        day = calendar.first_day(year * 12 + numbers.get("month", 1) - 1) + numbers.get("day", 1) - 1
    else:
        year = _in_range("isoWeekYear", numbers["isoWeekYear"], 1, 9999, 31095)
        weeks, days = numbers.get("isoWeek", 1) - 1, numbers.get("isoDayOfWeek", 1) - 1
        day = calendar.iso_first_day(year) + weeks * 7 + days
    clock = day * DAY + sum(numbers.get(name, 0) * unit for name, unit in _CLOCK.items())
    if not INT64_MIN + DAY <= clock <= INT64_MAX - DAY:
        raise MQLError("$dateFromParts gives no date that can be represented", 15)
    return date_from_ms(calendar.instant(clock, tz))


def _whole_part(name: str, value: Value) -> int:
    number = whole(value)
    if number is None:
        raise MQLError(f"'{name}' must evaluate to an integer, found {describe(value)}", 40515)
    if name in {"year", "isoWeekYear", "second", "millisecond"}:
        return number
    return _in_range(name, number, -32768, 32767, 31034)


def _in_range(name: str, number: int, least: int, most: int, code: int) -> int:
    if not least <= number <= most:
        raise MQLError(f"'{name}' must evaluate to an integer in the range {least} to {most}", code)
    return number
