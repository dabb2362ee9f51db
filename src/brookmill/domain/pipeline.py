"""What a pipeline tells without being planned: the connections it names, how parallel it wants to be."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

#: Upstream's text for a connection that a pipeline, or its dead letter queue, names in vain.
NO_SUCH_CONNECTION = (
    "connection named {} does not exist. Check sp.listConnections() for available connections"
)

Stages = Sequence[Mapping[str, Any]]

#: Where a stage names a connection: in itself, or in one of these members of it.
_HOLDERS = ("into", "from", "schemaRegistry")

WINDOWS = frozenset({"$tumblingWindow", "$hoppingWindow", "$sessionWindow"})
_BLOCKING = frozenset({"$group", "$sort"})
_CHANGEABLE = frozenset({"allowedLateness", "idleTimeout", "pipeline"})


def connections_of(pipeline: Stages) -> frozenset[str]:
    """The names of all connections that the stages, and those inside windows, refer to."""
    return frozenset(use.connection for use in uses(pipeline))


class Use(NamedTuple):
    """A stage that names a connection; ``path`` leads there: ``pipeline.1.$hoppingWindow.pipeline.0``."""

    path: str
    stage: str
    connection: str


def uses(pipeline: Stages, path: str = "pipeline") -> Iterator[Use]:
    """Every stage that names a connection, each name of it, also inside windows."""
    for number, stage in enumerate(pipeline):
        here = f"{path}.{number}"
        for stage_name, spec in _stages([stage]):
            if isinstance(spec, Mapping):
                for holder in (spec, *map(spec.get, _HOLDERS)):
                    if isinstance(holder, Mapping) and isinstance(name := holder.get("connectionName"), str):
                        yield Use(here, stage_name, name)
                yield from uses(_inner(spec), f"{here}.{stage_name}.pipeline")


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
    text = "resumeFromCheckpoint must be false to modify a stream processor's {} stage"
    if _first(kept, frozenset({"$source"})) != _first(now, frozenset({"$source"})):
        return text.format("$source")
    old, new = _first(kept, WINDOWS), _first(now, WINDOWS)
    change = None if old is None else _window_change(old, new)
    return None if old is None or change is None else f"{text.format(old[0])}: {change}"


def _window_change(old: tuple[str, Any], new: tuple[str, Any] | None) -> str | None:
    """What a window that may be open cannot bear. How long it waits may change, and what is done in a
    pipeline that collects: open windows are then made anew.
    """
    if new is None:
        return "it was removed"
    (name, before), (other, after) = old, new
    if name != other:
        return f"it became a {other}"
    if not isinstance(before, Mapping) or not isinstance(after, Mapping):
        return None if before == after else "it was changed"
    for setting in sorted({*before, *after} - _CHANGEABLE):
        if before.get(setting) != after.get(setting):
            return f"its {setting} was changed"
    collects = all(any(stage in _BLOCKING for stage, _ in _stages(_inner(spec))) for spec in (before, after))
    if not collects and _inner(before) != _inner(after):
        return "its pipeline was changed, which has no $group or $sort"
    return None


def _stages(pipeline: Stages) -> Iterator[tuple[str, Any]]:
    for stage in pipeline:
        if isinstance(stage, Mapping):
            yield from stage.items()


def _inner(spec: Mapping[str, Any]) -> Stages:
    pipeline = spec.get("pipeline")
    return pipeline if isinstance(pipeline, Sequence) and not isinstance(pipeline, str) else ()


def _first(pipeline: Stages, names: frozenset[str]) -> tuple[str, Any] | None:
    return next(((name, spec) for name, spec in _stages(pipeline) if name in names), None)
