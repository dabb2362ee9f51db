"""Dates: reading text, time zones, and the calendar fields that date operators need."""

from __future__ import annotations

import datetime as dt
import functools
import re
import zoneinfo
from typing import Final

from bson import DatetimeMS, ObjectId, Timestamp

from brookmill.mql.errors import MQLError
from brookmill.mql.values import Value, date_from_ms, ms_from_date, type_name

_TEXT: Final = re.compile(
    r"(?P<date>[0-9]{4}-[0-9]{2}-[0-9]{2})"
    r"(?:[T ](?P<time>[0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:[.,](?P<fraction>[0-9]{1,9}))?)?)"
    r" ?(?P<zone>Z|[A-Za-z]+(?:/[A-Za-z_]+)*|[+-][0-9]{2}(?::?[0-9]{2})?)?)?"
)
_OFFSET: Final = re.compile(r"(?P<sign>[+-])(?P<hours>[0-9]{2}):?(?P<minutes>[0-9]{2})?")


def parse_date(text: str) -> Value:
    """The date that an ISO 8601 text means, UTC where it names no zone. Raises MQLError (code 241)."""
    # The commonest shapes are left to C; the slice rules out the other shapes that fromisoformat takes.
    if text[4:20:3] == "--T::." and text[23:] in ("+00:00", "Z"):
        try:
            return dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC)
        except ValueError:
            raise _unreadable(text) from None
    found = _TEXT.fullmatch(text)
    if found is None:
        raise _unreadable(text)
    time, fraction = found["time"] or "00:00", found["fraction"]
    if fraction:
        time = time[: -1 - len(fraction)]
    try:
        moment = dt.datetime.fromisoformat(f"{found['date']}T{time}")
        moment = moment.replace(microsecond=int((fraction or "0")[:3].ljust(3, "0")) * 1000)
        return to_utc(moment, zone(found["zone"] or "UTC"))
    except (ValueError, OverflowError):
        raise _unreadable(text) from None


def _unreadable(text: str) -> MQLError:
    return MQLError(f"Error parsing date string '{text[:100]}'", 241)


def to_utc(local: dt.datetime, tz: dt.tzinfo) -> Value:
    """The moment when clocks in ``tz`` show the naive ``local``."""
    return local.replace(tzinfo=tz).astimezone(dt.UTC)


@functools.lru_cache(maxsize=1024)
def _zone(name: str) -> dt.tzinfo:
    if name in {"UTC", "GMT", "Z"}:
        return dt.UTC
    offset = _OFFSET.fullmatch(name)
    if offset is not None:
        delta = dt.timedelta(hours=int(offset["hours"]), minutes=int(offset["minutes"] or 0))
        return dt.timezone(delta if offset["sign"] == "+" else -delta)
    return zoneinfo.ZoneInfo(name)


def zone(name: Value) -> dt.tzinfo:
    """A time zone by its Olson name or its offset from UTC. Raises MQLError."""
    if not isinstance(name, str):
        raise MQLError(f"timezone must evaluate to a string, found {type_name(name)}", 40517)
    try:
        return _zone(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise MQLError(f'unrecognized time zone identifier: "{name[:100]}"', 40485) from None


def as_date(value: Value) -> Value:
    """A date from what counts as one: date, timestamp, ObjectId. Raises MQLError (code 16006)."""
    if isinstance(value, (dt.datetime, DatetimeMS)):
        return value
    if isinstance(value, Timestamp):
        return date_from_ms(value.time * 1000)
    if isinstance(value, ObjectId):
        return value.generation_time
    raise MQLError(f"can't convert from BSON type {type_name(value)} to Date", 16006)


def local(value: Value, tz: dt.tzinfo = dt.UTC) -> dt.datetime:
    """What calendar and clock in ``tz`` show at a date. Raises MQLError outside the years 1-9999."""
    date = as_date(value)
    if isinstance(date, DatetimeMS):
        raise MQLError("the date is outside of the years 1 to 9999", 18536)
    if date.tzinfo is None:
        date = date.replace(tzinfo=dt.UTC)
    try:
        return date if tz is dt.UTC else date.astimezone(tz)  # type: ignore[no-any-return]
    except OverflowError:
        raise MQLError("the date is outside of the years 1 to 9999", 18536) from None


def event_time(value: Value) -> int:
    """Milliseconds since the epoch of what a ``timeField`` gave. Raises MQLError for anything but a date."""
    if type_name(value) != "date":
        raise MQLError(f"timeField must evaluate to a date, found {type_name(value)}", 14)
    return ms_from_date(value)
