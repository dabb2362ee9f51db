"""``run``: what a pipeline makes of the documents of a test."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, Literal

from brookmill.clock import VirtualClock
from brookmill.connections.sample import Sample
from brookmill.mql import Document, parse_json
from brookmill.mql.errors import MQLError
from brookmill.plan import plan
from brookmill.runtime.flow import BATCH_LIMIT
from brookmill.testing.clusters import Clusters, contents
from brookmill.testing.inputs import Inputs, played
from brookmill.testing.lambdas import Functions, Lambdas
from brookmill.testing.play import Play
from brookmill.testing.result import Result
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
    pipeline: str | bytes | Stages,
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
    close_windows: bool = True,
    batch_size: int = BATCH_LIMIT,
    checkpoint_every: int | None = None,
    crash_at: Iterable[int] | Literal["every"] = (),
) -> Result:
    """Play ``inputs`` through ``pipeline`` on a virtual clock and give what came of them.

    What runs is what runs in production: planner, generated code, windows, checkpoints, dead letters,
    connections; only what is behind these is in memory.

    ``pipeline``: stages, as Python objects or as Extended JSON text; it may end without a sink.
    ``inputs``: plain documents, ``Event`` and ``Advance``, or dicts in their shape: of the source, or by
    connection name. ``topics``: the same by Kafka topic, read from the beginning.
    ``collections``: what clusters hold at first, by ``connection.db.coll`` or ``db.coll``, or nested so.
    ``https``: answers the requests of ``$https``, see ``Web``. ``functions``: answer the calls of
    ``$externalFunction``: by name, what is called with the payload, or a reply.
    ``clock``: when the test begins; None: at the first moment that the inputs tell, else at ``BEGIN``.
    ``connections``: definitions as in the Admin API; of others the types follow from their use.
    ``stream_meta_field_name``: the processor option ``streamMetaFieldName``.
    ``duration``: how long the pipeline runs on the clock at least, though the inputs end earlier; a sample
    without inputs makes up documents for so long.
    ``close_windows``: at the end, windows that are still open give what they hold.
    ``batch_size``: most documents that are read at once. ``checkpoint_every``: so many batches; None: every
    minute of the clock, and before crashes. ``crash_at``: after these batches, counted from 1, everything is
    thrown away, and the last checkpoint resumed.

    Raises InvalidFlow for what is wrong with the test, PlanError for the pipeline, ConnectionFailed when the
    processor could not go on.
    """
    stages = stages_of(pipeline)
    source = stages[0].get("$source") if stages else None
    timeline = played(source, inputs, topics or {}) if isinstance(source, Mapping) else None
    made = used(stages, definitions(connections))
    now = _clock(clock, timeline)
    world = World(now, Clusters(contents(collections or {}, made), now), Web(https), Lambdas(functions))
    standins = {name: standin(connection, world) for name, connection in made.items()}
    planned = plan(stages, standins, sinkless=True, stream_meta_field=stream_meta_field_name)
    if timeline is not None:
        world.timelines[str(planned.source.connection)] = timeline
    elif duration is None and isinstance(standins.get(str(planned.source.connection)), Sample):
        raise InvalidFlow("a sample needs inputs; or a duration, for which it makes up documents")
    play = Play(
        planned,
        standins,
        world,
        batch_size=batch_size,
        checkpoint_every=checkpoint_every,
        crash_at=Everywhere() if crash_at == "every" else frozenset(crash_at),
    )
    until = None if duration is None else now.monotonic() + milliseconds(duration) / 1000
    try:
        return play.run(until=until, close_windows=close_windows)
    finally:
        world.clusters.close()


def stages_of(pipeline: Any) -> list[Document]:
    """The stages as the planner takes them. Raises InvalidFlow."""
    try:
        stages = parse_json(pipeline) if isinstance(pipeline, str | bytes) else bson_value(list(pipeline))
    except (MQLError, TypeError) as e:
        raise InvalidFlow(f"the pipeline: {e}") from e
    if not isinstance(stages, list) or not all(isinstance(stage, dict) for stage in stages):
        raise InvalidFlow("the pipeline must be an array of stages")
    return stages


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
