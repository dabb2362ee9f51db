"""Counts by operator. They are kept by link and by dropped document, and worked out only when somebody
asks.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec
from bson import Int64

from brookmill.mql.values import Document

if TYPE_CHECKING:
    from brookmill.plan.links import Link
    from brookmill.plan.pipeline import Plan


class Counts(msgspec.Struct):
    """``input``: documents by link; ``drops`` and ``dead``: by operator position; ``output``: of the whole
    pipeline.
    """

    input: list[int]
    drops: list[int]
    dead: list[int]
    output: int = 0

    @classmethod
    def of(cls, operators: int, links: int) -> Counts:
        return cls([0] * links, [0] * operators, [0] * operators)

    def snapshot(self) -> Document:
        lists = {name: [Int64(n) for n in getattr(self, name)] for name in ("input", "drops", "dead")}
        return {**lists, "output": Int64(self.output)}

    def restore(self, snapshot: Document) -> None:
        """In place: generated code holds on to the lists. Those of another pipeline are left alone."""
        if any(len(getattr(self, name)) != len(snapshot[name]) for name in ("input", "drops", "dead")):
            return
        for name in ("input", "drops", "dead"):
            getattr(self, name)[:] = map(int, snapshot[name])
        self.output = int(snapshot["output"])


def operator_stats(plan: Plan, counts: Counts, derived: Sequence[int | None]) -> list[Document]:
    """One document an operator, the source first.

    Sizes are known only where documents exist as such, at both ends; a fused segment never builds them in
    between.
    """
    flows: dict[int, tuple[int, int]] = {0: (counts.input[0], counts.input[0] - counts.dead[0])}
    for index, link in enumerate(plan.links):
        _follow(flows, link, counts, index, derived[index])
    return [
        {
            "name": plan.operator(position),
            "inputMessageCount": Int64(flows[position][0]),
            "outputMessageCount": Int64(flows[position][1]),
            "dlqMessageCount": Int64(counts.dead[position]),
        }
        for position in sorted(flows)
    ]


def _follow(
    flows: dict[int, tuple[int, int]], link: Link, counts: Counts, index: int, derived: int | None
) -> None:
    """Input and output of each operator of one link."""
    left = counts.input[index] - (counts.dead[0] if link.first else 0)
    drops = dict(enumerate(counts.drops))
    if derived is not None:
        others = sum(drops[s.position] + counts.dead[s.position] for s in link.steps)
        gone = left - counts.output - counts.dead[link.sink_position]
        drops[derived] = gone - (others - drops[derived])
    for step in link.steps:
        flows[step.position] = (left, left - drops[step.position] - counts.dead[step.position])
        left = flows[step.position][1]
    if link.window is not None:
        gone = drops[link.window_position] + counts.dead[link.window_position]
        flows[link.window_position] = (left, left - gone)
        left = flows[link.window_position][1]
        for step in link.inner:
            flows[step.position] = (left, left - drops[step.position] - counts.dead[step.position])
            left = flows[step.position][1]
    if link.blocking is not None:
        entered = flows[link.window_position][0] if link.blocking_position == link.window_position else left
        flows[link.blocking_position] = (entered, counts.input[index + 1])
    elif link.ask is not None:
        flows[link.sink_position] = (left, left - counts.dead[link.sink_position])
    else:
        flows[link.sink_position] = (left, counts.output)
