"""What the options of a window say about time. Reference: engine reference, sections 1.8 and 2."""

from __future__ import annotations

from typing import Any, Final, Literal

import msgspec

from brookmill.mql.numbers import whole
from brookmill.mql.values import Value
from brookmill.stages import Place, Stage, parse_stages

UNITS: Final = {"ms": 1, "second": 1000, "minute": 60_000, "hour": 3_600_000, "day": 86_400_000}
#: How late a document may be where ``allowedLateness`` is not given, in milliseconds.
DEFAULT_LATENESS: Final = 3000
#: Longest span anybody may ask for: ten thousand years in milliseconds.
LONGEST: Final = 10_000 * 366 * UNITS["day"]

Boundary = Literal["eventTime", "processingTime"]


class Span(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A length of time."""

    size: int | float
    unit: Literal["ms", "second", "minute", "hour", "day"]


class Offset(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """How far windows are moved from the epoch."""

    offset_from_utc: int | float
    unit: Literal["ms", "second", "minute", "hour"]


class Timing(msgspec.Struct, frozen=True, kw_only=True):
    """``lateness``: how far the watermark must be past the end of a window. ``idle``: how long a silent
    source keeps windows open; None: for ever. ``processing_time``: the clock is the watermark.
    """

    lateness: int
    idle: int | None = None
    processing_time: bool = False


def length(span: Span, place: Place) -> int:
    """Milliseconds of a span that must not be empty. Raises PlanError."""
    return _ms(span.size, span.unit, place.at("size"), least=1)


def wait(span: Span | int | None, place: Place) -> int | None:
    """Milliseconds of a span that may be left out, or the number 0. Raises PlanError."""
    if span is None:
        return None
    if isinstance(span, Span):
        return _ms(span.size, span.unit, place.at("size"), least=0)
    if span:
        raise place.wrong("must be an object with size and unit, or 0")
    return 0


def shift(offset: Offset | None, place: Place) -> int:
    """Milliseconds of an offset, which may be negative. Raises PlanError."""
    if offset is None:
        return 0
    return _ms(offset.offset_from_utc, offset.unit, place.at("offsetFromUtc"), least=-LONGEST)


def _ms(size: float, unit: str, place: Place, *, least: int) -> int:
    number = whole(size)
    if number is None:
        raise place.wrong("must be an integer")
    if number * UNITS[unit] < least:
        raise place.wrong("must be greater than 0" if least > 0 else "must not be negative")
    if abs(number * UNITS[unit]) > LONGEST:
        raise place.wrong("is beyond all bounds: more than ten thousand years")
    return number * UNITS[unit]


def timing(
    boundary: Boundary, lateness: Span | int | None, place: Place, idle: Span | int | None = None
) -> Timing:
    """When windows close. ``place``: of the window stage. Raises PlanError."""
    if boundary == "processingTime":
        for name, span in (("allowedLateness", lateness), ("idleTimeout", idle)):
            if span is not None:
                raise place.at(name).wrong(f"{name} cannot be used with boundary processingTime")
        return Timing(lateness=0, processing_time=True)
    late = wait(lateness, place.at("allowedLateness"))
    return Timing(
        lateness=DEFAULT_LATENESS if late is None else late, idle=wait(idle, place.at("idleTimeout"))
    )


def inner_stages(specs: Any, place: Place) -> tuple[Stage, ...]:
    """The pipeline of a window. Raises PlanError."""
    if specs == []:
        raise place.wrong("the pipeline of a window must have at least one stage")
    return parse_stages(specs, place._replace(placement="window", last=False))


def unsettled(specs: Value) -> bool:
    """Whether stages may read what is known of a session only when it closes: ``$meta``, or a field path
    that stands for it.
    """
    if isinstance(specs, str):
        return "_stream_meta" in specs
    if isinstance(specs, list):
        return any(map(unsettled, specs))
    return isinstance(specs, dict) and any(name == "$meta" or unsettled(one) for name, one in specs.items())
