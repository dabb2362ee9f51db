"""Stages: one file per stage of a pipeline, and the contract by which the planner uses them.

A stage is a frozen class registered under its name(s)::

    @STAGES("$match")
    class Match(RowStage): ...

Its spec is parsed once, by ``parse(spec, place)``: it checks everything that can be wrong without a document
and raises ``place.wrong("…")``. ``place`` parses the parts: ``place.expression(spec)``,
``place.at("member")``, ``place.options(…)``.

What a stage then is, follows from the kind it derives from:

* ``SourceStage``  first of the main pipeline; tells connection, options and event time.
* ``RowStage``     turns one document into none, one or more, without memory. Says the same twice: ``apply``
  is the plain truth, ``emit`` writes code for the fused segment.
* ``BlockingStage`` needs all documents of a window: ``collector()`` gives a fresh memory, ``emit`` adds the
  current document.
* ``WindowStage``  cuts the stream into windows and holds the inner pipeline.
* ``AskStage``     sends documents to an outside system and goes on with its answers.
* ``SinkStage``    last of the main pipeline; tells connection, options, encoding and per-document columns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple, Protocol, Self, TypeVar

import msgspec

from brookmill import upstream
from brookmill.domain.connection import Connection
from brookmill.domain.pipeline import NO_SUCH_CONNECTION
from brookmill.mql.code import system_now
from brookmill.mql.encoding import Encoding
from brookmill.mql.errors import PlanError
from brookmill.mql.values import Document, Value
from brookmill.registry import Registry

if TYPE_CHECKING:
    from brookmill.clock import Clock
    from brookmill.mql.code import Code
    from brookmill.mql.expression import Env, Expression
    from brookmill.mql.filter import Filter
    from brookmill.stages.timing import Timing
    from brookmill.stages.windows import Windows

#: Stages by name, e.g. ``STAGES["$match"]``.
STAGES: Registry[type[Stage]] = Registry("stage", __name__)

#: Where a stage may stand: the main pipeline, the pipeline of a window, the ``payload`` of $https and
#: $externalFunction.
Placement = Literal["main", "window", "payload"]
ANYWHERE: frozenset[Placement] = frozenset({"main", "window", "payload"})
MAIN: frozenset[Placement] = frozenset({"main"})
MAIN_AND_WINDOW: frozenset[Placement] = frozenset({"main", "window"})
WINDOW: frozenset[Placement] = frozenset({"window"})

#: What a stage does with documents; see the classes below.
Kind = Literal["source", "row", "blocking", "window", "ask", "sink"]

#: Code of errors in the options of a stage: StreamProcessorInvalidOptions.
INVALID_OPTIONS = 420

#: Most stages in a row; code is written for all of them by one call within another.
MAX_STAGES = 500

S = TypeVar("S", bound=msgspec.Struct)

#: What a struct of options may have: path, name and type of other connections that its members name.
References = Callable[[], Iterable[tuple[tuple[str, ...], str, str]]]

#: Takes a window that closes: its stream metadata, and what it collected.
Fire = Callable[[Document, "Collector"], None]


class Place(NamedTuple):
    """Where in the pipeline something is being parsed, and what it may refer to.

    ``last``: it is the last stage of the main pipeline. ``sinkless``: the pipeline may end without a sink.
    """

    path: tuple[str | int, ...]
    placement: Placement
    connections: Mapping[str, Connection]
    sinkless: bool = False
    last: bool = False

    def asks_as_sink(self, *, answers: bool) -> bool:
        """Whether a stage that asks is the sink here. ``answers``: its answers go into the documents, so
        without need of a sink they are what is wanted.
        """
        return self.last and not (self.sinkless and answers)

    def at(self, *names: str | int) -> Place:
        """The place of a member."""
        return self._replace(path=(*self.path, *names))

    def wrong(self, message: str, code: int = INVALID_OPTIONS) -> PlanError:
        """The error to raise: ``message``, at this place."""
        return PlanError(message, code, self.path)

    def expression(self, spec: Value) -> Expression:
        """An aggregation expression. Raises PlanError."""
        from brookmill.mql.expression import parse_expression

        return parse_expression(spec, path=self.path)

    def filter(self, spec: Value) -> Filter:
        """A query filter, as in ``$match``. Raises PlanError."""
        from brookmill.mql.filter import parse_filter

        return parse_filter(spec, path=self.path)

    def time_field(self, spec: Value) -> Expression:
        """The ``timeField`` of a source: ``{$toDate: …}`` or ``{$dateFromString: …}``. Raises PlanError."""
        if type(spec) is not dict or len(spec) != 1 or next(iter(spec)) not in {"$toDate", "$dateFromString"}:
            raise self.wrong("timeField must be a $toDate or $dateFromString expression")
        return self.expression(spec)

    def object(self, spec: Value) -> Document:
        """``spec``, which must be an object."""
        if type(spec) is not dict:
            raise self.wrong("must be an object")
        return spec

    def options(self, spec: Value, kind: type[S]) -> S:
        """``spec`` as the struct ``kind`` (which should forbid unknown fields). Its ``references()``, if it
        has any, are looked up. Raises PlanError naming the member.
        """
        try:
            options = msgspec.convert(self.object(spec), kind)
        except msgspec.ValidationError as e:
            text, _, where = str(e).partition(" - at `$.")
            names = tuple(where.rstrip("`").split(".")) if where else ()
            raise self.at(*names).wrong(text) from e
        references: References = getattr(options, "references", tuple)
        for path, name, type_ in references():
            self.at(*path).connection(name, type_)
        return options

    def connection(self, name: Value, *types: str) -> Connection:
        """The connection called ``name``, which must be of one of ``types`` (their wire names). Raises
        PlanError.
        """
        if type(name) is not str:
            raise self.wrong("connectionName must be a string")
        connection = self.connections.get(name)
        if connection is None:
            raise self.wrong(NO_SUCH_CONNECTION.format(name))
        kind = connection.__struct_config__.tag
        if types and kind not in types:
            raise self.wrong(
                f"the connection {name!r} is of type {kind}, needed here is {' or '.join(types)}"
            )
        return connection


class Row(NamedTuple):
    """A document on its way, with ``{$meta: "stream"}`` as it stands. ``now``: the clock, in milliseconds."""

    document: Document
    meta: Document
    now: Callable[[], int] = system_now

    def env(self) -> Env:
        """What expressions see of it."""
        return {"ROOT": self.document, "CURRENT": self.document, "@meta": self.meta, "@now": self.now}

    def having(self, document: Document) -> Row:
        """The row with another document."""
        return self._replace(document=document)


class Stage(Protocol):
    """What every stage is. ``name`` is the name it is registered under first, e.g. ``$match``."""

    name: ClassVar[str]
    kind: ClassVar[Kind]

    #: Where it may stand.
    placements: ClassVar[frozenset[Placement]]
    #: Its name in dead letters and statistics, e.g. ``MatchOperator``.
    operator: str

    @classmethod
    def parse(cls, spec: Value, place: Place) -> Self:
        """The stage that ``{<name>: spec}`` means. Raises PlanError."""
        ...


class RowStage(Stage, Protocol):
    """A stage without memory."""

    def apply(self, row: Row) -> Iterable[Row]:
        """What becomes of one document; the document itself is never changed. Raises DocumentError."""
        ...

    def emit(self, code: Code) -> None:
        """Write code that turns ``code.shape`` into what it is after this stage.

        ``code.drop(unless)`` gives up the document.
        """
        ...


class Results(NamedTuple):
    """Documents with the stream metadata of each; ``metas`` None: they are new and have the window's."""

    documents: list[Document]
    metas: list[Document] | None = None


