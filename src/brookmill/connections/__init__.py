"""Outside systems: one file per connection type, and the contracts by which the runtime uses them.

A connection can be opened to read (``Source``), to write (``Sink``) and to ask (``Asker``).
The client library of a type is imported where it is opened, so that listing types needs none.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple, Protocol, runtime_checkable

from brookmill.clock import Clock
from brookmill.config import Outside
from brookmill.domain.connection import Connection
from brookmill.mql.size import bson_size
from brookmill.mql.values import MISSING, Document, Value
from brookmill.registry import Registry

if TYPE_CHECKING:
    from brookmill.connections.ladder import Ladder

#: Connection types by their wire name, e.g. ``CONNECTIONS["Kafka"]``.
CONNECTIONS: Registry[type[Connection]] = Registry("connection type", __name__)

Form = Literal["json", "document"]

#: Seconds that a client is given at least: to some, 0 means for ever.
_LEAST = 0.05


def no_meta(_: int) -> dict[str, Any]:
    return {}


@dataclass(slots=True)
class Batch:
    """Documents read together, in source order.

    ``form`` "json": ``values`` are undecoded JSON texts (bytes); "document": decoded documents.
    ``times``: the source's own event time of each document, milliseconds since the epoch.
    ``partitions``: the source partition of each document, for watermarks; None: there is one.
    ``partition_count``: how many there are, seen or not; their numbers start at 0 and survive restarts.
    ``meta(i)`` builds ``{$meta: "stream.source"}`` of the i-th document; called only where it is needed.
    ``idle``: partitions silent for longer than the source's idle time-out, left out of the watermark.
    ``refused``: what the source could not decode. A batch may hold no documents and yet have news in the last
    two.
    """

    values: Sequence[Any]
    times: Sequence[int]
    form: Form = "json"
    partitions: Sequence[int] | None = None
    partition_count: int = 1
    meta: Callable[[int], dict[str, Any]] = no_meta
    idle: frozenset[int] = frozenset()
    refused: Sequence[DeadLetter] = ()

    @property
    def size(self) -> int:
        """Bytes of all documents: of the JSON text, or as BSON."""
        return _size(self.values)

    def __len__(self) -> int:
        return len(self.values)


@dataclass(slots=True)
class Output:
    """What leaves the pipeline, ready for the sink.

    ``values``: JSON texts (bytes) or documents, as the sink accepts. ``columns``: per-document values of the
    sink stage's expressions (``topic``, ``key``, ``headers``, …), each as long as ``values``; a constant is
    not a column. ``trace(i)`` works out ``{$meta: "stream"}`` of the i-th document: for dead letters, as it
    does the whole batch again.
    """

    values: list[Any] = field(default_factory=list)
    columns: dict[str, list[Any]] = field(default_factory=dict)
    trace: Callable[[int], dict[str, Any]] = no_meta

    @property
    def size(self) -> int:
        """Bytes of all documents: of the JSON text, or as BSON."""
        return _size(self.values)

    def __len__(self) -> int:
        return len(self.values)

    def cut(self, count: int) -> None:
        """Take back all but the first ``count``."""
        for column in (self.values, *self.columns.values()):
            del column[count:]


@dataclass(slots=True)
class DeadLetter:
    """A document that could not go on. ``document`` as it stood at the failing stage, or the raw bytes."""

    reason: str
    operator: str
    document: Any
    meta: dict[str, Any]


def _size(values: Sequence[Any]) -> int:
    if values and isinstance(values[0], bytes):
        return sum(map(len, values))
    return sum(map(document_size, values))


def document_size(document: Any) -> int:
    """Bytes of a document as BSON."""
    return bson_size(document)


class Source(Protocol):
    """Reads. ``position()`` is where the next read starts; opening with it resumes there."""

    def read(self, limit: int, timeout: float) -> Batch:
        """Up to ``limit`` documents; waits at most ``timeout`` seconds for the first."""
        ...

    def position(self) -> Any:
        """A BSON-encodable value that ``open_source`` takes back."""
        ...

    def acknowledge(self, position: Any) -> None:
        """A checkpoint with ``position`` is safe; tell the outside system, for its own information."""
        ...

    def lag(self, watermarks: Mapping[int, int]) -> dict[str, Any]:
        """Statistics of the source in the words of the stats reply (Kafka: ``kafkaPartitions`` …).

        Those in the member ``operator`` go into its entry in ``operatorStats``.

        ``watermarks``: highest event time by partition, milliseconds, where windows by event time keep them.
        """
        ...

    def close(self) -> None: ...


class Sink(Protocol):
    """Writes. When ``flush`` returns all that was written is with the outside system or handed back."""

    accepts: Form

    def write(self, output: Output) -> list[DeadLetter]: ...

    def flush(self) -> list[DeadLetter]: ...

    def close(self) -> None: ...


@runtime_checkable
class Timely(Protocol):
    """A sink that has work to do when time passes, whether or not there are documents."""

    def tick(self) -> list[DeadLetter]:
        """Called every now and then between writes, many times a second."""
        ...


@runtime_checkable
class Targeted(Protocol):
    """A sink that writes to places with names, which statistics tell apart.

    ``target``: the columns or ``constants`` that name a document's place, e.g. ``("db", "coll")``.
    """

    target: tuple[str, ...]
    constants: Mapping[str, Any]


class Answer(NamedTuple):
    """What came of one question.

    ``value`` goes into the field that the stage's ``as`` names; MISSING: the document goes on as it is.
    ``meta`` goes over the document's stream metadata, e.g. ``{"https": {…}}``. ``refused``: the reason why
    the document is a dead letter.
    """

    value: Value = MISSING
    meta: Document | None = None
    refused: str | None = None


class Asker(Protocol):
    """Answers questions about documents: a look-up, a request, a function call."""

    def ask(self, questions: Output) -> Sequence[Answer]:
        """One answer for each document, in their order; ``questions.values`` are documents.

        Whatever may run side by side does so in here. Raises ConnectionFailed when the processor must not go
        on.
        """
        ...

    def stats(self) -> Document:
        """Members of the stage's entry in ``operatorStats`` beyond the counts (cache hits, …)."""
        ...

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Opening:
    """What a source, sink or asker is told besides its options.

    ``position``: where an earlier ``Source.position()`` was, None from the start. ``start_at``: where to
    begin without a position, as the start command says (``startAtOperationTime`` or ``startAfter``).
    ``started_at``: when a user last started the processor, seconds since the epoch; None: now.
    ``constants``: the stage's expressions that give the same for every document, by column name.
    ``sample_rate``: documents a second of a sample source. ``partition_limit``: how many partitions a source
    may have, ``sync_limit``: how many collections one initial sync; None: any number. ``memory``: of the
    worker, in bytes. ``outside``: settings about the world.
    ``clusters``: URI by cluster name. ``connections``: all that the pipeline names. ``deadline``: monotonic
    time beyond which nobody is waited for; None: every client waits as long as it does for a processor.
    """

    processor_id: str
    clock: Clock
    position: Any = None
    constants: Mapping[str, Any] = field(default_factory=dict)
    sample_rate: float = 10.0
    partition_limit: int | None = None
    sync_limit: int | None = None
    start_at: Mapping[str, Any] = field(default_factory=dict)
    started_at: float | None = None
    memory: int = 2 * 1024**3
    outside: Outside = field(default_factory=Outside)
    clusters: Mapping[str, str] = field(default_factory=dict, repr=False)
    connections: Mapping[str, Connection] = field(default_factory=dict)
    deadline: float | None = None

    def patience(self, usual: float) -> float:
        """Seconds to wait for an outside system: the ``usual``, or what is left until the deadline."""
        if self.deadline is None:
            return usual
        return min(usual, max(_LEAST, self.deadline - self.clock.monotonic()))

    def tries(self, usual: int) -> int:
        """How often to ask before a failure counts: with a deadline once."""
        return usual if self.deadline is None else 1


