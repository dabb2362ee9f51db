"""A pipeline cut where documents must be collected: each link is one fused segment and what takes its
documents.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from brookmill.mql.expression import Expression
from brookmill.stages import Collector, RowStage, SinkStage, SourceStage, Stage, WindowStage
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
    """``steps``, then in the window ``window`` (if there is one) ``inner``, then into ``blocking``, or out.

    Positions are those of operators in the statistics, the source being 0. ``first``: it takes the source's
    batches.
    ``ts_field``: field that gets the event time. ``columns``: of the sink, on the last link.
    """

    steps: tuple[Step, ...]
    first: bool = False
    window: WindowStage | None = None
    window_position: int = 0
    inner: tuple[Step, ...] = ()
    blocking: Any = None
    blocking_position: int = 0
    time_field: Expression | None = None
    ts_field: str | None = None
    columns: Mapping[str, Expression] | None = None
    sink_position: int = 0


def cut(
    source: SourceStage, stages: Iterable[Stage], sink: SinkStage | None
) -> tuple[list[Link], list[Stage]]:
    """The links of the main pipeline between source and sink, and all their stages by operator position
    from 1.
    """
    first: dict[str, Any] = {"first": True, "time_field": source.time_field, "ts_field": source.ts_field}
    operators: list[Stage] = []
    links: list[Link] = []
    steps: list[Step] = []

    def number(stage: Stage) -> int:
        operators.append(stage)
        return len(operators)

    for stage in stages:
        if stage.kind == "window":
            window: Any = stage
            position = number(stage)
            inner = [(one, number(one)) for one in window.pipeline]
            at = next((i for i, (one, _) in enumerate(inner) if one.kind == "blocking"), len(inner))
            before = tuple(Step(one, p) for one, p in inner[:at])
            blocking, at_position = inner[at] if at < len(inner) else (Keep(), position)
            links.append(
                Link(
                    steps=tuple(steps),
                    window=window,
                    window_position=position,
                    inner=before,
                    blocking=blocking,
                    blocking_position=at_position,
                    **({} if links else first),
                )
            )
            steps = _rest(inner[at + 1 :], links)
        else:
            row: Any = stage
            steps.append(Step(row, number(stage)))
    links.append(
        Link(
            steps=tuple(steps),
            **({} if links else first),
            columns={} if sink is None else dict(sink.columns),
            sink_position=len(operators) + 1,
        )
    )
    return links, operators


def _rest(inner: list[tuple[Any, int]], links: list[Link]) -> list[Step]:
    """Links for what follows a window's first blocking stage; the steps after its last one are handed
    back.
    """
    steps: list[Step] = []
    for stage, position in inner:
        if stage.kind == "blocking":
            links.append(Link(steps=tuple(steps), blocking=stage, blocking_position=position))
            steps = []
        else:
            steps.append(Step(stage, position))
    return steps
