"""``$tumblingWindow``: windows side by side."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import msgspec

from brookmill.clock import Clock
from brookmill.mql.code import Code
from brookmill.mql.values import Value
from brookmill.stages import MAIN, STAGES, Collector, Fire, Kind, Place, Placement, Row, Stage
from brookmill.stages.aligned_windows import AlignedWindows
from brookmill.stages.timing import Boundary, Offset, Span, Timing, inner_stages, length, shift, timing
from brookmill.stages.windows import Windows, window_meta


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """``idleTimeout`` and ``allowedLateness`` may also be the number 0."""

    interval: Span
    pipeline: list[Any]
    boundary: Boundary = "eventTime"
    offset: Offset | None = None
    idle_timeout: Span | int | None = None
    allowed_lateness: Span | int | None = None


@STAGES("$tumblingWindow")
@dataclass(frozen=True, slots=True)
class TumblingWindow:
    """Reference: Atlas Stream Processing, ``$tumblingWindow``. ``interval``, ``offset`` in milliseconds."""

    interval: int
    offset: int
    timing: Timing
    pipeline: tuple[Stage, ...]

    name: ClassVar[str] = "$tumblingWindow"
    kind: ClassVar[Kind] = "window"
    placements: ClassVar[frozenset[Placement]] = MAIN
    operator: ClassVar[str] = "TumblingWindowOperator"
    waits: ClassVar[bool] = False

    @classmethod
    def parse(cls, spec: Value, place: Place) -> Self:
        options = place.options(spec, Options)
        return cls(
            length(options.interval, place.at("interval")),
            shift(options.offset, place.at("offset")),
            timing(options.boundary, options.allowed_lateness, place, options.idle_timeout),
            inner_stages(options.pipeline, place.at("pipeline")),
        )

    def windows(self, collector: Callable[[], Collector], fire: Fire, clock: Clock) -> Windows:
        aligned = AlignedWindows(self.interval, self.interval, self.offset, collector)
        return Windows(self.timing, aligned, fire, clock)

    def find(self, windows: Windows, row: Row, time: int) -> Sequence[tuple[Row, Collector]]:
        aligned: Any = windows.open
        start, end, collector = aligned.only(time, windows.past)
        return [(row._replace(meta=window_meta(row.meta, start, end)), collector)]

    def emit_find(self, code: Code) -> None:
        with code.block("if not lo <= t < hi:"):
            code.line("windows.mark(partition, high)")
            code.line("lo, hi, into = windows.open.only(t, windows.past)")
            code.line("trigger = windows.trigger(partition)")
        code.meta = f"{code.bind(window_meta, 'window_meta')}({code.meta}, lo, hi)"
