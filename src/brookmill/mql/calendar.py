"""The Gregorian calendar over all of time, and what its clocks show in a time zone.

Moments are milliseconds since the epoch. ``datetime`` knows the years 1 to 9999 only, but the calendar
repeats every 400 years, weekdays included: moments outside are moved in by whole cycles, and their years
moved back.
"""

from __future__ import annotations

import datetime as dt
from typing import Final, NamedTuple

from brookmill.mql.values import DATETIME_MAX_MS, DATETIME_MIN_MS, EPOCH

SECOND, MINUTE, HOUR, DAY = 1_000, 60_000, 3_600_000, 86_400_000
_CYCLE_YEARS: Final = 400
_CYCLE_DAYS: Final = 146_097
_CYCLE: Final = _CYCLE_DAYS * DAY
#: So far inside that no time zone leads out again.
_FIRST, _LAST = DATETIME_MIN_MS + 3 * DAY, DATETIME_MAX_MS - 3 * DAY
_NAIVE_EPOCH: Final = dt.datetime(1970, 1, 1)  # noqa: DTZ001 - clocks without a zone
_EPOCH_DAY: Final = _NAIVE_EPOCH.toordinal()
_MS: Final = dt.timedelta(milliseconds=1)


def _cycles(ms: int) -> int:
    """How many cycles lie between the moment and the years that ``datetime`` knows."""
    if ms < _FIRST:
        return (ms - _FIRST) // _CYCLE
    return -((_LAST - ms) // _CYCLE) if ms > _LAST else 0


class Shown(NamedTuple):
    """What calendar and clock show: ``at`` in a year that is ``years`` away from the true one."""

    at: dt.datetime
    years: int

    @property
    def year(self) -> int:
        return self.at.year + self.years

    @property
    def month(self) -> int:
        """Months since the beginning of the year 0."""
        return self.year * 12 + self.at.month - 1

    @property
    def day(self) -> int:
        """Days since the epoch."""
        return self.at.toordinal() - _EPOCH_DAY + self.years // _CYCLE_YEARS * _CYCLE_DAYS

    @property
    def time(self) -> int:
        """Milliseconds since midnight on the clock."""
        at = self.at
        return at.hour * HOUR + at.minute * MINUTE + at.second * SECOND + at.microsecond // 1000

    @property
    def iso_year(self) -> int:
        return self.at.isocalendar()[0] + self.years


def shown(ms: int, tz: dt.tzinfo = dt.UTC) -> Shown:
    """What calendar and clock in ``tz`` show at a moment."""
    cycles = _cycles(ms)
    at = EPOCH + (ms - cycles * _CYCLE) * _MS
    return Shown(at if tz is dt.UTC else at.astimezone(tz), cycles * _CYCLE_YEARS)


def shown_date(date: dt.datetime, tz: dt.tzinfo) -> Shown:
    """``shown`` of a date, which is UTC when it names no zone, well inside the years 1 to 9999."""
    if date.tzinfo is None:
        date = date.replace(tzinfo=dt.UTC)
    return Shown(date if tz is dt.UTC else date.astimezone(tz), 0)


def instant(clock: int, tz: dt.tzinfo = dt.UTC) -> int:
    """The moment when clocks in ``tz`` show ``clock``, which counts as a moment in UTC does.

    Of two such moments the first; a time that was left out counts by the clock as it was before.
    """
    if tz is dt.UTC:
        return clock
    at = _NAIVE_EPOCH + (clock - _cycles(clock) * _CYCLE) * _MS
    offset = at.replace(tzinfo=tz).utcoffset()
    return clock if offset is None else clock - offset // _MS


def offset(ms: int, tz: dt.tzinfo) -> int:
    """By how many milliseconds clocks in ``tz`` are ahead of UTC at a moment."""
    delta = shown(ms, tz).at.utcoffset()
    return 0 if delta is None else delta // _MS


def first_day(month: int) -> int:
    """The first day of a month, in days since the epoch; months count from the beginning of the year 0."""
    year, within = divmod(month, 12)
    cycles, year = divmod(year - 1, _CYCLE_YEARS)
    return dt.date(year + 1, within + 1, 1).toordinal() - _EPOCH_DAY + cycles * _CYCLE_DAYS


def month_length(month: int) -> int:
    """How many days a month has."""
    return first_day(month + 1) - first_day(month)


def iso_first_day(year: int) -> int:
    """The Monday of the first ISO week of a year, in days since the epoch."""
    fourth = first_day(year * 12) + 3
    return fourth - weekday(fourth)


def weekday(day: int) -> int:
    """Of a day since the epoch; Monday is 0."""
    return (day + 3) % 7
