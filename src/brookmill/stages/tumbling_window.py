"""``$tumblingWindow``: windows side by side."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self

import msgspec

from brookmill.clock import Clock
from brookmill.mql.values import Value
from brookmill.stages import MAIN, STAGES, Collector, Fire, Kind, Place, Placement, Stage, parse_stages
from brookmill.stages.windows import UNITS, Timing, Windows

#: How late a document may be where ``allowedLateness`` is not given, in milliseconds.
DEFAULT_LATENESS = 3000
#: Longest span anybody may ask for: ten thousand years in milliseconds.
LONGEST = 10_000 * 366 * UNITS["day"]


class Span(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A length of time."""

    size: int
    unit: Literal["ms", "second", "minute", "hour", "day"]

    @property
    def ms(self) -> int:
        return self.size * UNITS[self.unit]


class Offset(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """How far windows are moved from the epoch."""

    offset_from_utc: int
    unit: Literal["ms", "second", "minute", "hour"]


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """``idleTimeout`` and ``allowedLateness`` may also be the number 0."""

    interval: Span
    pipeline: list[Any]
    boundary: Literal["eventTime", "processingTime"] = "eventTime"
    offset: Offset | None = None
    idle_timeout: Span | int | None = None
    allowed_lateness: Span | int | None = None


def span_ms(span: Span | int | None, place: Place, *, least: int = 0) -> int | None:
    """Milliseconds of a span that may be left out or 0. Raises PlanError."""
    if span is None:
        return None
    if isinstance(span, int):
        if span:
            raise place.wrong("must be an object with size and unit, or 0")
        return 0
    if not least <= span.ms <= LONGEST:
        raise place.wrong(f"size must be at least {least} and not beyond all bounds")
    return span.ms


def inner_stages(specs: Value, place: Place) -> tuple[Stage, ...]:
    """The pipeline of a window. Raises PlanError."""
    if not specs:
        raise place.wrong("the pipeline of a window must have at least one stage")
    return parse_stages(specs, place._replace(placement="window"))


def timing(options: Options, place: Place) -> Timing:
    """What the options say about time. Raises PlanError."""
    size = span_ms(options.interval, place.at("interval"), least=1)
    late = span_ms(options.allowed_lateness, place.at("allowedLateness"))
    idle = span_ms(options.idle_timeout, place.at("idleTimeout"))
    by_clock = options.boundary == "processingTime"
    if by_clock and (late is not None or idle is not None):
        name = "idleTimeout" if late is None else "allowedLateness"
        raise place.at(name).wrong(f"{name} cannot be used with boundary processingTime")
    moved = 0 if options.offset is None else options.offset.offset_from_utc * UNITS[options.offset.unit]
    if abs(moved) > LONGEST:
        raise place.at("offset").wrong("the offset is beyond all bounds")
    lateness = 0 if by_clock else DEFAULT_LATENESS if late is None else late
    return Timing(size=size or 1, offset=moved, lateness=lateness, idle=idle, processing_time=by_clock)


@STAGES("$tumblingWindow")
@dataclass(frozen=True, slots=True)
class TumblingWindow:
    """Reference: Atlas Stream Processing, ``$tumblingWindow``."""

    timing: Timing
    pipeline: tuple[Stage, ...]

    name: ClassVar[str] = "$tumblingWindow"
    kind: ClassVar[Kind] = "window"
    placements: ClassVar[frozenset[Placement]] = MAIN
    operator: ClassVar[str] = "TumblingWindowOperator"

    @classmethod
    def parse(cls, spec: Value, place: Place) -> Self:
        options = place.options(spec, Options)
        return cls(timing(options, place), inner_stages(spec["pipeline"], place.at("pipeline")))

    def windows(self, collector: Callable[[], Collector], fire: Fire, clock: Clock) -> Windows:
        return Windows(self.timing, collector, fire, clock)
