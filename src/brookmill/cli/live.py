"""A pipeline run in this process, on real systems and the real clock, until somebody has seen enough."""

from __future__ import annotations

from collections.abc import Mapping

from bson import ObjectId
from msgspec import UNSET

from brookmill.cli import Refused
from brookmill.cli.screen import Screen, ShownLetters, ShownSink
from brookmill.clock import SystemClock
from brookmill.config import Outside
from brookmill.connections import Opening
from brookmill.connections.presumed import uses
from brookmill.domain.connection import Connection
from brookmill.mql.values import Document
from brookmill.plan import plan
from brookmill.runtime.flow import Flow
from brookmill.runtime.opening import assembled
from brookmill.testing.flow_file import Case
from brookmill.testing.pipeline import definitions, stages_of
from brookmill.testing.used import connections

#: Seconds between two looks at the counts, and until what was written is made sure of.
_LOOK, _FLUSH = 0.5, 5.0


def play(
    case: Case, screen: Screen, outside: Outside, clusters: Mapping[str, str], seconds: float | None
) -> None:
    """Until the screen is full, ``seconds`` have passed, or Ctrl-C. Raises what stops a processor."""
    stages = stages_of(case.pipeline)
    field = case.stream_meta_field_name
    given = _given(case, stages)
    planned = plan(stages, given, sinkless=True, stream_meta_field=None if field is UNSET else field)
    opening = Opening(str(ObjectId()), SystemClock(), outside=outside, clusters=clusters, connections=given)
    flow = assembled(
        planned, opening, lambda: ShownLetters(screen), outlet=lambda sink: ShownSink(sink, screen)
    )
    try:
        _turn(flow, screen, seconds)
        flow.checkpoint()
        screen.done(flow.stats())
    finally:
        flow.close()


def _given(case: Case, stages: list[Document]) -> dict[str, Connection]:
    """What the file defines, and samples, which need no definition."""
    defined = definitions(None if case.connections is UNSET else case.connections)
    unknown = [name for name, kind in uses(stages) if name not in defined and kind != "Sample"]
    if unknown:
        raise Refused(f"the file neither defines the connection {unknown[0]} nor has inputs to play")
    return connections(stages, defined)


def _turn(flow: Flow, screen: Screen, seconds: float | None) -> None:
    clock = SystemClock()
    begun = looked = flushed = clock.monotonic()
    try:
        while not screen.full and (seconds is None or clock.monotonic() - begun < seconds):
            flow.turn()
            now = clock.monotonic()
            if now - looked >= _LOOK:
                screen.progress(flow.stats(), now - begun)
                looked = now
            if now - flushed >= _FLUSH:
                flow.checkpoint()
                flushed = now
    except KeyboardInterrupt:
        return
