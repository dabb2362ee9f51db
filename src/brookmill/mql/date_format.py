"""Format strings of ``$dateToString`` and ``$dateFromString``."""

from __future__ import annotations

import datetime as dt
import functools
import operator
import re
from collections.abc import Callable
from typing import Final

from brookmill.mql import calendar
from brookmill.mql.calendar import DAY, HOUR, MINUTE, SECOND, Shown
from brookmill.mql.dates import unreadable, zone
from brookmill.mql.errors import MQLError
from brookmill.mql.values import Value, date_from_ms

MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)


def _offset(shown: Shown) -> int:
    """Minutes ahead of UTC."""
    delta = shown.at.utcoffset()
    return 0 if delta is None else int(delta.total_seconds() / 60)


def _year(year: int) -> str:
    if not 0 <= year <= 9999:
        raise MQLError(f"Could not convert date to string: year {year} is outside of 0-9999", 18537)
    return f"{year:04d}"


def sunday_week(at: dt.datetime) -> int:
    """Week of the year, 0 to 53; weeks begin on Sunday, days before the first one are in week 0."""
    return (at.timetuple().tm_yday + 6 - at.isoweekday() % 7) // 7


_WRITERS: dict[str, Callable[[Shown], str]] = {
    "b": lambda shown: MONTHS[shown.at.month - 1][:3],
    "B": lambda shown: MONTHS[shown.at.month - 1],
    "d": lambda shown: f"{shown.at.day:02d}",
    "G": lambda shown: _year(shown.iso_year),
    "H": lambda shown: f"{shown.at.hour:02d}",
    "j": lambda shown: f"{shown.at.timetuple().tm_yday:03d}",
    "L": lambda shown: f"{shown.at.microsecond // 1000:03d}",
    "m": lambda shown: f"{shown.at.month:02d}",
    "M": lambda shown: f"{shown.at.minute:02d}",
    "S": lambda shown: f"{shown.at.second:02d}",
    "u": lambda shown: str(shown.at.isoweekday()),
    "U": lambda shown: f"{sunday_week(shown.at):02d}",
    "V": lambda shown: f"{shown.at.isocalendar()[1]:02d}",
    "w": lambda shown: str(shown.at.isoweekday() % 7 + 1),
    "Y": lambda shown: _year(shown.year),
    "z": lambda shown: "{}{:02d}{:02d}".format(
        "-" if _offset(shown) < 0 else "+", *divmod(abs(_offset(shown)), 60)
    ),
    "Z": lambda shown: str(_offset(shown)),
    "%": lambda _: "%",
}
_READERS = {
    "b": f"(?P<name>(?i:{'|'.join(m[:3] for m in MONTHS)}))",
    "B": f"(?P<name>(?i:{'|'.join(MONTHS)}))",
    "d": "(?P<d>[0-9]{1,2})",
    "G": "(?P<G>[0-9]{4})",
    "H": "(?P<H>[0-9]{1,2})",
    "j": "(?P<j>[0-9]{1,3})",
    "L": "(?P<L>[0-9]{1,3})",
    "m": "(?P<m>[0-9]{1,2})",
    "M": "(?P<M>[0-9]{1,2})",
    "S": "(?P<S>[0-9]{1,2})",
    "u": "(?P<u>[0-9])",
    "V": "(?P<V>[0-9]{1,2})",
    "Y": "(?P<Y>[0-9]{1,4})",
    "z": "(?P<zone>Z|[+-][0-9]{2}(?::?[0-9]{2})?)",
    "Z": "(?P<minutes>[+-]?[0-9]{1,3})",
    "%": "%",
}
#: Least and most that a part may be; only the days of the month depend on others.
_RANGES: Final = {
    "m": (1, 12),
    "d": (1, 31),
    "j": (1, 366),
    "V": (1, 53),
    "u": (1, 7),
    "H": (0, 23),
    "M": (0, 59),
    "S": (0, 59),
}


def pieces(text: str, known: dict[str, Callable[[Shown], str]] | dict[str, str]) -> list[tuple[bool, str]]:
    """A format cut into (is a specifier, letter or literal text). Raises MQLError."""
    cut: list[tuple[bool, str]] = []
    for match in re.finditer(r"%(.?)|[^%]+", text, re.DOTALL):
        if match.group()[0] != "%":
            cut.append((False, match.group()))
        elif match[1] in known and match[1]:
            cut.append((True, match[1]))
        elif not match[1]:
            raise MQLError("Unmatched '%' at end of format string", 18535)
        else:
            raise MQLError(f"Invalid format character '%{match[1]}' in format string", 18536)
    return cut


