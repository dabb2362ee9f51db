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


@dataclass
class World:
    """``timelines``: what sources read, by connection name. ``topics``: what was emitted to Kafka topics."""

    clock: VirtualClock
    timelines: dict[str, Timeline] = field(default_factory=dict)
    topics: dict[str, list[Message]] = field(default_factory=dict)
