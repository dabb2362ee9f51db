"""Outside systems: one file per connection type, and the contracts by which the runtime uses them.

A connection can be opened to read (``Source``), to write (``Sink``) and, later, to ask (``Asker``).
The client library of a type is imported where it is opened, so that listing types needs none.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from brookmill.domain.connection import Connection
from brookmill.registry import Registry

#: Connection types by their wire name, e.g. ``CONNECTIONS["Kafka"]``.
CONNECTIONS: Registry[type[Connection]] = Registry("connection type", __name__)

Form = Literal["json", "document"]


def no_meta(_: int) -> dict[str, Any]:
    return {}


@dataclass(slots=True)
class Batch:
    """Documents read together, in source order.

    ``form`` "json": ``values`` are undecoded JSON texts (bytes); "document": decoded documents.
    ``times``: the source's own event time of each document, milliseconds since the epoch.
    ``partitions``: the source partition of each document, for watermarks; None: there is one.
    ``meta(i)`` builds ``{$meta: "stream.source"}`` of the i-th document; called only where it is needed.
    ``idle``: partitions silent for longer than the source's idle time-out, left out of the watermark.
    """

    values: Sequence[Any]
    times: Sequence[int]
    form: Form = "json"
    partitions: Sequence[int] | None = None
    meta: Callable[[int], dict[str, Any]] = no_meta
    idle: frozenset[int] = frozenset()

    def __len__(self) -> int:
        return len(self.values)


@dataclass(slots=True)
class Output:
    """What leaves the pipeline, ready for the sink.

    ``values``: JSON texts (bytes) or documents, as the sink accepts. ``columns``: per-document values of the sink
    stage's expressions (``topic``, ``key``, ``headers``, …), each as long as ``values``; a constant is not a column.
    """

    values: list[Any] = field(default_factory=list)
    columns: dict[str, list[Any]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.values)


@dataclass(slots=True)
class DeadLetter:
    """A document that could not go on. ``document`` as it stood at the failing stage, or the raw bytes."""

    reason: str
    operator: str
    document: Any
    meta: dict[str, Any]


class Source(Protocol):
    """Reads. ``position()`` is where the next read starts; opening with it resumes there."""

    def read(self, limit: int, timeout: float) -> Batch:
        """Up to ``limit`` documents, waiting at most ``timeout`` seconds for the first; empty when there is none."""
        ...

    def position(self) -> Any:
        """A BSON-encodable value that ``open_source`` takes back."""
        ...

    def acknowledge(self, position: Any) -> None:
        """A checkpoint with ``position`` is safe; tell the outside system, for its own information."""
        ...

    def lag(self) -> dict[str, Any]:
        """Statistics of the source in the words of the stats reply (Kafka: ``kafkaPartitions`` …)."""
        ...

    def close(self) -> None: ...


class Sink(Protocol):
    """Writes. After ``flush`` returns everything written is with the outside system, or handed back as a dead letter."""

    accepts: Form

    def write(self, output: Output) -> list[DeadLetter]: ...

    def flush(self) -> list[DeadLetter]: ...

    def close(self) -> None: ...
