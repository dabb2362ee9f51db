"""Version negotiation: which version of a resource an Accept header asks for, and what may be sent to it.

Reference: Admin API contract, d.1.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from dataclasses import dataclass

from brookmill.errors import UserError
from brookmill.operations import Deprecated, Operation

#: Every version date that upstream has published.
KNOWN = frozenset(
    dt.date.fromisoformat(text)
    for text in (
        *("2023-01-01", "2023-02-01", "2023-10-01", "2023-11-15", "2024-05-30"),
        *("2024-08-05", "2024-10-23", "2024-11-13", "2025-02-19", "2025-03-12"),
    )
)

_ASKED = re.compile(r"application/vnd\.atlas\.([0-9]{4}-[0-9]{2}-[0-9]{2})\+(json|gzip|csv)", re.IGNORECASE)
_SENT = re.compile(r"application/(json|vnd\.atlas\.[0-9a-z-]+\+json)", re.IGNORECASE)
_QUALITY = re.compile(r"0(\.[0-9]{0,3})?|1(\.0{0,3})?")
_SHOWN = 120
_ANY = {"*/*", "application/*"}
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@dataclass(frozen=True, slots=True)
class Resolved:
    """The version that answers. ``deprecated`` is set when its days are numbered."""

    version: dt.date
    media: str
    deprecated: Deprecated | None = None

    @property
    def content_type(self) -> str:
        charset = "" if self.media == "gzip" else ";charset=utf-8"
        return f"application/vnd.atlas.{self.version}+{self.media}{charset}"

    @property
    def headers(self) -> list[tuple[str, str]]:
        """``Deprecation`` and ``Sunset``, in upstream's spelling of a date."""
        if self.deprecated is None:
            return []
        return [
            ("Deprecation", _spelled(self.deprecated.since)),
            ("Sunset", _spelled(self.deprecated.sunset)),
        ]


def _spelled(day: dt.date) -> str:
    return f"{_DAYS[day.weekday()]}, {day.day} {_MONTHS[day.month - 1]} {day.year} 00:00:00 GMT"


def resolve(accept: str | None, operation: Operation, today: dt.date, *, lenient: bool = False) -> Resolved:
    """The newest version of the operation's resource that is not younger than the date asked for.

    Of several media ranges the one of the highest quality that can be answered counts. ``lenient``: dates
    that upstream never published round down, and plain JSON (or no Accept at all) means the newest version.
    Raises INVALID_VERSION_DATE (406) and VERSION_GONE (410).
    """
    gone: Deprecated | None = None
    for media_range in _ranges(accept if accept is not None else "*/*"):
        resolved = _answerable(media_range, operation, lenient=lenient)
        if resolved is None:
            continue
        if resolved.deprecated is None or today < resolved.deprecated.sunset:
            return resolved
        gone = resolved.deprecated
    if gone is not None:
        raise UserError("VERSION_GONE", str(gone.version), str(gone.sunset))
    raise UserError("INVALID_VERSION_DATE")


def _ranges(accept: str) -> Iterator[str]:
    """The media ranges of an Accept header, best first; those of quality 0 are left out."""
    weighed = []
    for text in accept.split(","):
        media_range, *parameters = (part.strip() for part in text.split(";"))
        quality = next((p[2:].strip() for p in parameters if p[:2].lower() == "q="), "1")
        if _QUALITY.fullmatch(quality) and float(quality) > 0:
            weighed.append((-float(quality), media_range))
    return (media_range for _, media_range in sorted(weighed, key=lambda pair: pair[0]))


def _answerable(media_range: str, operation: Operation, *, lenient: bool) -> Resolved | None:
    if match := _ASKED.fullmatch(media_range):
        day, media = match[1], match[2].lower()
        return _at(_date(day, lenient=lenient), operation) if media == operation.media else None
    plain = media_range.lower()
    if lenient and (plain in _ANY or plain == f"application/{operation.media}"):
        return Resolved(operation.since, operation.media)
    return None


def _date(text: str, *, lenient: bool) -> dt.date | None:
    try:
        day = dt.date.fromisoformat(text)
    except ValueError:
        return None
    return day if lenient or day in KNOWN else None


def _at(day: dt.date | None, operation: Operation) -> Resolved | None:
    if day is None:
        return None
    if day >= operation.since:
        return Resolved(operation.since, operation.media)
    older = [d for d in operation.deprecated if d.version <= day]
    return Resolved(older[-1].version, operation.media, older[-1]) if older else None


def accept_body(content_type: str | None, content_encoding: str | None) -> None:
    """Refuse a body that is not JSON; without a type it counts as such. Raises UNSUPPORTED_MEDIA_TYPE."""
    if content_encoding is not None and content_encoding.strip().lower() not in ("", "identity"):
        raise UserError("UNSUPPORTED_MEDIA_TYPE", content_encoding[:_SHOWN])
    if content_type is not None and not _SENT.fullmatch(content_type.partition(";")[0].strip()):
        raise UserError("UNSUPPORTED_MEDIA_TYPE", content_type[:_SHOWN])
