"""All that is outside of a pipeline under test, in memory: it outlives restarts of the pipeline."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from brookmill.clock import VirtualClock
from brookmill.testing.clusters import Clusters
from brookmill.testing.lambdas import Lambdas
from brookmill.testing.stored import StoredObject
from brookmill.testing.timeline import Timeline
from brookmill.testing.web import Web


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


@dataclass
class World:
    """``timelines``: what sources read, by connection name; ``synced``: of those, change streams that begin
    with what collections hold already. ``topics``: what was emitted to Kafka topics. ``objects``: what was
    written to S3 and Azure.
    """

    clock: VirtualClock
    clusters: Clusters
    web: Web
    lambdas: Lambdas
    timelines: dict[str, Timeline] = field(default_factory=dict)
    synced: set[str] = field(default_factory=set)
    topics: dict[str, list[Message]] = field(default_factory=dict)
    objects: list[StoredObject] = field(default_factory=list)
