"""``$sessionWindow``: windows that last as long as documents keep coming."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import msgspec

from brookmill.clock import Clock
from brookmill.mql.code import Code
from brookmill.mql.expression import Expression
from brookmill.mql.values import Value
from brookmill.stages import MAIN, STAGES, Collector, Fire, Kind, Place, Placement, Row, Stage
from brookmill.stages.sessions import Sessions, session_meta
from brookmill.stages.timing import Boundary, Span, Timing, inner_stages, length, timing, unsettled
from brookmill.stages.windows import Windows


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """``allowedLateness`` may also be the number 0. ``partitionBy`` is an expression."""

    partition_by: Any
    gap: Span
    pipeline: list[Any]
    boundary: Boundary = "eventTime"
    allowed_lateness: Span | int | None = None


@STAGES("$sessionWindow")
@dataclass(frozen=True, slots=True)
class SessionWindow:
    """Reference: Atlas Stream Processing, ``$sessionWindow``. ``gap`` in milliseconds."""

    partition_by: Expression
    gap: int
    timing: Timing
    pipeline: tuple[Stage, ...]
    waits: bool

    name: ClassVar[str] = "$sessionWindow"
    kind: ClassVar[Kind] = "window"
    placements: ClassVar[frozenset[Placement]] = MAIN
    operator: ClassVar[str] = "SessionWindowOperator"

    @classmethod
    def parse(cls, spec: Value, place: Place) -> Self:
        options = place.options(spec, Options)
        by, at = options.partition_by, place.at("partitionBy")
        if isinstance(by, dict) and len(by) != 1:
            raise at.wrong("must be a field or an expression, not an object of several fields")
        return cls(
            at.expression(by),
            length(options.gap, place.at("gap")),
            timing(options.boundary, options.allowed_lateness, place),
            inner_stages(options.pipeline, place.at("pipeline")),
            unsettled(options.pipeline),
        )

    def windows(self, collector: Callable[[], Collector], fire: Fire, clock: Clock) -> Windows:
        return Windows(self.timing, Sessions(self.gap, collector), fire, clock)

    def find(self, windows: Windows, row: Row, time: int) -> Sequence[tuple[Row, Collector]]:
        sessions: Any = windows.open
        partition = self.partition_by.evaluate(row.env())
        collector = sessions.of(time, partition, windows.past)
        return [(row._replace(meta=session_meta(row.meta, partition)), collector)]

    def emit_find(self, code: Code) -> None:
        value = code.local(self.partition_by.emit(code))
        code.line("windows.mark(partition, high)")
        code.line(f"into = windows.open.of(t, {value.text}, windows.past)")
        code.meta = f"{code.bind(session_meta, 'session_meta')}({code.meta}, {value.text})"
