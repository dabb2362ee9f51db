"""What a pipeline tells without being planned: the connections it names, how parallel it wants to be."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

#: Upstream's text for a connection that a pipeline, or its dead letter queue, names in vain.
NO_SUCH_CONNECTION = (
    "connection named {} does not exist. Check sp.listConnections() for available connections"
)

Stages = Sequence[Mapping[str, Any]]

#: Where a stage names a connection: in itself, or in one of these members of it.
_HOLDERS = ("into", "from", "schemaRegistry")

WINDOWS = frozenset({"$tumblingWindow", "$hoppingWindow", "$sessionWindow"})
_BLOCKING = frozenset({"$group", "$sort"})


def connections_of(pipeline: Stages) -> frozenset[str]:
    """The names of all connections that the stages, and those inside windows, refer to."""
    return frozenset(_connections(pipeline))


def _connections(pipeline: Stages) -> Iterator[str]:
    for _, spec in _stages(pipeline):
        if isinstance(spec, Mapping):
            for holder in (spec, *map(spec.get, _HOLDERS)):
                if isinstance(holder, Mapping) and isinstance(name := holder.get("connectionName"), str):
                    yield name
            yield from _connections(_inner(spec))


def added_parallelism(pipeline: Stages) -> int:
    """The sum of ``parallelism`` - 1 over all stages and initial syncs that ask for more than 1."""
    total = 0
    for _, spec in _stages(pipeline):
        if isinstance(spec, Mapping):
            for holder in (spec, spec.get("initialSync")):
                wanted = holder.get("parallelism") if isinstance(holder, Mapping) else None
                if isinstance(wanted, int) and not isinstance(wanted, bool) and wanted > 1:
                    total += wanted - 1
            total += added_parallelism(_inner(spec))
    return total


def resume_problem(kept: Stages, now: Stages) -> str | None:
    """Why a checkpoint of ``kept`` cannot serve ``now``; None when it can. Engine reference, 3."""
    if _first(kept, frozenset({"$source"})) != _first(now, frozenset({"$source"})):
        return "resumeFromCheckpoint must be false to modify a stream processor's $source stage"
    old, new = _first(kept, WINDOWS), _first(now, WINDOWS)
    if old is not None and (new is None or _fixed_in_window(*old) != _fixed_in_window(*new)):
        return f"resumeFromCheckpoint must be false to modify a stream processor's {old[0]} stage"
    return None


def _fixed_in_window(stage: str, spec: Any) -> Any:
    """What of a window has to stay: type, settings, and a pipeline in which no stage keeps the state."""
    if not isinstance(spec, Mapping):
        return stage, spec
    inner = _inner(spec)
    settings = {name: value for name, value in spec.items() if name != "pipeline"}
    return stage, settings, None if any(name in _BLOCKING for name, _ in _stages(inner)) else inner


def _stages(pipeline: Stages) -> Iterator[tuple[str, Any]]:
    for stage in pipeline:
        if isinstance(stage, Mapping):
            yield from stage.items()


def _inner(spec: Mapping[str, Any]) -> Stages:
    pipeline = spec.get("pipeline")
    return pipeline if isinstance(pipeline, Sequence) and not isinstance(pipeline, str) else ()


def _first(pipeline: Stages, names: frozenset[str]) -> tuple[str, Any] | None:
    return next(((name, spec) for name, spec in _stages(pipeline) if name in names), None)
