"""Format strings of ``$dateToString`` and ``$dateFromString``."""

from __future__ import annotations

import datetime as dt
import functools
import re
from collections.abc import Callable

from brookmill.mql.dates import to_utc, zone
from brookmill.mql.errors import MQLError
from brookmill.mql.values import Value

MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)


def _offset(at: dt.datetime) -> int:
    delta = at.utcoffset()
    return 0 if delta is None else int(delta.total_seconds()) // 60


def _sign(at: dt.datetime) -> str:
    return "-" if _offset(at) < 0 else "+"


def sunday_week(at: dt.datetime) -> int:
    """Week of the year, 0 to 53; weeks begin on Sunday, days before the first one are in week 0."""
    return int(at.strftime("%U"))


_WRITERS: dict[str, Callable[[dt.datetime], str]] = {
    "b": lambda at: MONTHS[at.month - 1][:3],
    "B": lambda at: MONTHS[at.month - 1],
    "d": lambda at: f"{at.day:02d}",
    "G": lambda at: f"{at.isocalendar()[0]:04d}",
    "H": lambda at: f"{at.hour:02d}",
    "j": lambda at: f"{at.timetuple().tm_yday:03d}",
    "L": lambda at: f"{at.microsecond // 1000:03d}",
    "m": lambda at: f"{at.month:02d}",
    "M": lambda at: f"{at.minute:02d}",
    "S": lambda at: f"{at.second:02d}",
    "u": lambda at: str(at.isoweekday()),
    "U": lambda at: f"{sunday_week(at):02d}",
    "V": lambda at: f"{at.isocalendar()[1]:02d}",
    "w": lambda at: str(at.isoweekday() % 7 + 1),
    "Y": lambda at: f"{at.year:04d}",
    "z": lambda at: f"{_sign(at)}{abs(_offset(at)) // 60:02d}{abs(_offset(at)) % 60:02d}",
    "Z": lambda at: f"{_sign(at)}{abs(_offset(at)):03d}",
    "%": lambda _: "%",
}
_READERS = {
    "b": f"(?P<month_name>{'|'.join(m[:3] for m in MONTHS)})",
    "B": f"(?P<month_name>{'|'.join(MONTHS)})",
    "d": "(?P<d>[0-9]{1,2})",
    "H": "(?P<H>[0-9]{1,2})",
    "j": "(?P<j>[0-9]{1,3})",
    "L": "(?P<L>[0-9]{1,3})",
    "m": "(?P<m>[0-9]{1,2})",
    "M": "(?P<M>[0-9]{1,2})",
    "S": "(?P<S>[0-9]{1,2})",
    "Y": "(?P<Y>[0-9]{1,4})",
    "z": "(?P<zone>Z|[+-][0-9]{2}:?[0-9]{2})",
    "Z": "(?P<minutes>[+-][0-9]{1,3})",
    "%": "%",
}


def pieces(
    text: str, known: dict[str, Callable[[dt.datetime], str]] | dict[str, str]
) -> list[tuple[bool, str]]:
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


@functools.lru_cache(maxsize=1024)
def _written(text: str) -> tuple[Callable[[dt.datetime], str], ...]:
    return tuple(
        _WRITERS[piece] if special else (lambda _, piece=piece: piece)
        for special, piece in pieces(text, _WRITERS)
    )


def format_date(at: dt.datetime, text: str) -> str:
    """``at`` as the format ``text`` says. Raises MQLError."""
    return "".join([write(at) for write in _written(text)])


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
    part = found.groupdict()
    month = [m[:3] for m in MONTHS].index(part["month_name"][:3]) + 1 if part.get("month_name") else 1
    try:
        at = dt.datetime(  # noqa: DTZ001 - the zone follows
            int(part.get("Y") or 1970),
            int(part.get("m") or month),
            int(part.get("d") or 1),
            int(part.get("H") or 0),
            int(part.get("M") or 0),
            int(part.get("S") or 0),
            int((part.get("L") or "0").ljust(3, "0")) * 1000,
        )
        if part.get("j"):
            at = at.replace(month=1, day=1) + dt.timedelta(days=int(part["j"]) - 1)
        if part.get("zone"):
            tz = zone(part["zone"])
        elif part.get("minutes"):
            tz = dt.timezone(dt.timedelta(minutes=int(part["minutes"])))
        return to_utc(at, tz)
    except (ValueError, OverflowError):
        raise MQLError(f"Error parsing date string '{value[:100]}'", 241) from None