class Collector(Protocol):
    """The documents of one window, as far as a blocking stage needs to remember them."""

    def add(self, row: Row) -> None: ...

    def results(self) -> Results:
        """What the stage gives when the window closes."""
        ...

    def merge(self, other: Self) -> None:
        """Take in what ``other`` holds, as if its documents had come after."""
        ...

    def snapshot(self) -> Value:
        """A BSON-encodable value; ``restore(snapshot())`` of a fresh one is the identity."""
        ...

    def restore(self, snapshot: Value) -> None: ...

    @property
    def size(self) -> int:
        """About how many bytes of memory are held."""
        ...


class BlockingStage(Stage, Protocol):
    """A stage that must have seen a whole window."""

    def collector(self) -> Collector: ...

    def emit_add(self, code: Code, collector: str) -> None:
        """Write code that adds the current document to the collector in the local ``collector``.

        Whatever can go wrong comes before the first change.
        """
        ...


class SourceStage(Stage, Protocol):
    """``connection``: its name, None for documents in the pipeline. ``options``: the source's own struct."""

    connection: str | None
    options: Any
    #: Event time; None: the source's own time of each document (``Batch.times``).
    time_field: Expression | None
    #: Name of the field that gets the event time; None: none does.
    ts_field: str | None


class AskStage(Stage, Protocol):
    """``columns`` and ``constants``: as a sink's, for ``Asker.ask`` and ``Opening.constants``.

    ``connection`` None: it needs none and opens itself, by ``open_asker(opening)``. ``into``: path of the
    field that takes the value of an answer; None: nothing does. At the end of a pipeline such a stage is a
    sink: its ``kind`` is then "sink", answers only matter where they refuse a document.
    """

    connection: str | None
    options: Any
    columns: Mapping[str, Expression]
    constants: Mapping[str, Value]
    into: tuple[str, ...] | None


