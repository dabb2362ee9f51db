"""Date expression operators that count in units of time: ``$dateAdd``, ``$dateDiff``, ``$dateTrunc``."""

from __future__ import annotations

import datetime as dt
from typing import Any

from bson import Int64

from brookmill.mql import calendar
from brookmill.mql.calendar import DAY, HOUR, MINUTE, SECOND, instant, shown
from brookmill.mql.dates import moment, zone
from brookmill.mql.errors import MQLError
from brookmill.mql.expression import Codes, operator
from brookmill.mql.numbers import describe, whole
from brookmill.mql.values import INT64_MAX, INT64_MIN, Value, date_from_ms, nullish, type_name

#: Units that are whole months, whole days, or go on at an even pace whatever clocks do (in milliseconds).
_MONTHS = {"year": 12, "quarter": 3, "month": 1}
_DAYS = {"week": 7, "day": 1}
_EVEN = {"hour": HOUR, "minute": MINUTE, "second": SECOND, "millisecond": 1}
_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
#: Bins are counted from the beginning of the year 2000.
_REFERENCE = calendar.first_day(2000 * 12)
_MAX_BIN = 100_000_000_000


def _unit(unit: Value, no_string: int = 5439013) -> str:
    if type(unit) is not str:
        raise MQLError(f"a unit of time must be a string, found {type_name(unit)}", no_string)
    if unit not in _MONTHS and unit not in _DAYS and unit not in _EVEN:
        raise MQLError(f"unknown time unit value: {unit[:50]}", 9)
    return unit


def _weekday(name: Value) -> int:
    """The day of the week by its name or the first three letters of it; Monday is 0."""
    if type(name) is not str:
        raise MQLError(f"startOfWeek must be a string, found {type_name(name)}", 5439015)
    lower = name[:20].lower()
    for number, weekday in enumerate(_WEEKDAYS):
        if lower in (weekday, weekday[:3]):
            return number
    raise MQLError(f"unknown day of week value: {name[:50]}", 5439016)


def _date(ms: int, what: str, code: int) -> Value:
    if not INT64_MIN <= ms <= INT64_MAX:
        raise MQLError(f"{what} gives no date that can be represented", code)
    return date_from_ms(ms)


def _moved(ms: int, unit: str, amount: int, tz: dt.tzinfo) -> int:
    """``amount`` units later. Clocks keep their time over days and months, which may be shorter or longer."""
    if unit in _EVEN or not amount:
        return ms + amount * _EVEN.get(unit, 0)
    before = shown(ms, tz)
    if unit in _DAYS:
        return instant((before.day + amount * _DAYS[unit]) * DAY + before.time, tz)
    month = before.month + amount * _MONTHS[unit]
    day = min(before.at.day, calendar.month_length(month))
    return instant((calendar.first_day(month) + day - 1) * DAY + before.time, tz)


def _added(start: Value, unit: Value, amount: Value, timezone: Value, *, name: str, sense: int) -> Value:
    if nullish(start) or nullish(unit) or nullish(amount) or nullish(timezone):
        return None
    count = whole(amount)
    ms = moment(start, 5166403)
    by = _unit(unit, 5166404)
    if count is None:
        raise MQLError(f"{name} expects an integer amount of time units, found {describe(amount)}", 5166405)
    if sense < 0 and count == INT64_MIN:
        raise MQLError(f"invalid {name} 'amount' parameter value: {count}", 6045000)
    return _date(_moved(ms, by, sense * count, zone(timezone)), name, 5166406)


_ADD = Codes(shape=5166400, unknown=5166401, missing=5166402)


@operator("$dateAdd", takes="members", result="date", codes=_ADD)
def date_add(start_date: Value, unit: Value, amount: Value, timezone: Value = "UTC") -> Value:
    return _added(start_date, unit, amount, timezone, name="$dateAdd", sense=1)


@operator("$dateSubtract", takes="members", result="date", codes=_ADD)
def date_subtract(start_date: Value, unit: Value, amount: Value, timezone: Value = "UTC") -> Value:
    return _added(start_date, unit, amount, timezone, name="$dateSubtract", sense=-1)


