"""``$hoppingWindow``: windows that overlap, or leave gaps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final, Self

import msgspec

from brookmill.clock import Clock
from brookmill.mql.code import Code
from brookmill.mql.values import Value
from brookmill.stages import MAIN, STAGES, Collector, Fire, Kind, Place, Placement, Row, Stage
from brookmill.stages.aligned_windows import AlignedWindows
from brookmill.stages.timing import Boundary, Offset, Span, Timing, inner_stages, length, shift, timing
from brookmill.stages.windows import Windows, window_meta

#: In at most so many windows a document may be; it is taken into each of them.
MOST: Final = 10_000


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """``idleTimeout`` and ``allowedLateness`` may also be the number 0."""

    interval: Span
    hop_size: Span
    pipeline: list[Any]
    boundary: Boundary = "eventTime"
    offset: Offset | None = None
    idle_timeout: Span | int | None = None
    allowed_lateness: Span | int | None = None


@STAGES("$hoppingWindow")
@dataclass(frozen=True, slots=True)
class HoppingWindow:
    """Reference: Atlas Stream Processing, ``$hoppingWindow``. ``interval``, ``hop``, ``offset`` in ms."""

    interval: int
    hop: int
    offset: int
    timing: Timing
    pipeline: tuple[Stage, ...]

    name: ClassVar[str] = "$hoppingWindow"
    kind: ClassVar[Kind] = "window"
    placements: ClassVar[frozenset[Placement]] = MAIN
    operator: ClassVar[str] = "HoppingWindowOperator"
    waits: ClassVar[bool] = False

    @classmethod
    def parse(cls, spec: Value, place: Place) -> Self:
        options = place.options(spec, Options)
        interval = length(options.interval, place.at("interval"))
        hop = length(options.hop_size, place.at("hopSize"))
        if interval > hop * MOST:
            raise place.at("hopSize").wrong(f"a document would be in more than {MOST} windows at once")
        return cls(
            interval,
            hop,
            shift(options.offset, place.at("offset")),
            timing(options.boundary, options.allowed_lateness, place, options.idle_timeout),
            inner_stages(options.pipeline, place.at("pipeline")),
        )

    def windows(self, collector: Callable[[], Collector], fire: Fire, clock: Clock) -> Windows:
        aligned = AlignedWindows(self.interval, self.hop, self.offset, collector)
        return Windows(self.timing, aligned, fire, clock)

    def find(self, windows: Windows, row: Row, time: int) -> Sequence[tuple[Row, Collector]]:
        aligned: Any = windows.open
        _, _, found = aligned.all(time, windows.past)
        return [
            (row._replace(meta=window_meta(row.meta, start, end)), collector)
            for start, end, collector in found
        ]

    def emit_find(self, code: Code) -> None:
        with code.block("if not lo <= t < hi:"):
            code.line("windows.mark(partition, high)")
            code.line("lo, hi, found = windows.open.all(t, windows.past)")
            code.line("trigger = windows.trigger(partition)")
        code.each("found", "start, end, into", rows=False)
        code.meta = f"{code.bind(window_meta, 'window_meta')}({code.meta}, start, end)"
