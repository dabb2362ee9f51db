"""A pipeline cut where documents are collected: a link is a fused segment and what takes its documents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from brookmill.mql.expression import Expression
from brookmill.stages import AskStage, Collector, RowStage, SinkStage, SourceStage, Stage, WindowStage
from brookmill.stages.buffer import Buffer, emit_row


@dataclass(frozen=True, slots=True)
class Step:
    """A row stage and the position of its operator in the statistics."""

    stage: RowStage
    position: int


@dataclass(frozen=True, slots=True)
class Keep:
    """Stands where a window's pipeline has no blocking stage: documents wait for the end of the window."""

    operator: str = ""

    def collector(self) -> Collector:
        return Buffer()

    emit_add = staticmethod(emit_row)


@dataclass(frozen=True, slots=True)
class Link:
    """``steps``, then in the window ``window`` (if there is one) ``inner``, then into ``blocking``, to
    ``ask``, or out.

    Positions are those of operators in the statistics, the source being 0. ``first``: it takes the source's
    batches. ``timed``: a window comes later, so event times go along. ``ts_field``: field that gets the event
    time. ``columns``: of the stage that asks, or of the sink on the last link; ``sink_position``: its own.
    """

    steps: tuple[Step, ...]
    first: bool = False
    timed: bool = False
    window: WindowStage | None = None
    window_position: int = 0
    inner: tuple[Step, ...] = ()
    blocking: Any = None
    blocking_position: int = 0
    ask: AskStage | None = None
    time_field: Expression | None = None
    ts_field: str | None = None
    columns: Mapping[str, Expression] | None = None
    sink_position: int = 0


@dataclass(slots=True)
class _Cutting:
    """The links of the main pipeline so far; ``steps`` are those after the last of them. ``timed``: a window
    comes later.
    """

    source: SourceStage
    timed: bool
    operators: list[Stage] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)

    def number(self, stage: Stage) -> int:
        """The stage's operator position."""
        self.operators.append(stage)
        return len(self.operators)

    def take(self, stage: Any, position: int) -> None:
        """The next stage, of the main pipeline or behind the first one in a window that is no row stage."""
        if stage.kind == "window":
            self.take_window(stage, position)
        elif stage.kind == "blocking":
            self.close(blocking=stage, blocking_position=position)
        elif stage.kind == "ask":
            self.close(ask=stage, columns=stage.columns, sink_position=position, timed=self.timed)
        else:
            self.steps.append(Step(stage, position))

    def take_window(self, window: WindowStage, position: int) -> None:
        """A window's documents wait for its end where its pipeline asks before it collects, or needs it."""
        self.timed = False
        inner: list[tuple[Any, int]] = [(stage, self.number(stage)) for stage in window.pipeline]
        at = next((i for i, (stage, _) in enumerate(inner) if stage.kind != "row"), len(inner))
        at = 0 if window.waits else at
        collects = at < len(inner) and inner[at][0].kind == "blocking" and not window.waits
        blocking, blocking_position = inner[at] if collects else (Keep(), position)
        self.close(
            window=window,
            window_position=position,
            inner=tuple(Step(stage, number) for stage, number in inner[:at]),
            blocking=blocking,
            blocking_position=blocking_position,
        )
        for stage, number in inner[at + collects :]:
            self.take(stage, number)

    def close(self, **end: Any) -> None:
        """A link of the steps so far and what they end in."""
        if not self.links:
            end |= {"first": True, "time_field": self.source.time_field, "ts_field": self.source.ts_field}
        self.links.append(Link(tuple(self.steps), **end))
        self.steps = []


def cut(
    source: SourceStage, stages: Sequence[Stage], sink: SinkStage | None
) -> tuple[list[Link], list[Stage]]:
    """The links of the main pipeline between source and sink; all their stages by operator position."""
    cutting = _Cutting(source, timed=any(stage.kind == "window" for stage in stages))
    for stage in stages:
        cutting.take(stage, cutting.number(stage))
    columns = {} if sink is None else dict(sink.columns)
    cutting.close(columns=columns, sink_position=len(cutting.operators) + 1)
    return cutting.links, cutting.operators
