"""The fields of ``$merge`` and of the time series ``$emit``, as pipelines write them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar, Literal

import msgspec
from bson import Int64
from msgspec import UNSET, UnsetType, field

from brookmill.connections.cluster.namespace import collection_problem, database_problem

#: What may become of a stored document, and of one that is not stored yet.
MATCHED = ("merge", "replace", "keepExisting", "delete")
NOT_MATCHED = ("insert", "discard")
#: Stages of the pipeline that ``whenMatched`` may be.
_STAGES = frozenset({"$addFields", "$set", "$project", "$unset", "$replaceRoot", "$replaceWith"})
_VARIABLE = re.compile(r"[a-z][A-Za-z0-9_]*")

#: Path of a member, and what is wrong with it.
Problem = tuple[tuple[str, ...], str]
Parallelism = Annotated[int, msgspec.Meta(ge=1, le=64)]
#: Column, path of the member, and spec of an expression.
Column = tuple[str, tuple[str, ...], Any]

#: Dead letters of a sink need the metadata that goes along with the document.
META: Column = ("meta", (), {"$meta": "stream"})


def variable_problems(variables: Mapping[str, Any] | UnsetType) -> Iterator[Problem]:
    """What is wrong with the names of ``let``."""
    for name in variables or ():
        if not _VARIABLE.fullmatch(name):
            yield ("let", name), f"{name!r} is not a valid name of a variable"


def name_problems(constants: Mapping[str, Any], *holder: str) -> Iterator[Problem]:
    """What is wrong with a database and a collection that are the same for every document."""
    for name, problem in (("db", database_problem), ("coll", collection_problem)):
        if name in constants and (text := problem(constants[name])) is not None:
            yield (*holder, name), text


def _with_longs(spec: Any) -> Any:
    """``spec`` with the plain numbers under ``$toDate`` as longs: servers make dates of these, but not of
    ints, and neither JSON nor a shell tells the two apart in ``{$toDate: 0}``.
    """
    if isinstance(spec, list):
        return [_with_longs(item) for item in spec]
    if not isinstance(spec, dict):
        return spec
    return {
        name: Int64(member) if name == "$toDate" and type(member) is int else _with_longs(member)
        for name, member in spec.items()
    }


class Into(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """``db`` and ``coll`` are names or expressions that give one."""

    connection_name: str
    db: Any
    coll: Any


class MergeOptions(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """``when_matched``: a mode, an expression that gives one, or a pipeline. Engine reference, 1.4."""

    operator: ClassVar[str] = "MergeOperator"

    into: Into
    on: str | Annotated[list[str], msgspec.Meta(min_length=1)] = "_id"
    let: dict[str, Any] | UnsetType = UNSET
    when_matched: Any = "merge"
    when_not_matched: Any = "insert"
    parallelism: Parallelism = 1

    @property
    def connection_name(self) -> str:
        """Of the connection that is written to."""
        return self.into.connection_name

    @property
    def keys(self) -> tuple[str, ...]:
        """The fields by which documents are the same."""
        return (self.on,) if isinstance(self.on, str) else tuple(self.on)

    @property
    def pipeline(self) -> list[Any] | None:
        """What ``whenMatched`` is when it is no mode."""
        return _with_longs(self.when_matched) if isinstance(self.when_matched, list) else None

    def expressions(self) -> Iterator[Column]:
        """Column, path of the member and spec of every expression; ``let`` is one column, an object."""
        yield "db", ("into", "db"), self.into.db
        yield "coll", ("into", "coll"), self.into.coll
        if self.pipeline is None:
            yield "whenMatched", ("whenMatched",), self.when_matched
        yield "whenNotMatched", ("whenNotMatched",), self.when_not_matched
        if self.let:
            yield "let", ("let",), self.let
        yield META

    def problems(self, constants: Mapping[str, Any]) -> Iterator[Problem]:
        """Path and text of what is wrong with constants."""
        yield from name_problems(constants, "into")
        for name, modes in (("whenMatched", MATCHED), ("whenNotMatched", NOT_MATCHED)):
            if constants.get(name, modes[0]) not in modes:
                yield (name,), f"{name} must be one of {', '.join(modes)}, or an expression that gives one"
        if any(not name or name[0] in "$." or name[-1] == "." or "\0" in name for name in self.keys):
            yield ("on",), "on must be the name of a field, or an array of such names"
        if len(set(self.keys)) < len(self.keys):
            yield ("on",), "on names a field twice"
        yield from variable_problems(self.let)
        yield from self._pipeline_problems(constants)

    def _pipeline_problems(self, constants: Mapping[str, Any]) -> Iterator[Problem]:
        if self.pipeline is None:
            if self.let:
                yield ("let",), "let needs a pipeline in whenMatched"
            return
        for i, stage in enumerate(self.pipeline):
            if not isinstance(stage, dict) or len(stage) != 1 or not stage.keys() <= _STAGES:
                name = next(iter(stage), "an empty stage") if isinstance(stage, dict) else "this"
                yield ("whenMatched", str(i)), f"{name} is not allowed in the pipeline of whenMatched"
        inserts = constants.get("whenNotMatched", "insert") == "insert"
        if inserts and self.let and self.let.get("new", "$$ROOT") != "$$ROOT":
            yield ("let", "new"), "new must be $$ROOT when documents that do not match are inserted"


class TimeSeries(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """The server's own options of a time series collection."""

    time_field: Annotated[str, msgspec.Meta(min_length=1)]
    meta_field: Annotated[str, msgspec.Meta(min_length=1)] | UnsetType = UNSET
    granularity: Literal["seconds", "minutes", "hours"] | UnsetType = UNSET
    bucket_max_span_seconds: Annotated[int, msgspec.Meta(ge=1)] | UnsetType = UNSET
    bucket_rounding_seconds: Annotated[int, msgspec.Meta(ge=1)] | UnsetType = UNSET


class TimeSeriesOptions(
    msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True
):
    """``time_series`` UNSET: the collection is there already. Engine reference, section 1.3."""

    operator: ClassVar[str] = "TimeseriesEmitOperator"

    connection_name: str
    db: Any
    coll: Any
    time_series: TimeSeries | UnsetType = field(name="timeseries", default=UNSET)
    parallelism: Parallelism = 1

    def expressions(self) -> Iterator[Column]:
        """Column, path of the member and spec of every expression."""
        yield "db", ("db",), self.db
        yield "coll", ("coll",), self.coll
        yield META

    def problems(self, constants: Mapping[str, Any]) -> Iterator[Problem]:
        """Path and text of what is wrong with constants."""
        yield from name_problems(constants)
        if self.time_series is UNSET and not {"db", "coll"} <= constants.keys():
            yield ("timeseries",), "timeseries is required when db or coll is an expression"
