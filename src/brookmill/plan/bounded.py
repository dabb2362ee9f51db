"""A pipeline over documents at hand, without source, sink and windows: ``brookmill.mql.run_pipeline``."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import Any

from brookmill.connections import Output
from brookmill.mql.code import system_now
from brookmill.mql.encoding import RELAXED
from brookmill.mql.values import Document, Value
from brookmill.plan.links import Link, Step
from brookmill.plan.segment import Segment
from brookmill.plan.track import Track
from brookmill.stages import STAGES, Place, Row, Stage, parse_stage

#: Most stages of a pipeline; MongoDB's own limit.
MAX_STAGES = 1000


def run(stages: Value, documents: Iterable[Document], *, reference: bool) -> list[Document]:
    """The documents after all stages. The first that cannot be processed stops everything.

    Raises PlanError, and MQLError as the document's stage raised it.
    """
    rows = [Row(document, {}) for document in documents]
    for link in links(parse(stages)):
        rows = _through(link, rows, reference)
    return [row.document for row in rows]


def parse(stages: Value) -> list[Stage]:
    """Stages that may stand in a window or in the main pipeline, but for those that bound it."""
    place = Place((), "window", {})
    if type(stages) is not list:
        raise place.wrong("a pipeline must be an array of stages", 14)
    if len(stages) > MAX_STAGES:
        raise place.wrong(f"Pipeline length must be no longer than {MAX_STAGES} stages", 7749501)
    parsed = []
    for i, spec in enumerate(stages):
        name = next(iter(spec), None) if type(spec) is dict else None
        member = None if name is None else STAGES.get(name)
        main = member is not None and "window" not in member.placements
        stage = parse_stage(spec, (place._replace(placement="main") if main else place).at(i))
        if stage.kind not in ("row", "blocking"):
            raise place.at(i, stage.name).wrong(f"{stage.name} needs a stream")
        parsed.append(stage)
    return parsed


def links(stages: Sequence[Stage]) -> list[Link]:
    """One link up to each blocking stage, and one for what follows the last."""
    found: list[Link] = []
    steps: list[Step] = []
    for position, stage in enumerate(stages, 1):
        any_stage: Any = stage
        if stage.kind == "blocking":
            found.append(Link(tuple(steps), blocking=any_stage, blocking_position=position))
            steps = []
        else:
            steps.append(Step(any_stage, position))
    if steps or not found:
        found.append(Link(tuple(steps), columns={}, sink_position=len(stages) + 1))
    return found


def _through(link: Link, rows: list[Row], reference: bool) -> list[Row]:
    drops = [0] * (len(link.steps) + max((step.position for step in link.steps), default=0) + 1)
    track = Track(
        Segment(link, "document", RELAXED),
        windows=None,
        drops=drops,
        bury=_refuse,
        now=system_now,
        reference=reference,
    )
    out = Output(columns={})
    track.take_documents([row.document for row in rows], None, 0, lambda i, _: rows[i].meta, out)
    if link.blocking is None:
        return [Row(document, {}) for document in out.values]
    assert track.collector is not None
    documents, metas = track.collector.results()
    return [Row(document, metas[i] if metas else {}) for i, document in enumerate(documents)]


def _refuse(position: int, row: Row, reason: str) -> None:
    """Raise again what a document could not be processed for."""
    error = sys.exception()
    assert error is not None, f"stage {position} buried {row} for {reason}"
    raise error
