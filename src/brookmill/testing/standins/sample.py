"""A sample source that gives the documents of a test; without any, the real one on the virtual clock."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from brookmill.connections import Batch, Opening, Source
from brookmill.connections.sample import Sample
from brookmill.connections.sample.source import SampleSource, SampleSourceOptions
from brookmill.mql import encoder
from brookmill.mql.values import date_from_ms
from brookmill.testing.player import Played, Player
from brookmill.testing.standins import STANDINS
from brookmill.testing.timeline import Event
from brookmill.testing.world import World
from brookmill.testing.written import json_text

_json = encoder()


class Voice:
    """Documents as JSON texts, of a source that makes them up."""

    partitions = 1

    def partition(self, event: Event) -> int:  # noqa: ARG002 - there is one
        return 0

    def batch(self, played: Sequence[Played]) -> Batch:
        times = [one.time for one in played]
        return Batch(
            [json_text(one.event.document) for one in played],
            times,
            meta=lambda i: {"type": "generated", "ts": date_from_ms(times[i])},
        )

    def stats(self, position: int, idle: frozenset[int]) -> dict[str, Any]:  # noqa: ARG002
        return {}


@STANDINS("Sample")
class PlayedSample(Sample, frozen=True, kw_only=True, tag="Sample"):
    """``world``: of the test."""

    world: World

    def open_source(self, options: SampleSourceOptions, opening: Opening) -> Source:  # noqa: ARG002
        timeline = self.world.timelines.get(str(self.name))
        if timeline is None:
            return SampleSource(opening)
        return Player(timeline, Voice(), self.world.clock, position=opening.position)
