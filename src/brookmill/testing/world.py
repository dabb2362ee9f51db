"""All that is outside of a pipeline under test, in memory: it outlives restarts of the pipeline."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from brookmill.clock import VirtualClock
from brookmill.testing.timeline import Timeline


@dataclass(frozen=True)
class Message:
    """A Kafka message that the pipeline emitted. ``value``: the document; None: a tombstone.

    ``key`` and header values are bytes as they were written; ``raw``: the value's bytes.
    """

    topic: str
    value: Any
    key: bytes | None = None
    headers: tuple[tuple[str, bytes | None], ...] = ()
    raw: bytes | None = None

    def shown(self) -> dict[str, Any]:
        """As flow files write it: key and header values are texts where they can be."""
        headers = {name: _text(value) for name, value in self.headers}
        return {"document": self.value, "key": _text(self.key), "headers": headers}


def _text(value: bytes | None) -> Any:
    if value is None:
        return None
    try:
        text = value.decode()
    except UnicodeDecodeError:
        return value
    return text if text.isprintable() else value


@dataclass(frozen=True)
class Request:
    """An HTTP request of ``$https``. ``body``: what its JSON says, else its text; None: there is none.

    ``query``: parameters by name; ``headers``: by name in lower case.
    """

    method: str
    url: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any = None

    def shown(self) -> dict[str, Any]:
        """As flow files write it."""
        return dict(vars(self))


@dataclass(frozen=True)
class Call:
    """A call of a function by ``$externalFunction``."""

    function: str
    payload: Any
    execution: str = "sync"

    def shown(self) -> dict[str, Any]:
        """As flow files write it."""
        return dict(vars(self))


@dataclass
class World:
    """``timelines``: what sources read, by connection name. ``topics``: what was emitted to Kafka topics."""

    clock: VirtualClock
    timelines: dict[str, Timeline] = field(default_factory=dict)
    topics: dict[str, list[Message]] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