def _steps(start: int, end: int, unit: str, tz: dt.tzinfo, start_of_week: int) -> int:
    """How many boundaries of units lie between two moments."""
    if unit in _EVEN:
        ahead, size = calendar.offset(start, tz), _EVEN[unit]
        return (end + ahead) // size - (start + ahead) // size
    first, last = shown(start, tz), shown(end, tz)
    if unit in _MONTHS:
        return last.month // _MONTHS[unit] - first.month // _MONTHS[unit]
    if unit == "day":
        return last.day - first.day
    return _weeks(last.day, start_of_week) - _weeks(first.day, start_of_week)


def _weeks(day: int, start_of_week: int) -> int:
    return (day + 3 - start_of_week) // 7


_DIFF = Codes(
    shape=5166301,
    unknown=5166302,
    missing={"startDate": 5166303, "endDate": 5166304, "unit": 5166305},
)


@operator("$dateDiff", takes="members", result="long", codes=_DIFF)
def date_diff(
    start_date: Value, end_date: Value, unit: Value, timezone: Value = "UTC", start_of_week: Value = "sunday"
) -> Value:
    if nullish(start_date) or nullish(end_date) or nullish(unit) or nullish(timezone):
        return None
    if unit == "week" and nullish(start_of_week):
        return None
    start, end = moment(start_date, 5166307), moment(end_date, 5166307)
    by = _unit(unit)
    tz = zone(timezone)
    steps = _steps(start, end, by, tz, _weekday(start_of_week) if by == "week" else 0)
    if not INT64_MIN <= steps <= INT64_MAX:
        raise MQLError("$dateDiff gives more units than can be represented", 5166308)
    return Int64(steps)


def _bins(size: Value, unit: str) -> int:
    count = whole(size)
    if count is None:
        raise MQLError(f"$dateTrunc requires 'binSize' to be an integer, found {describe(size)}", 5439017)
    if count <= 0:
        raise MQLError(f"$dateTrunc requires 'binSize' to be greater than 0, found {count}", 5439018)
    if unit in _EVEN:
        if count * _EVEN[unit] > INT64_MAX:
            raise MQLError("$dateTrunc's 'binSize' is too large", 5439002)
    elif count > _MAX_BIN:
        raise MQLError("$dateTrunc's 'binSize' is too large", 5439006)
    return count


def _truncated(ms: int, unit: str, size: int, tz: dt.tzinfo, start_of_week: int) -> int:
    """The beginning of the bin of ``size`` units that holds a moment."""
    if unit in _EVEN:
        reference, width = instant(_REFERENCE * DAY, tz), size * _EVEN[unit]
        return ms - (ms - reference) % width
    at = shown(ms, tz)
    if unit in _MONTHS:
        month = at.month - (at.month - 2000 * 12) % (size * _MONTHS[unit])
        return instant(calendar.first_day(month) * DAY, tz)
    first = _REFERENCE
    if unit == "week":
        first += (start_of_week - calendar.weekday(first)) % 7
    return instant((at.day - (at.day - first) % (size * _DAYS[unit])) * DAY, tz)


#: What becomes of the fields of a date in UTC at the beginning of its unit.
_ROUND: dict[str, Any] = {
    "day": {"hour": 0, "minute": 0, "second": 0, "microsecond": 0},
    "hour": {"minute": 0, "second": 0, "microsecond": 0},
    "minute": {"second": 0, "microsecond": 0},
    "second": {"microsecond": 0},
}
_TRUNC = Codes(shape=5439007, unknown=5439008, missing={"date": 5439009, "unit": 5439010})


@operator("$dateTrunc", takes="members", result="date", codes=_TRUNC)
def date_trunc(
    date: Value,
    unit: Value,
    bin_size: Value = 1,
    timezone: Value = "UTC",
    start_of_week: Value = "sunday",
) -> Value:
    usual = type(bin_size) is int and bin_size == 1 and timezone == "UTC"
    if usual and type(date) is dt.datetime and type(unit) is str and unit in _ROUND:
        return date.replace(**_ROUND[unit])
    if nullish(date) or nullish(unit) or nullish(bin_size) or nullish(timezone):
        return None
    if unit == "week" and nullish(start_of_week):
        return None
    ms = moment(date, 5166307)
    by = _unit(unit)
    tz, size = zone(timezone), _bins(bin_size, by)
    start = _weekday(start_of_week) if by == "week" else 0
    return _date(_truncated(ms, by, size, tz, start), "$dateTrunc", 5439019)
