"""All that is outside of a pipeline under test, in memory: it outlives restarts of the pipeline."""

from __future__ import annotations

from dataclasses import dataclass, field

from brookmill.clock import VirtualClock
from brookmill.testing.clusters import Clusters
from brookmill.testing.lambdas import Lambdas
from brookmill.testing.message import Message
from brookmill.testing.stored import StoredObject
from brookmill.testing.timeline import Timeline
from brookmill.testing.web import Web


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
