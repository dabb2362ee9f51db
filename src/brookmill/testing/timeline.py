"""What a test feeds into a pipeline, in order: documents, and time that passes between them."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from bson import DatetimeMS

from brookmill.errors import BrookmillError
from brookmill.mql import Encoding, MQLError, encoder, parse_json
from brookmill.mql.dates import parse_date
from brookmill.mql.ejson import WRAPPERS, resolve
from brookmill.mql.values import Value, ms_from_date
from brookmill.testing.message import Message

#: A moment: a date, its ISO 8601 text, or milliseconds since the epoch.
When = dt.datetime | DatetimeMS | str | int | float
#: A span of time: seconds, a timedelta, ``{"size": 5, "unit": "minute"}``, or a text such as ``"5m"``.
Span = dt.timedelta | float | str | Mapping[str, Any]

_SPAN = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([a-z]+)\s*")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_SECONDS |= {"second": 1.0, "sec": 1.0, "minute": 60.0, "min": 60.0, "hour": 3600.0, "day": 86400.0}
_canonical = encoder(Encoding("canonicalJson"))


class InvalidFlow(BrookmillError):
    """A test is not written as it must be; the text says where and what."""


@dataclass(frozen=True)
class Event:
    """A document with what an outside system says about it.

    ``at``: the source's own time of the document (Kafka: of the message), and the earliest moment at which
    it arrives; the clock moves on to it. None: it arrives, and happens, when its turn comes. ``document``
    may be an array, text or bytes as they arrive, None: a Kafka tombstone. ``key``: bytes, or a value to be
    written as the source's ``keyFormat`` says. ``headers``: an object or an array of ``{k, v}``. ``topic``
    None: the first that the source reads.
    """

    document: Any
    at: When | None = None
    key: Any = None
    headers: Any = None
    partition: int = 0
    topic: str | None = None


@dataclass(frozen=True)
class Advance:
    """Time that passes while the source is silent: ``by`` a span, or up ``to`` a moment."""

    by: Span = 0.0
    to: When | None = None


_EVENT = frozenset(Event.__dataclass_fields__)
_ADVANCE = frozenset({"advance", "idle"})


@dataclass(frozen=True, slots=True)
class Pause:
    """The clock moves on by ``by`` milliseconds, and at least to ``to``."""

    by: int
    to: int


@dataclass(frozen=True, slots=True)
class Arrival:
    """``time``: milliseconds since the epoch; None: whenever its turn comes."""

    event: Event
    time: int | None


@dataclass
class Timeline:
    """``steps`` in the order in which they happen. ``partitions``: how many the source has at least.
    ``topics``: those that the test names.

    What happened when is kept: steps that are played again after a restart happen at the same time, and
    partitions have been silent for as long. ``heard``: monotonic time of the last event of each.
    """

    steps: Sequence[Pause | Arrival] = ()
    partitions: int = 1
    topics: frozenset[str] = frozenset()
    heard: dict[int, float] = field(default_factory=dict)
    _happened: dict[int, int] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.steps)

    @property
    def begins(self) -> int | None:
        """The first moment that is told, in milliseconds; None: none is."""
        times = (step.time if isinstance(step, Arrival) else step.to or None for step in self.steps)
        return next((time for time in times if time is not None), None)

    def ends(self, now: int) -> int:
        """When all pauses are over, of a timeline that begins ``now``."""
        for step in self.steps:
            if isinstance(step, Pause):
                now = max(now + step.by, step.to)
        return now

    def moment(self, index: int, now: int) -> int:
        """When step ``index`` happens if it does so ``now``: when a document came, or how long a pause is."""
        if index not in self._happened:
            step = self.steps[index]
            if isinstance(step, Pause):
                self._happened[index] = max(now + step.by, step.to)
            else:
                self._happened[index] = now if step.time is None else step.time
        return self._happened[index]


def timeline(entries: Iterable[Any], *, partitions: int = 1, topics: Iterable[str] = ()) -> Timeline:
    """The steps that ``entries`` mean: plain documents, ``Event`` and ``Advance``, or dicts in their shape.

    ``partitions``: how many the source has, if the events tell of fewer. ``topics``: as in ``Timeline``.
    Raises InvalidFlow.
    """
    steps: list[Pause | Arrival] = []
    highest = 0
    for number, entry in enumerate(entries):
        try:
            made = told(entry)
            step = _pause(made) if isinstance(made, Advance) else _arrival(made)
        except InvalidFlow as e:
            raise InvalidFlow(f"input {number}: {e}") from e
        if isinstance(step, Arrival):
            partitions = max(partitions, step.event.partition + 1)
            if step.time is not None and step.time > highest:
                highest = step.time
                _put(steps, Pause(0, highest))
        _put(steps, step)
    return Timeline(steps, partitions, frozenset(topics))


def _put(steps: list[Pause | Arrival], step: Pause | Arrival) -> None:
    """Pauses that follow each other are one: the source falls silent once."""
    last = steps[-1] if steps else None
    if isinstance(step, Pause) and isinstance(last, Pause) and (not last.to or not step.by):
        steps[-1] = Pause(last.by + step.by, max(last.to, step.to))
    else:
        steps.append(step)


def told(entry: Any) -> Event | Advance:
    """What one entry of the inputs means."""
    if isinstance(entry, Event | Advance):
        return entry
    if isinstance(entry, Message):
        headers = [{"k": name, "v": value} for name, value in entry.headers]
        return Event(entry.value if entry.raw is None else entry.raw, key=entry.key, headers=headers)
    if isinstance(entry, tuple) and len(entry) == 2:
        return Event(entry[1], at=entry[0])
    if isinstance(entry, Mapping):
        names = entry.keys()
        if len(names) == 1 and names <= _ADVANCE:
            return _advance(next(iter(entry.values())))
        if "document" in names and names <= _EVENT and _is_document(entry["document"]):
            return Event(**entry)
    return Event(entry)


def _advance(spec: Any) -> Advance:
    if isinstance(spec, Mapping) and spec.keys() == {"to"}:
        return Advance(to=spec["to"])
    return Advance(by=spec)


def _is_document(value: Any) -> bool:
    return value is None or isinstance(value, Mapping | list | bytes | str)


def _pause(advance: Advance) -> Pause:
    by = milliseconds(advance.by)
    return Pause(by, 0 if advance.to is None else moment(advance.to))


def _arrival(event: Event) -> Arrival:
    if not _is_document(event.document):
        raise InvalidFlow(f"{event.document!r:.100} is no document")
    if not isinstance(event.partition, int) or not 0 <= event.partition < 10_000:
        raise InvalidFlow("partition must be a small number, from 0")
    made = replace(
        event,
        document=bson_value(event.document),
        key=bson_value(event.key),
        headers=bson_value(event.headers),
    )
    return Arrival(made, None if event.at is None else moment(event.at))


def bson_value(value: Any) -> Value:
    """``value`` as the query language holds it; Extended JSON wrappers in it are resolved."""
    if value is None or isinstance(value, str | bytes):
        return value
    try:
        return parse_json(_canonical(resolve(value)))
    except (MQLError, ValueError) as e:
        raise InvalidFlow(str(e)) from e
    except TypeError as e:
        raise InvalidFlow(f"{value!r:.100} cannot be written as BSON: {e}") from e


def moment(when: Any) -> int:
    """Milliseconds since the epoch. Raises InvalidFlow."""
    if isinstance(when, Mapping) and when.keys() & WRAPPERS.keys():
        when = bson_value(when)
    if isinstance(when, dt.datetime | DatetimeMS):
        return ms_from_date(when)
    if isinstance(when, int | float) and not isinstance(when, bool):
        return int(when)
    if isinstance(when, str):
        try:
            return ms_from_date(parse_date(when))
        except MQLError as e:
            raise InvalidFlow(f"{when!r} is no moment: {e}") from e
    raise InvalidFlow(f"{when!r} is no moment: write a date, ISO 8601 text or milliseconds since the epoch")


def milliseconds(span: Any) -> int:
    """The length of a span in milliseconds. Raises InvalidFlow."""
    seconds: float | None = None
    if isinstance(span, dt.timedelta):
        seconds = span.total_seconds()
    elif isinstance(span, int | float) and not isinstance(span, bool):
        seconds = float(span)
    elif isinstance(span, Mapping) and span.keys() == {"size", "unit"}:
        seconds = float(span["size"]) * _SECONDS.get(span["unit"], -1)
    elif isinstance(span, str) and (match := _SPAN.fullmatch(span.lower())):
        unit = match[2] if match[2] in _SECONDS else match[2].removesuffix("s")
        seconds = float(match[1]) * _SECONDS.get(unit, -1)
    if seconds is None or seconds < 0:
        raise InvalidFlow(f'{span!r} is no span of time: write seconds, "5m" or {{size: 5, unit: "minute"}}')
    return round(seconds * 1000)
