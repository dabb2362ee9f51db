"""What a file holds: pipelines, processors with options, connections; or nothing that is known."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, Literal, NamedTuple

from brookmill import upstream
from brookmill.connections.presumed import defined, presumed, uses
from brookmill.domain.connection import Connection
from brookmill.domain.pipeline import connections_of
from brookmill.lint.marks import Path
from brookmill.lint.pipeline import Pipeline
from brookmill.lint.source_text import SourceText

#: Members that only flow files have.
_FLOW = {"cases", "clock", "collections", "expect", "functions", "https", "inputs", "topics"}


@dataclass(frozen=True)
class Definition:
    """A connection as it is written. ``name``: its own, or that under which it stands. ``test``: it stands in
    a flow file. ``used``: some pipeline that is looked at names it; None: there are none.
    """

    spec: Mapping[str, Any]
    name: str
    test: bool = False
    used: bool | None = None

    def among(self, used: frozenset[str]) -> Definition:
        """The same, knowing the names that all pipelines use."""
        return replace(self, used=self.name in used if used else None)

    def get(self, *names: str) -> Any:
        """What stands at a path; None if nothing does."""
        value: Any = self.spec
        for name in names:
            value = value.get(name) if isinstance(value, dict) else None
        return value


class Written(NamedTuple):
    """A pipeline and what stands around it."""

    path: Path
    stages: list[Any]
    processor: Mapping[str, Any] | None = None

    @property
    def uses(self) -> frozenset[str]:
        """Names of the connections of the pipeline and of its dead letter queue."""
        names = connections_of([stage for stage in self.stages if isinstance(stage, dict)])
        options = (self.processor or {}).get("options")
        queue = options.get("dlq") if isinstance(options, dict) else None
        name = queue.get("connectionName") if isinstance(queue, dict) else None
        return names | {name} if isinstance(name, str) else names


@dataclass
class Content:
    """``form``: what kind of file; None: of none. ``pipelines`` and ``definitions`` with their paths."""

    source: SourceText
    form: Literal["pipeline", "flow", "connection", "resources"] | None = None
    pipelines: list[Written] = field(default_factory=list)
    definitions: list[tuple[Path, Definition]] = field(default_factory=list)

    @property
    def test(self) -> bool:
        return self.form == "flow"


def content(source: SourceText) -> Content:
    """What ``source`` holds."""
    found = Content(source)
    value = source.value
    if _is_pipeline(value) and (value or not isinstance(value, list)):
        found.form = "pipeline"
        found.pipelines.append(Written((), value))
    elif isinstance(value, dict) and (".flow." in source.name or value.keys() & _FLOW):
        found.form = "flow"
        _flow(found, value, ())
        for i, case in enumerate(_list(value.get("cases"))):
            _flow(found, case, ("cases", i))
    else:
        _resource(found, value, ())
    return found


def _type(spec: Mapping[str, Any]) -> str | None:
    """The type of connection that a definition names; None if there is none of that name."""
    name = spec.get("type")
    return name if isinstance(name, str) and name in upstream.CONNECTION_TYPES else None


def _is_pipeline(value: Any) -> bool:
    return isinstance(value, list) and all(
        isinstance(stage, dict) and len(stage) == 1 and next(iter(stage))[:1] == "$" for stage in value
    )


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _flow(found: Content, value: Any, path: Path) -> None:
    """A case, or what all cases share. What is meant to be refused is nothing to find fault with."""
    if isinstance(value, dict):
        expected = value.get("expect")
        refused = isinstance(expected, dict) and "error" in expected
        if isinstance(value.get("pipeline"), list) and not refused:
            found.pipelines.append(Written((*path, "pipeline"), value["pipeline"]))
        for at, name, spec in _named(value.get("connections"), (*path, "connections")):
            found.definitions.append((at, Definition(spec, name, test=True)))


def _named(value: Any, path: Path) -> Iterator[tuple[Path, str, dict[str, Any]]]:
    """The objects of an array or an object, with the name of each."""
    members = value.items() if isinstance(value, dict) else enumerate(_list(value))
    for key, spec in members:
        if isinstance(spec, dict):
            own = spec.get("name", key)
            yield (*path, key), str(own), spec


def _resource(found: Content, value: Any, path: Path, name: str = "") -> None:
    """A processor, a connection, or something that holds them under the names that the Admin API has."""
    if isinstance(value, list):
        for i, item in enumerate(value):
            _resource(found, item, (*path, i))
    if not isinstance(value, dict):
        return
    if isinstance(value.get("pipeline"), list):
        found.form = "resources"
        found.pipelines.append(Written((*path, "pipeline"), value["pipeline"], value))
    elif _type(value) is not None or ("type" in value and "name" in value):
        found.form = found.form or "connection"
        found.definitions.append((path, Definition(value, str(value.get("name", name)))))
    for member in ("connections", "processors", "workspaces", "results"):
        held = value.get(member)
        if isinstance(held, list | dict):
            found.form = "resources"
            for at, own, spec in _named(held, (*path, member)):
                if member == "connections":
                    found.definitions.append((at, Definition(spec, own)))
                else:
                    _resource(found, spec, at, own)


def connections_for(stages: list[Any], definitions: Mapping[str, Definition]) -> dict[str, Connection]:
    """Those that the stages name: as they are defined where that is right, else as they are used."""
    made: dict[str, Connection] = {}
    for name, definition in definitions.items():
        with suppress(ValueError):
            made[name] = defined({"name": name, **definition.spec})
    for name, kind in uses(stages):
        wanted = _type(definitions[name].spec) if name in definitions else None
        if name not in made:
            with suppress(ValueError):
                made[name] = presumed(name, wanted or kind)
    return made


def pipeline(written: Written, *, test: bool, definitions: Mapping[str, Definition]) -> Pipeline:
    """The pipeline with all that is known about it."""
    processor = written.processor or {}
    options = processor.get("options", {})
    return Pipeline(
        written.stages,
        connections_for(written.stages, definitions),
        frozenset(definitions) if definitions and not test else None,
        None if written.processor is None or not isinstance(options, dict) else options,
        str(processor["tier"]) if "tier" in processor else None,
        test,
    )
