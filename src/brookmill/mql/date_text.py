"""Dates in the many ways that people write them: what ``$dateFromString`` takes beside ISO 8601.

The server leaves them to a library that knows the formats of PHP; here are those that name a whole day.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from brookmill.mql import calendar
from brookmill.mql.calendar import DAY, HOUR, MINUTE, SECOND

_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_LONG: Final = ("uary", "ruary", "ch", "il", "", "e", "y", "ust", "t(?:ember)?", "ober", "ember", "ember")
_MONTH: Final = (
    f"(?P<month>{'|'.join(f'{m}(?:{rest})?' for m, rest in zip(_MONTHS, _LONG, strict=True))})\\.?"
)
_DAY: Final = r"(?P<d>\d{1,2})(?:st|nd|rd|th)?"
_TIME: Final = (
    r"(?:(?P<H>\d{1,2}):(?P<M>\d{2})(?::(?P<S>\d{2})(?:[.,:](?P<f>\d{1,9}))?)?(?:\s*(?P<half>[ap])\.?m\.?)?"
    r"|(?P<h>\d{1,2})\s*(?P<half_>[ap])\.?m\.?"
    r"|t(?P<H_>\d{2})(?P<M_>\d{2})(?P<S_>\d{2})?(?:[.,](?P<f_>\d{1,9}))?)"
)
_ZONE: Final = r"\(?(?P<zone>(?:gmt|utc)?[+-]\d{1,2}(?::?\d{2})?|[a-z]+(?:/[a-z_]+)*)\)?(?:\s*\([a-z .]+\))?"
_WEEKDAY: Final = r"(?:(?:mon|tue|wed|thu|fri|sat|sun)(?:s|nes|rs|ur)?(?:day)?\.?,?\s*)?"
#: A day, in the order in which the forms are tried.
_DAYS: Final = (
    r"(?P<y>\d{4})-(?P<m>\d{1,2})-(?P<d>\d{1,2})",
    r"(?P<y>\d{4})/(?P<m>\d{1,2})/(?P<d>\d{1,2})",
    r"(?P<y>\d{4})(?P<m>\d{2})(?P<d>\d{2})",
    r"(?P<y>\d{4})-?w(?P<week>\d{2})-?(?P<weekday>[1-7])",
    r"(?P<y>\d{4})[-.]?(?P<yday>\d{3})",
    r"(?P<m>\d{1,2})/(?P<d>\d{1,2})/(?P<y>\d{4}|\d{2})",
    r"(?P<d>\d{1,2})[-.](?P<m>\d{1,2})[-.](?P<y>\d{4})",
    rf"{_MONTH}[ .\-]*{_DAY}(?:\s*,\s*|[ .\-]+)(?P<y>\d{{4}})",
    rf"{_DAY}[ .\-]*{_MONTH}(?:\s*,\s*|[ .\-/]*)(?P<y>\d{{4}})",
    rf"(?P<y>\d{{4}})[ .\-]*{_MONTH}[ .\-]*{_DAY}",
)
_FORMS: Final = tuple(
    re.compile(rf"\s*{form}\s*", re.IGNORECASE)
    for form in (
        *[
            rf"{_WEEKDAY}{day}(?:(?:\s*,\s*|\s+(?:at\s+)?|\s*t\s*|(?=t)){_TIME}(?:\s*{_ZONE})?)?"
            for day in _DAYS
        ],
        *[rf"{_TIME}(?:\s*{_ZONE})?(?:\s*,\s*|\s+){_WEEKDAY}{day}" for day in _DAYS],
        rf"{_WEEKDAY}{_MONTH}\s+{_DAY}\s+{_TIME}(?:\s+{_ZONE})?\s+(?P<y>\d{{4}})",
    )
)
_SECONDS: Final = re.compile(r"\s*@(-?\d{1,15})\s*")
#: Hours ahead of UTC by the abbreviations in common use.
ABBREVIATIONS: Final = {
    name: hours
    for hours, names in {
        0: "utc gmt z wet",
        1: "west bst cet",
        2: "cest eet",
        3: "eest msk",
        9: "jst",
        10: "aest",
        11: "aedt",
        12: "nzst",
        13: "nzdt",
        -4: "edt",
        -5: "est cdt",
        -6: "cst mdt",
        -7: "mst pdt",
        -8: "pst akdt",
        -9: "akst",
        -10: "hst",
    }.items()
    for name in names.split()
}
MAX_TEXT: Final = 200


class Written(NamedTuple):
    """A time by the clock, in milliseconds as if in UTC, and the name of the zone in the text, if any."""

    clock: int
    zone: str | None


def read(text: str) -> Written | None:
    """What a text says; None when it is no date or not a whole one."""
    if len(text) > MAX_TEXT:
        return None
    if (seconds := _SECONDS.fullmatch(text)) is not None:
        return Written(int(seconds[1]) * SECOND, "utc")
    for form in _FORMS:
        found = form.fullmatch(text)
        if found is not None:
            parts = {name.rstrip("_"): part for name, part in found.groupdict().items() if part is not None}
            return _written(parts)
    return None


def _written(parts: dict[str, str]) -> Written | None:
    day, time = _day(parts), _time(parts)
    if day is None or time is None:
        return None
    return Written(day * DAY + time, parts.get("zone"))


def _day(parts: dict[str, str]) -> int | None:
    year = int(parts["y"])
    if len(parts["y"]) == 2:
        year += 1900 if year >= 70 else 2000
    if "week" in parts:
        week = int(parts["week"])
        return calendar.iso_first_day(year) + week * 7 + int(parts["weekday"]) - 8 if 0 < week < 54 else None
    if "yday" in parts:
        return (
            calendar.first_day(year * 12) + int(parts["yday"]) - 1 if 0 < int(parts["yday"]) < 367 else None
        )
    month = _MONTHS.index(parts["month"][:3].lower()) + 1 if "month" in parts else int(parts["m"])
    if not 1 <= month <= 12 or not 1 <= int(parts["d"]) <= calendar.month_length(year * 12 + month - 1):
        return None
    return calendar.first_day(year * 12 + month - 1) + int(parts["d"]) - 1


def _time(parts: dict[str, str]) -> int | None:
    """Milliseconds since midnight."""
    hour = int(parts.get("h", parts.get("H", "0")))
    if "half" in parts:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + 12 * (parts["half"] in "pP")
    minute, second = int(parts.get("M", "0")), int(parts.get("S", "0"))
    if hour > 24 or minute > 59 or second > 59:
        return None
    milliseconds = int(parts.get("f", "0")[:3].ljust(3, "0"))
    return hour * HOUR + minute * MINUTE + second * SECOND + milliseconds
