"""``$source`` by the clock: an empty document at each time of a schedule."""

from __future__ import annotations

import datetime as dt
import itertools
import math
import threading
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bson import Int64

from brookmill.connections import Batch, Opening

_NEVER = threading.Event()
_DAY = 86_400
#: Days until a date comes back for sure, leap days on a certain weekday included.
_CYCLE = 40 * 366

_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_WEEKDAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
#: Name, least and greatest value of each field, and its words with what the first of them stands for.
_FIELDS: tuple[tuple[str, int, int, tuple[str, ...]], ...] = (
    ("second", 0, 59, ()),
    ("minute", 0, 59, ()),
    ("hour", 0, 23, ()),
    ("day of the month", 1, 31, ()),
    ("month", 1, 12, _MONTHS),
    ("day of the week", 0, 6, _WEEKDAYS),
)


class ScheduleError(ValueError):
    """The text says what is wrong with a schedule."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """Six fields in UTC. A day must match both its fields. Engine reference, section 1.2."""

    times: tuple[int, ...]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]

    @classmethod
    def parse(cls, text: str) -> Schedule:
        """Raises ScheduleError."""
        parts = text.split()
        if len(parts) != len(_FIELDS):
            raise ScheduleError(f"a schedule has six fields, this one {len(parts)}")
        fields = (_field(part, *field) for part, field in zip(parts, _FIELDS, strict=True))
        seconds, minutes, hours, days, months, weekdays = fields
        clock = itertools.product(sorted(hours), sorted(minutes), sorted(seconds))
        times = tuple(hour * 3600 + minute * 60 + second for hour, minute, second in clock)
        schedule = cls(times, days, months, weekdays)
        if schedule.after(0) is None:
            raise ScheduleError("the schedule has no time at all")
        return schedule

    def after(self, second: int) -> int | None:
        """The first time after ``second``, in seconds since the epoch; None: there is none."""
        today, time = divmod(second, _DAY)
        later = bisect_right(self.times, time)
        if later < len(self.times) and self._has(today):
            return today * _DAY + self.times[later]
        day = next((day for day in range(today + 1, today + _CYCLE) if self._has(day)), None)
        return None if day is None else day * _DAY + self.times[0]

    def _has(self, day: int) -> bool:
        date = dt.date(1970, 1, 1) + dt.timedelta(day)
        return date.month in self.months and date.day in self.days and date.isoweekday() % 7 in self.weekdays


def _field(text: str, name: str, least: int, greatest: int, words: Sequence[str]) -> frozenset[int]:
    """``*``, values, ranges, steps and lists of them. Raises ScheduleError."""

    def number(part: str) -> int:
        if part.upper() in words:
            return words.index(part.upper()) + least
        if not (part.isascii() and part.isdigit() and least <= int(part[:9]) <= greatest):
            raise ScheduleError(f"{text!r} is no {name}: {part!r} is not from {least} to {greatest}")
        return int(part)

    values: set[int] = set()
    for part in text.split(","):
        span, slash, step = part.partition("/")
        if slash and not (step.isascii() and step.isdigit() and int(step[:9]) > 0):
            raise ScheduleError(f"{text!r} is no {name}: {step!r} is no step")
        first, dash, last = span.partition("-")
        if span == "*":
            begin, end = least, greatest
        else:
            begin = number(first)
            end = number(last) if dash else greatest if slash else begin
        if begin > end:
            raise ScheduleError(f"{text!r} is no {name}: {span!r} ends before it begins")
        values.update(range(begin, end + 1, int(step[:9]) if slash else 1))
    return frozenset(values)


class ScheduleSource:
    """A ``Source`` whose documents are empty: all they have is their event time. The position is the last.

    Without one it begins at ``Opening.started_at``, that moment included. Times missed while the processor
    failed are made up for, those while it was stopped by a user are not.
    """

    def __init__(self, schedule: Schedule, opening: Opening) -> None:
        self._schedule = schedule
        self._clock = opening.clock
        started = opening.clock.now() if opening.started_at is None else opening.started_at
        self._last = max(int(opening.position or 0), math.ceil(started) - 1)
        self._next = schedule.after(self._last)

    def read(self, limit: int, timeout: float) -> Batch:
        if self._next is None or self._next > self._clock.now():
            pause = timeout if self._next is None else min(timeout, self._next - self._clock.now())
            self._clock.wait(_NEVER, pause)
        times: list[int] = []
        while self._next is not None and self._next <= self._clock.now() and len(times) < limit:
            times.append(self._next * 1000)
            self._last = self._next
            self._next = self._schedule.after(self._last)
        return Batch([{} for _ in times], times, form="document", meta=lambda _: {"type": "generated"})

    def position(self) -> Any:
        return Int64(self._last)

    def acknowledge(self, position: Any) -> None:
        """Nobody to tell."""

    def lag(self, watermarks: Mapping[int, int]) -> dict[str, Any]:  # noqa: ARG002 - it has none
        return {}

    def close(self) -> None:
        """Nothing is open."""
