"""``$source``: where documents come from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self

import msgspec
from msgspec import UNSET, UnsetType

from brookmill import connections
from brookmill.connections import Opening, Readable
from brookmill.connections.documents import DocumentsSource
from brookmill.connections.schedule import Schedule, ScheduleError, ScheduleSource
from brookmill.mql.code import system_now
from brookmill.mql.errors import MQLError
from brookmill.mql.expression import Expression
from brookmill.mql.values import Document, Value
from brookmill.stages import MAIN, STAGES, Place, Placement


class DocumentsOptions(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """``documents``: an expression that gives an array of objects; each comes once, in order."""

    operator: ClassVar[str] = "GeneratedSourceOperator"

    documents: Any
    time_field: Any | UnsetType = UNSET
    ts_field_name: str | UnsetType = UNSET


class ScheduleOptions(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """``schedule``: six fields in UTC, see ``brookmill.connections.schedule``."""

    operator: ClassVar[str] = "GeneratedSourceOperator"

    schedule: str
    ts_field_name: str = "_ts"


@STAGES("$source")
@dataclass(frozen=True, slots=True)
class Source:
    """Reference: engine reference, section 1.2.

    ``connection``: its name, None for documents that stand in the pipeline, which are then in ``documents``,
    and for a ``schedule``. ``ts_field``: name of the field that the event time is put into, None: none.
    """

    connection: str | None
    options: Any
    time_field: Expression | None
    ts_field: str | None
    documents: tuple[Document, ...] = ()
    schedule: Schedule | None = None

    name: ClassVar[str] = "$source"
    kind: ClassVar[Literal["source"]] = "source"
    placements: ClassVar[frozenset[Placement]] = MAIN

    @property
    def operator(self) -> str:
        return str(self.options.operator)

    @classmethod
    def parse(cls, spec: Value, place: Place) -> Self:
        if "connectionName" in place.object(spec):
            return cls(spec["connectionName"], *_common(_options(spec, place), place))
        if "schedule" in spec:
            scheduled = place.options(spec, ScheduleOptions)
            return cls(None, *_common(scheduled, place), schedule=_schedule(scheduled.schedule, place))
        if "documents" not in spec:
            raise place.wrong("$source needs a connectionName, documents or a schedule")
        options = place.options(spec, DocumentsOptions)
        documents = _documents(options.documents, place.at("documents"))
        return cls(None, *_common(options, place), documents)

    def open_source(self, opening: Opening) -> connections.Source:
        """The source of documents that come from nowhere else."""
        if self.schedule is not None:
            return ScheduleSource(self.schedule, opening)
        return DocumentsSource(self.documents, opening)


def _schedule(text: str, place: Place) -> Schedule:
    try:
        return Schedule.parse(text)
    except ScheduleError as e:
        raise place.at("schedule").wrong(str(e)) from e


def _options(spec: Document, place: Place) -> Any:
    connection = place.connection(spec["connectionName"])
    if not isinstance(connection, Readable):
        raise place.at("connectionName").wrong(f"a connection of type {connection.type} cannot be a $source")
    for name, home in getattr(connection.source_options, "misplaced", {}).items():
        if name in spec:
            raise place.at(name).wrong(f"{name} belongs a level deeper: write it as {home}")
    return place.options(spec, connection.source_options)


def _common(options: Any, place: Place) -> tuple[Any, Expression | None, str | None]:
    spec = getattr(options, "time_field", UNSET)
    time_field = None if spec is UNSET else place.at("timeField").time_field(spec)
    ts_field = None if options.ts_field_name is UNSET else options.ts_field_name
    if ts_field is not None and (not ts_field or ts_field[0] == "$" or "." in ts_field or "\0" in ts_field):
        raise place.at("tsFieldName").wrong("tsFieldName must be the name of a field")
    return options, time_field, ts_field


def _documents(spec: Value, place: Place) -> tuple[Document, ...]:
    try:
        documents = place.expression(spec).evaluate(
            {"ROOT": {}, "CURRENT": {}, "@meta": {}, "@now": system_now}
        )
    except MQLError as e:
        raise place.wrong(str(e)) from e
    if type(documents) is not list or not all(type(document) is dict for document in documents):
        raise place.wrong("documents must give an array of objects")
    return tuple(documents)