#: Specifiers that are a field of ``datetime`` padded to some width.
_FIELDS: Final = {
    "d": ("day", "%02d"),
    "H": ("hour", "%02d"),
    "m": ("month", "%02d"),
    "M": ("minute", "%02d"),
    "S": ("second", "%02d"),
    "Y": ("year", "%04d"),
}


@functools.lru_cache(maxsize=1024)
def _writer(text: str) -> Callable[[Shown], str]:
    """The function that writes a date as the format ``text`` says. Raises MQLError."""
    cut = pieces(text, _WRITERS)
    writers = [_WRITERS[piece] if special else (lambda _, piece=piece: piece) for special, piece in cut]

    def write(shown: Shown) -> str:
        return "".join([part(shown) for part in writers])

    names = [_FIELDS[piece][0] for special, piece in cut if special and piece in _FIELDS]
    if len(names) < 2 or not all(piece in _FIELDS for special, piece in cut if special):
        return write
    pattern = "".join(_FIELDS[piece][1] if special else piece.replace("%", "%%") for special, piece in cut)
    fields = operator.attrgetter(*names)

    def write_fields(shown: Shown) -> str:
        return pattern % fields(shown.at) if not shown.years else write(shown)

    return write_fields


def format_date(shown: Shown, text: str) -> str:
    """``shown`` as the format ``text`` says. Raises MQLError."""
    return _writer(text)(shown)


@functools.lru_cache(maxsize=1024)
def _read(text: str) -> re.Pattern[str]:
    parts = [_READERS[piece] if special else re.escape(piece) for special, piece in pieces(text, _READERS)]
    try:
        return re.compile("".join(parts))
    except re.error:
        raise MQLError("a format specifier stands twice in the format string", 18536) from None


def read_date(value: str, text: str, tz: dt.tzinfo) -> Value:
    """The date that ``value`` means, read as the format ``text`` says. Raises MQLError (code 241)."""
    found = _read(text).fullmatch(value)
    if found is None:
        raise MQLError(f"Error parsing date string '{value[:100]}' with the format '{text[:100]}'", 241)
    texts = {name: part for name, part in found.groupdict().items() if part is not None}
    own = _own_zone(texts)
    if own is not None and tz is not dt.UTC:
        raise MQLError("a date string with a zone cannot have a timezone argument too", 241)
    if "name" in texts:
        texts["m"] = str([month[:3].lower() for month in MONTHS].index(texts.pop("name")[:3].lower()) + 1)
    if "L" in texts:
        texts["L"] = texts["L"].ljust(3, "0")
    parts = {name: int(part) for name, part in texts.items()}
    if any(not least <= parts.get(name, least) <= most for name, (least, most) in _RANGES.items()):
        raise unreadable(value)
    time = parts.get("H", 0) * HOUR + parts.get("M", 0) * MINUTE + parts.get("S", 0) * SECOND
    clock = _day(parts, value) * DAY + time + parts.get("L", 0)
    return date_from_ms(calendar.instant(clock, own or tz))


def _own_zone(texts: dict[str, str]) -> dt.tzinfo | None:
    if "zone" in texts:
        return zone(texts.pop("zone"))
    if "minutes" in texts:
        return dt.timezone(dt.timedelta(minutes=int(texts.pop("minutes"))))
    return None


def _day(parts: dict[str, int], value: str) -> int:
    """The day that the parts of a date name, in days since the epoch."""
    if "G" in parts and "Y" not in parts:
        return calendar.iso_first_day(parts["G"]) + parts.get("V", 1) * 7 - 7 + parts.get("u", 1) - 1
    if "Y" not in parts or not ({"m", "d"} <= parts.keys() or "j" in parts):
        raise MQLError(
            f"an incomplete date/time string has been found, with elements missing: '{value[:100]}'", 241
        )
    january = parts["Y"] * 12
    if "j" in parts:
        return calendar.first_day(january) + parts["j"] - 1
    month = january + parts["m"] - 1
    if parts["d"] > calendar.month_length(month):
        raise unreadable(value)
    return calendar.first_day(month) + parts["d"] - 1
