"""Dates: reading text, time zones, and the calendar fields that date operators need."""

from __future__ import annotations

import datetime as dt
import functools
import re
import zoneinfo
from typing import Final

from bson import DatetimeMS, ObjectId, Timestamp

from brookmill.mql import calendar, date_text
from brookmill.mql.calendar import Shown
from brookmill.mql.errors import MQLError
from brookmill.mql.values import Value, date_from_ms, ms_from_date, type_name

_TEXT: Final = re.compile(
    r"(?P<date>[0-9]{4}-[0-9]{2}-[0-9]{2})"
    r"(?:[T ](?P<time>[0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:[.,](?P<fraction>[0-9]{1,9}))?)?)"
    r" ?(?P<zone>Z|[A-Za-z]+(?:/[A-Za-z_]+)*|[+-][0-9]{2}(?::?[0-9]{2})?)?)?"
)
_LOOSE_OFFSET: Final = re.compile(
    r"(?:gmt|utc)?(?P<sign>[+-])(?P<hours>[0-9]{1,2}?)(?::?(?P<minutes>[0-9]{2}))?", re.IGNORECASE
)
_OFFSET: Final = re.compile(r"(?P<sign>[+-])(?P<hours>[0-9]{2})(?::?(?P<minutes>[0-9]{2}))?")


def parse_date(text: str, tz: dt.tzinfo = dt.UTC) -> Value:
    """The date that an ISO 8601 text means, in ``tz`` where it names no zone. Raises MQLError (code 241).

    A text with a zone of its own and a ``tz`` other than UTC contradict each other.
    """
    # The commonest shapes are left to C; the slice rules out the other shapes that fromisoformat takes.
    if tz is dt.UTC and text[4:20:3] == "--T::." and text[23:] in ("+00:00", "Z"):
        try:
            return dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC)
        except ValueError:
            raise unreadable(text) from None
    found = _TEXT.fullmatch(text)
    if found is None:
        return _written_otherwise(text, tz)
    time, fraction = found["time"] or "00:00", found["fraction"]
    if fraction:
        time = time[: -1 - len(fraction)]
    if found["zone"] and tz is not dt.UTC:
        raise MQLError("a date string with a zone cannot have a timezone argument too", 241)
    try:
        clock = dt.datetime.fromisoformat(f"{found['date']}T{time}")
        ms = ms_from_date(clock) + int((fraction or "0")[:3].ljust(3, "0"))
        return date_from_ms(calendar.instant(ms, _written_zone(found["zone"], text) if found["zone"] else tz))
    except ValueError:
        return _written_otherwise(text, tz)


def _written_otherwise(text: str, tz: dt.tzinfo) -> Value:
    """The date in a text that is no ISO 8601 as it is usually written. Raises MQLError (code 241)."""
    written = date_text.read(text)
    if written is None:
        raise unreadable(text)
    if written.zone is not None:
        if tz is not dt.UTC:
            raise MQLError("a date string with a zone cannot have a timezone argument too", 241)
        tz = _written_zone(written.zone, text)
    return date_from_ms(calendar.instant(written.clock, tz))


def _written_zone(name: str, text: str) -> dt.tzinfo:
    hours = date_text.ABBREVIATIONS.get(name.lower())
    if hours is not None:
        return dt.timezone(dt.timedelta(hours=hours))
    offset = _LOOSE_OFFSET.fullmatch(name)
    if offset is not None:
        found = _zone(f"{offset['sign']}{offset['hours']:0>2}{offset['minutes'] or ''}")
    else:
        found = _zone(name)
    if found is None:
        raise unreadable(text)
    return found


def unreadable(text: str) -> MQLError:
    return MQLError(f"Error parsing date string '{text[:100]}'", 241)


@functools.lru_cache(maxsize=1024)
def _zone(name: str) -> dt.tzinfo | None:
    """None: there is no such zone."""
    if name in {"UTC", "GMT", "Z"}:
        return dt.UTC
    offset = _OFFSET.fullmatch(name)
    try:
        if offset is None:
            return zoneinfo.ZoneInfo(name)
        delta = dt.timedelta(hours=int(offset["hours"]), minutes=int(offset["minutes"] or 0))
        return dt.timezone(delta if offset["sign"] == "+" else -delta)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return None


def zone(name: Value) -> dt.tzinfo:
    """A time zone by its Olson name or its offset from UTC. Raises MQLError."""
    if type(name) is not str:
        raise MQLError(f"timezone must evaluate to a string, found {type_name(name)}", 40517)
    found = _zone(name) if len(name) < 100 else None
    if found is None:
        raise MQLError(f'unrecognized time zone identifier: "{name[:100]}"', 40485)
    return found


def as_date(value: Value, code: int = 16006) -> Value:
    """A date from what counts as one: date, timestamp, ObjectId. Raises MQLError with ``code``."""
    if isinstance(value, (dt.datetime, DatetimeMS)):
        return value
    if isinstance(value, Timestamp):
        return date_from_ms(value.time * 1000)
    if isinstance(value, ObjectId):
        return value.generation_time
    raise MQLError(f"can't convert from BSON type {type_name(value)} to Date", code)


def moment(value: Value, code: int = 16006) -> int:
    """Milliseconds since the epoch of what counts as a date. Raises MQLError with ``code``."""
    return ms_from_date(as_date(value, code))


def at_date(value: Value, tz: dt.tzinfo) -> Shown:
    """What calendar and clock in ``tz`` show at what counts as a date. Raises MQLError (code 16006)."""
    if type(value) is dt.datetime and 1 < value.year < 9999:
        return calendar.shown_date(value, tz)
    return calendar.shown(moment(value), tz)


class Instants:
    """Milliseconds since the epoch of ISO 8601 texts, read by halves that were seen before.

    The texts of a stream are close together in time: ``heads`` holds dates down to the second (as if in UTC),
    ``tails`` what may follow (fraction and numeric offset, as milliseconds to add). The moment is
    ``heads[text[:19]] + tails[text[19:]]``; a KeyError says that ``read`` must look.
    """

    #: Entries kept at most in each half.
    LIMIT = 8192
    _HEAD: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}")
    _TAIL: Final = re.compile(r"(?:\.[0-9]{1,9})?(?:Z|[+-][0-9]{2}(?::?[0-9]{2})?)?")

    def __init__(self) -> None:
        self.heads: dict[str, int] = {}
        self.tails: dict[str, int] = {}

    def read(self, text: str) -> int:
        """Raises MQLError for what is no date."""
        moment = ms_from_date(parse_date(text))
        head, tail = text[:19], text[19:]
        if self._HEAD.fullmatch(head) and self._TAIL.fullmatch(tail):
            base = ms_from_date(parse_date(f"{head}Z"))
            for half in (self.heads, self.tails):
                if len(half) >= self.LIMIT:
                    half.clear()
            self.heads[head] = base
            self.tails[tail] = moment - base
        return moment


#: Shared by all that runs in a process.
INSTANTS: Final = Instants()


def event_time(value: Value) -> int:
    """Milliseconds since the epoch of what a ``timeField`` gave. Raises MQLError for anything but a date."""
    if type_name(value) != "date":
        raise MQLError(f"timeField must evaluate to a date, found {type_name(value)}", 14)
    return ms_from_date(value)
