"""A pipeline as it is written, with what the file tells about where it will run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import msgspec

from brookmill.domain.connection import Connection
from brookmill.domain.duration import Duration
from brookmill.domain.pipeline import WINDOWS
from brookmill.lint.marks import Path

#: Members of stages that a MongoDB server runs, by its own rules.
_REMOTE = {"$lookup": {"pipeline"}, "$vectorSearch": {"pipeline"}, "$merge": {"whenMatched"}}
_FILTERS = {"$match", "$validate"}
#: Stages whose texts are names of fields.
_NAMES = {"$unwind", "$unset", "$count"}


class Stage(NamedTuple):
    """``path``: of the spec. ``inside``: in a window. ``last``: of the main pipeline."""

    path: Path
    name: str
    spec: Any
    inside: bool = False
    last: bool = False

    @property
    def members(self) -> Mapping[str, Any]:
        """Those of the spec; none if it is no object."""
        return self.spec if isinstance(self.spec, dict) else {}

    def at(self, *names: str | int) -> Path:
        """Path to a member."""
        return (*self.path, *names)

    def get(self, *names: str) -> Any:
        """What stands at a path within the spec; None if nothing does."""
        value = self.spec
        for name in names:
            value = value.get(name) if isinstance(value, dict) else None
        return value


class Node(NamedTuple):
    """A value in an expression."""

    path: Path
    value: Any
    stage: Stage


@dataclass(frozen=True)
class Pipeline:
    """``stages`` as they are written. ``connections``: those defined, the others presumed. ``defined``: names
    of the former; None: nobody defines any. ``options``: of the processor; None: there is only a pipeline.
    ``tier``: where one is named. ``test``: it stands in a flow file.
    """

    stages: list[Any]
    connections: Mapping[str, Connection] = field(default_factory=dict)
    defined: frozenset[str] | None = None
    options: Mapping[str, Any] | None = None
    tier: str | None = None
    test: bool = False

    @cached_property
    def main(self) -> tuple[Stage, ...]:
        """The stages of the main pipeline that are objects with one member."""
        return tuple(_stages(self.stages, (), inside=False))

    @cached_property
    def all(self) -> tuple[Stage, ...]:
        """Those of the main pipeline, and in windows."""
        found: list[Stage] = []
        for stage in self.main:
            found.append(stage)
            if stage.name in WINDOWS:
                found += _stages(stage.get("pipeline"), stage.at("pipeline"), inside=True)
        return tuple(found)

    def named(self, *names: str) -> Iterator[Stage]:
        """The stages of these names."""
        return (stage for stage in self.all if stage.name in names)

    @property
    def source(self) -> Stage | None:
        return next((stage for stage in self.main[:1] if stage.name == "$source"), None)

    @property
    def window(self) -> Stage | None:
        """The first window."""
        return next((stage for stage in self.main if stage.name in WINDOWS), None)

    @property
    def sink(self) -> Stage | None:
        """The last stage, if it is one that can only write."""
        return next((s for s in self.main[-1:] if s.name in {"$emit", "$merge", "$iceberg"}), None)

    def kind(self, stage: Stage | None, *holder: str) -> str | None:
        """The type of the connection that a stage names; None: it names none."""
        name = None if stage is None else stage.get(*holder, "connectionName")
        connection = self.connections.get(name) if isinstance(name, str) else None
        return None if connection is None else connection.type

    @property
    def event_time(self) -> Stage | None:
        """The window, if event times close it."""
        window = self.window
        return None if window is None or window.get("boundary") == "processingTime" else window

    @cached_property
    def expressions(self) -> tuple[Node, ...]:
        """Everything that is evaluated by this engine, outermost first, but literals."""
        return tuple(node for stage in self.all for node in _expressions(stage))

    @property
    def texts(self) -> Iterator[tuple[Path, str, Stage]]:
        """The texts among ``expressions``."""
        return ((path, value, stage) for path, value, stage in self.expressions if isinstance(value, str))

    @property
    def operators(self) -> Iterator[tuple[Path, str, Any, Stage]]:
        """The objects of one operator among ``expressions``: path of the object, operator, operand."""
        for path, value, stage in self.expressions:
            if isinstance(value, dict) and len(value) == 1:
                ((name, operand),) = value.items()
                if name[:1] == "$":
                    yield path, name, operand, stage


def _stages(specs: Any, path: Path, *, inside: bool) -> Iterator[Stage]:
    for i, spec in enumerate(specs if isinstance(specs, list) else ()):
        if isinstance(spec, dict) and len(spec) == 1:
            ((name, operand),) = spec.items()
            yield Stage((*path, i, name), name, operand, inside, not inside and i == len(specs) - 1)


def _expressions(stage: Stage) -> Iterator[Node]:
    if stage.name in _NAMES:
        return
    for path, value in _walk(stage.spec, stage.path, filtering=stage.name in _FILTERS):
        member = path[len(stage.path) : len(stage.path) + 2]
        inner = stage.name in WINDOWS and member[:1] == ("pipeline",)
        if inner or member == ("config", "pipeline") or (member and _is_remote(stage, member[0])):
            continue
        yield Node(path, value, stage)


def _is_remote(stage: Stage, member: str | int) -> bool:
    return member in _REMOTE.get(stage.name, ()) and isinstance(stage.spec[member], list)


def _walk(value: Any, path: Path, *, filtering: bool) -> Iterator[tuple[Path, Any]]:
    if not filtering:
        yield path, value
    if isinstance(value, dict):
        for name, member in value.items():
            if name != "$literal":
                yield from _walk(member, (*path, name), filtering=filtering and name != "$expr")
    elif isinstance(value, list):
        for i, item in enumerate(value):
            yield from _walk(item, (*path, i), filtering=filtering)


def milliseconds(span: Any) -> int | None:
    """The length of ``{size, unit}``; None for what is none."""
    try:
        return msgspec.convert(span, Duration).milliseconds
    except msgspec.ValidationError:
        return None