class SinkStage(Stage, Protocol):
    """``columns``: expressions that differ by document; they become ``Output.columns``, MISSING as None."""

    connection: str | None
    options: Any
    encoding: Encoding
    columns: Mapping[str, Expression]


class WindowStage(Stage, Protocol):
    """Cuts the stream into windows. ``pipeline``: the stages inside. Which windows a document is in is said
    twice, as by a ``RowStage``: ``find`` is the plain truth, ``emit_find`` writes code.
    """

    timing: Timing
    pipeline: tuple[Stage, ...]
    #: Whether documents go through the pipeline only when their window closes: it reads what is not known
    #: before.
    waits: bool

    def windows(self, collector: Callable[[], Collector], fire: Fire, clock: Clock) -> Windows:
        """The memory of one running program; ``fire`` takes each window that closes."""
        ...

    def find(self, windows: Windows, row: Row, time: int) -> Sequence[tuple[Row, Collector]]:
        """The collector of each window of a document of that event time, which was marked; with it, the
        document as it stands inside. Raises DocumentError if it is late.
        """
        ...

    def emit_find(self, code: Code) -> None:
        """Write code that does the same for the current document: it leaves a collector in ``into``, and
        what follows is done for each. Locals: ``t``, its event time; ``partition``; ``high``, the highest
        event time of that; ``trigger``, below which that closes nothing; ``lo`` and ``hi``, free to say from
        when until when nothing has to be looked for anew, are 0 when something has closed.
        """
        ...


def parse_stages(specs: Value, place: Place) -> tuple[Stage, ...]:
    """The stages of a pipeline. ``place``: of the pipeline itself. Raises PlanError."""
    if type(specs) is not list:
        raise place.wrong("a pipeline must be an array of stages", 14)
    if len(specs) > MAX_STAGES:
        raise place.wrong(f"Pipeline length must be no longer than {MAX_STAGES} stages", 7749501)
    main = place.placement == "main"
    return tuple(
        parse_stage(spec, place.at(i)._replace(last=main and i == len(specs) - 1))
        for i, spec in enumerate(specs)
    )


def parse_stage(spec: Value, place: Place) -> Stage:
    """One stage. Raises PlanError."""
    if type(spec) is not dict or len(spec) != 1:
        raise place.wrong("a stage must be an object with exactly one field", 40323)
    ((name, operand),) = spec.items()
    place = place.at(name)
    stage = STAGES.get(name)
    if stage is None:
        if name in upstream.STAGES:
            raise place.wrong(f"the stage {name} is not implemented yet", INVALID_OPTIONS)
        if name in upstream.FOREIGN_STAGES:
            raise place.wrong(f"{name} is not supported in a stream processor", INVALID_OPTIONS)
        raise place.wrong(f"Unrecognized pipeline stage name: '{name[:50]}'", 40324)
    if place.placement not in stage.placements:
        where = {"main": "in the main pipeline", "window": "inside a window", "payload": "in a payload"}
        raise place.wrong(f"{name} is not allowed {where[place.placement]}", 72)
    return stage.parse(operand, place)