@runtime_checkable
class Readable(Protocol):
    """A connection type that can stand in ``$source``.

    ``source_options``: the struct that the stage's document is converted to; its members are the stage's
    fields, ``time_field`` and ``ts_field_name`` among them. ``operator``, a class variable of it, names the
    source in statistics and dead letters.
    """

    source_options: ClassVar[type[Any]]

    def open_source(self, options: Any, opening: Opening) -> Source:
        """Raises ConnectionFailed."""
        ...


@runtime_checkable
class Writable(Protocol):
    """A connection type that can stand in a sink stage.

    ``sink_options``: stage name -> struct of its fields, with ``operator`` as above. ``expressions()`` of it
    gives column, path of the member and spec of every member that is an expression; ``problems(constants)``
    path and text of what is wrong with those that turned out to be constant.
    """

    sink_options: ClassVar[Mapping[str, type[Any]]]

    def open_sink(self, options: Any, opening: Opening) -> Sink:
        """Raises ConnectionFailed."""
        ...


@runtime_checkable
class Askable(Protocol):
    """A connection type that can be asked in the middle of a pipeline, or at its end.

    ``asker_options``: stage name -> struct of its fields, with ``operator``, ``expressions()`` and
    ``problems(constants)`` as those of ``sink_options``.
    """

    asker_options: ClassVar[Mapping[str, type[Any]]]

    def open_asker(self, options: Any, opening: Opening) -> Asker:
        """Raises ConnectionFailed."""
        ...


@runtime_checkable
class Probeable(Protocol):
    """A connection type that can be tested without a processor.

    ``probe_options``: struct of what may be tried, all of it optional. docs/probes.md
    """

    probe_options: ClassVar[type[Any]]

    def probe(self, options: Any, opening: Opening, ladder: Ladder) -> None:
        """Climb as far as ``options`` allow; ``opening`` has a deadline. What fails is raised inside of the
        step that failed: ConnectionFailed, or DocumentError for a message that cannot be read.
        """
        ...
