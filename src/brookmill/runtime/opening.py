"""From the start message to a running flow: plan the pipeline, open everything it names."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import bson
import msgspec

from brookmill.clock import Clock
from brookmill.connections import CONNECTIONS, Askable, Asker, Opening, Readable, Sink, Source, Writable
from brookmill.connections.cluster import Cluster
from brookmill.domain.connection import Connection
from brookmill.domain.secret import Secret
from brookmill.errors import ConnectionFailed
from brookmill.mql import Document, parse_json
from brookmill.plan import Plan, plan
from brookmill.runtime.asking import AskingSink
from brookmill.runtime.checkpoint import Checkpoint
from brookmill.runtime.dead_letters import DeadLetters, Dropped
from brookmill.runtime.flow import Flow
from brookmill.runtime.messages import Start
from brookmill.runtime.sampler import SampledLetters, SampledSink, Sampler, ShownOnly


def opened(start: Start, clock: Clock, sampler: Sampler) -> Flow:
    """The flow that ``start`` describes, everything open, which shows ``sampler`` what leaves it.

    Raises PlanError and ConnectionFailed.
    """
    connections = {name: _connection(data) for name, data in start.connections.items()}
    options: Document = parse_json(start.options) if start.options else {}
    planned = plan(
        parse_json(start.pipeline),
        connections,
        sinkless=start.ephemeral,
        stream_meta_field=options.get("streamMetaFieldName"),
    )
    resumed = None if start.checkpoint is None else Checkpoint.decode(start.checkpoint)
    opening = Opening(
        start.processor_id,
        clock,
        None if resumed is None else resumed.position,
        sample_rate=start.sample_rate,
        partition_limit=start.limits.kafka_partitions,
        sync_limit=start.limits.sync_collections,
        started_at=start.started_at,
        start_at={} if start.start_at is None else bson.decode(start.start_at),
        memory=start.limits.memory,
        outside=start.outside,
        clusters=start.clusters,
        connections=connections,
    )
    return assembled(
        planned,
        opening,
        lambda: SampledLetters(_dead_letters(start, opening), sampler),
        resumed,
        outlet=lambda sink: SampledSink(sink or ShownOnly(), sampler),
    )


def assembled(
    planned: Plan,
    opening: Opening,
    letters: Callable[[], DeadLetters],
    resumed: Checkpoint | None = None,
    *,
    inlet: Callable[[Source], Source] | None = None,
    outlet: Callable[[Sink | None], Sink] | None = None,
) -> Flow:
    """The flow of a plan with everything open that it names. Raises PlanError and ConnectionFailed.

    ``letters`` opens the dead letters. ``inlet`` makes what documents are read from of the pipeline's source,
    ``outlet`` what they are written to of its sink, or of None where it has none.
    """
    with ExitStack() as stack:
        dead_letters = letters()
        stack.callback(dead_letters.close)
        sink = None if planned.sink is None else _sink(planned.sink, opening)
        sink = sink if outlet is None else outlet(sink)
        assert sink is not None, "a pipeline without a sink needs an outlet"
        stack.callback(sink.close)
        askers = []
        for stage in planned.asks:
            askers.append(_asker(stage, opening))
            stack.callback(askers[-1].close)
        program = planned.program(sink.accepts, opening.clock, askers=askers)
        if resumed is not None and not program.fits(resumed.state):
            resumed = resumed.rewound()
            opening = replace(opening, position=resumed.position)
        source = _source(planned.source, opening)
        stack.callback(source.close)
        flow = Flow(
            source=source if inlet is None else inlet(source),
            program=program,
            sink=sink,
            askers=askers,
            dead_letters=dead_letters,
            clock=opening.clock,
            resumed=resumed,
        )
        stack.pop_all()
        return flow


def _connection(data: bytes) -> Connection:
    tag = msgspec.json.decode(data)["type"]
    return msgspec.json.decode(data, type=CONNECTIONS[tag], dec_hook=_hidden)


def _hidden(kind: type, value: Any) -> Any:
    if kind is Secret:
        return Secret(value)
    raise NotImplementedError(f"a connection cannot hold a {kind.__name__}")


def _source(stage: Any, opening: Opening) -> Source:
    if stage.connection is None:
        own: Source = stage.open_source(opening)
        return own
    connection = opening.connections[stage.connection]
    if not isinstance(connection, Readable):
        raise TypeError(f"the plan reads from a {connection.type}")
    return connection.open_source(stage.options, opening)


def _sink(stage: Any, opening: Opening) -> Sink:
    connection = opening.connections[stage.connection]
    if isinstance(connection, Writable) and stage.name in connection.sink_options:
        return connection.open_sink(stage.options, replace(opening, constants=stage.constants))
    return AskingSink(_asker(stage, opening), stage.operator)


def _asker(stage: Any, opening: Opening) -> Asker:
    opening = replace(opening, constants=stage.constants)
    if stage.connection is None:
        asker: Asker = stage.open_asker(opening)
        return asker
    connection = opening.connections[stage.connection]
    if not isinstance(connection, Askable):
        raise TypeError(f"the plan asks a {connection.type}")
    return connection.open_asker(stage.options, opening)


def _dead_letters(start: Start, opening: Opening) -> DeadLetters:
    """Where ``options.dlq`` says; operations checked its members when they kept it."""
    options: Document = parse_json(start.options) if start.options else {}
    dlq = options.get("dlq")
    if not dlq:
        return Dropped()
    connection = opening.connections.get(dlq["connectionName"])
    if not isinstance(connection, Cluster):
        name = dlq["connectionName"]
        raise ConnectionFailed(
            f"the dead letter queue needs a Cluster connection {name}", retry=False, code=420
        )
    return connection.open_dead_letters(
        dlq["db"], dlq["coll"], opening, processor=start.name, instance=start.instance
    )
