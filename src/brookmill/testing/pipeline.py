"""``run``: what a pipeline makes of the documents of a test."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, Literal

from brookmill.clock import VirtualClock
from brookmill.connections.https import Https
from brookmill.connections.sample import Sample
from brookmill.domain.connection import Connection
from brookmill.mql import Document, parse_json
from brookmill.mql.errors import MQLError
from brookmill.plan import plan
from brookmill.runtime.flow import BATCH_LIMIT
from brookmill.stages import SourceStage
from brookmill.stages.source import Source
from brookmill.testing.clusters import Clusters, contents
from brookmill.testing.inputs import Inputs, played
from brookmill.testing.lambdas import Functions, Lambdas
from brookmill.testing.play import PROCESSOR, Play
from brookmill.testing.result import Result
from brookmill.testing.spelling import understood
from brookmill.testing.standins import standin
from brookmill.testing.timeline import InvalidFlow, Span, Timeline, When, bson_value, milliseconds, moment
from brookmill.testing.used import connections as used
from brookmill.testing.web import Endpoint, Web
from brookmill.testing.world import World

#: When tests begin that do not say so: 2025-01-01T00:00:00Z, in milliseconds.
BEGIN: Final = 1_735_689_600_000

Stages = Sequence[Mapping[str, Any]]


class Everywhere:
    """Holds every number."""

    def __contains__(self, number: object) -> bool:
        return True


def run(
    pipeline: str | bytes | Stages | Mapping[str, Any],
    inputs: Inputs | None = None,
    *,
    collections: Mapping[str, Any] | None = None,
    topics: Mapping[str, Any] | None = None,
    https: Endpoint | Mapping[str, Any] | None = None,
    functions: Functions | Callable[[Any], Any] | None = None,
    clock: VirtualClock | When | None = None,
    connections: Mapping[str, Mapping[str, Any]] | Iterable[Mapping[str, Any]] | None = None,
    stream_meta_field_name: str | None = None,
    duration: Span | None = None,
    strict: bool = False,
    close_windows: bool = True,
    batch_size: int = BATCH_LIMIT,
    checkpoint_every: int | None = None,
    crash_at: Iterable[int] | Literal["every"] = (),
) -> Result:
    """Play ``inputs`` through ``pipeline`` on a virtual clock and give what came of them.

    What runs is what runs in production: planner, generated code, windows, checkpoints, dead letters,
    connections; only what is behind these is in memory.

    ``pipeline``: stages, as Python objects or as Extended JSON text; it may end without a sink. Or the
    definition of a processor, ``{name, pipeline, options}``.
    ``inputs``: plain documents, ``(when, document)``, ``Event`` and ``Advance``, or dicts in their shape: of
    the source, or by connection name. ``topics``: the same by Kafka topic, read from the beginning.
    ``collections``: what clusters hold at first, by ``connection.db.coll`` or ``db.coll``, or nested so.
    ``https``: answers the requests of ``$https``, see ``Web``. ``functions``: answer the calls of
    ``$externalFunction``: by name or by connection, what is called with the payload, or a reply.
    ``clock``: when the test begins; None: at the first moment that the inputs tell, else at ``BEGIN``.
    ``connections``: definitions as in the Admin API; of others the types follow from their use.
    ``stream_meta_field_name``: the processor option ``streamMetaFieldName``.
    ``duration``: how long the pipeline runs on the clock at least, though the inputs end earlier; a sample
    without inputs makes up documents for so long. ``strict``: refuse spellings of earlier years, as servers
    do; else they are read as today's, and ``Result.notes`` tells.
    ``close_windows``: at the end, windows that are still open give what they hold.
    ``batch_size``: most documents that are read at once. ``checkpoint_every``: so many batches; None: every
    minute of the clock, and before crashes. ``crash_at``: after these batches, counted from 1, everything is
    thrown away, and the last checkpoint resumed.

    Raises InvalidFlow for what is wrong with the test, PlanError for the pipeline, ConnectionFailed when the
    processor could not go on.
    """
    stages, processor = _definition(pipeline)
    stages, notes = (stages, []) if strict else understood(stages)
    source = stages[0].get("$source") if stages else None
    timeline = played(source, inputs, topics or {}) if isinstance(source, Mapping) else None
    made = used(stages, definitions(connections))
    now = _clock(clock, timeline)
    world = World(
        now,
        Clusters(contents(collections or {}, made), now),
        Web(https, {name: str(one.url) for name, one in made.items() if isinstance(one, Https)}),
        Lambdas(functions),
    )
    standins = {name: standin(connection, world) for name, connection in made.items()}
    meta = stream_meta_field_name or (processor.get("options") or {}).get("streamMetaFieldName")
    planned = plan(stages, standins, sinkless=True, stream_meta_field=meta)
    play = Play(
        planned,
        standins,
        world,
        batch_size=batch_size,
        checkpoint_every=checkpoint_every,
        processor=str(processor.get("name") or PROCESSOR),
        crash_at=Everywhere() if crash_at == "every" else frozenset(crash_at),
    )
    span = 0 if duration is None else milliseconds(duration)
    until = _until(planned.source, standins, world, timeline, span)
    try:
        return replace(play.run(until=until, close_windows=close_windows), notes=notes)
    finally:
        world.clusters.close()


def _definition(pipeline: Any) -> tuple[list[Document], Mapping[str, Any]]:
    """The stages, and the processor they belong to if a whole one is defined. Raises InvalidFlow."""
    if isinstance(pipeline, str | bytes):
        pipeline = _parsed(pipeline)
    if not isinstance(pipeline, Mapping):
        return stages_of(pipeline), {}
    return stages_of(pipeline.get("pipeline")), pipeline


def _until(
    source: SourceStage,
    standins: Mapping[str, Connection],
    world: World,
    timeline: Timeline | None,
    span: int,
) -> float | None:
    """When to stop on the monotonic clock, though the inputs end earlier; None: when they do. The timeline is
    given to the connection that plays it; of one that none does, pauses are time that passes.

    ``span``: milliseconds. Raises InvalidFlow for a source without an end.
    """
    begin = round(world.clock.now() * 1000)
    if timeline is not None and source.connection is not None:
        world.timelines[source.connection] = timeline
    elif timeline is not None:
        span = max(span, timeline.ends(begin) - begin)
    elif not span and ((isinstance(source, Source) and source.schedule) or _is_sample(source, standins)):
        raise InvalidFlow('the source makes up documents: say for how long, as in duration="10m"')
    return world.clock.monotonic() + span / 1000 if span else None


def _is_sample(source: SourceStage, connections: Mapping[str, Connection]) -> bool:
    return isinstance(connections.get(source.connection or ""), Sample)


def stages_of(pipeline: Any) -> list[Document]:
    """The stages as the planner takes them. Raises InvalidFlow."""
    try:
        stages = _parsed(pipeline) if isinstance(pipeline, str | bytes) else bson_value(list(pipeline))
    except TypeError:
        stages = None
    if not isinstance(stages, list) or not all(isinstance(stage, dict) for stage in stages):
        raise InvalidFlow("the pipeline must be an array of stages")
    return stages


def _parsed(text: str | bytes) -> Any:
    try:
        return parse_json(text)
    except MQLError as e:
        raise InvalidFlow(f"the pipeline: {e}") from e


def definitions(connections: Any) -> dict[str, Mapping[str, Any]]:
    """Definitions by name, of a mapping or of a list of such as the Admin API answers."""
    if connections is None or isinstance(connections, Mapping):
        return dict(connections or {})
    return {str(one.get("name")): one for one in connections}


def _clock(clock: VirtualClock | When | None, timeline: Timeline | None) -> VirtualClock:
    if isinstance(clock, VirtualClock):
        return clock
    begin = None if timeline is None else timeline.begins
    if clock is not None:
        begin = moment(clock)
    return VirtualClock((BEGIN if begin is None else begin) / 1000)
