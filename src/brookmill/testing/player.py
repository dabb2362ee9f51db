"""Stands in for a source: plays a timeline on a virtual clock."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple, Protocol

from bson import Int64

from brookmill.clock import VirtualClock
from brookmill.connections import Batch
from brookmill.mql.values import date_from_ms
from brookmill.testing.timeline import Event, Pause, Timeline

_NEVER = threading.Event()


class Played(NamedTuple):
    """An event as it arrives. ``step``: its number; ``time``: its own time in milliseconds."""

    step: int
    event: Event
    time: int


class Voice(Protocol):
    """How a kind of source says what the events are. ``partitions``: how many it has."""

    partitions: int

    def partition(self, event: Event) -> int:
        """The number of the event's partition."""
        ...

    def batch(self, played: Sequence[Played]) -> Batch:
        """The events as the source would hand them on; partitions and idleness are not its business."""
        ...

    def stats(self, position: int, idle: frozenset[int]) -> dict[str, Any]:
        """The source's own statistics when the next step is ``position``."""
        ...


class Player:
    """A ``Source``. Its position is the number of the next step.

    A pause is played in two reads: the first finds nothing, so that silence begins before the clock moves;
    ``pausing`` is true between them.
    """

    def __init__(
        self,
        timeline: Timeline,
        voice: Voice,
        clock: VirtualClock,
        *,
        position: Any = None,
        idle_after: float | None = None,
    ) -> None:
        """``idle_after``: seconds after which a silent partition is left out of the watermark."""
        self._timeline = timeline
        self._voice = voice
        self._clock = clock
        self._next = int(position or 0)
        self._idle_after = idle_after
        self.pausing = False
        self._heard = timeline.heard
        for partition in range(voice.partitions):
            self._heard.setdefault(partition, clock.monotonic())

    @property
    def over(self) -> bool:
        """Whether everything was played."""
        return self._next >= len(self._timeline)

    def read(self, limit: int, timeout: float) -> Batch:
        self._skip()
        if self.over:
            self._clock.wait(_NEVER, timeout)
            return self._told(Batch([], [], form="document"))
        if isinstance(self._timeline.steps[self._next], Pause):
            self._pause()
            return self._told(Batch([], [], form="document"))
        played = self._arrived(limit)
        now = self._clock.monotonic()
        for one in played:
            self._heard[self._voice.partition(one.event)] = now
        batch = self._voice.batch(played)
        if batch.partitions is None and self._voice.partitions > 1:
            batch = replace(batch, partitions=[self._voice.partition(one.event) for one in played])
        return self._told(batch)

    def _skip(self) -> None:
        """Past pauses that are over already."""
        while not self.over and isinstance(self._timeline.steps[self._next], Pause):
            if self._timeline.moment(self._next, self._now()) > self._now():
                return
            self._next += 1

    def _pause(self) -> None:
        self.pausing = not self.pausing
        if not self.pausing:
            self._clock.advance((self._timeline.moment(self._next, self._now()) - self._now()) / 1000)
            self._next += 1

    def _arrived(self, limit: int) -> list[Played]:
        played: list[Played] = []
        for step in self._timeline.steps[self._next : self._next + limit]:
            if isinstance(step, Pause):
                break
            time = self._timeline.moment(self._next, self._now())
            played.append(Played(self._next, step.event, time))
            self._next += 1
        return played

    def _told(self, batch: Batch) -> Batch:
        return replace(batch, partition_count=self._voice.partitions, idle=self._idle())

    def _idle(self) -> frozenset[int]:
        if self._idle_after is None:
            return frozenset()
        now = self._clock.monotonic()
        return frozenset(p for p, heard in self._heard.items() if now - heard > self._idle_after)

    def _now(self) -> int:
        return round(self._clock.now() * 1000)

    def position(self) -> Any:
        return Int64(self._next)

    def acknowledge(self, position: Any) -> None:
        """Nobody to tell."""

    def lag(self, watermarks: Mapping[int, int]) -> dict[str, Any]:
        told = self._voice.stats(self._next, self._idle())
        for number, partition in enumerate(told.get("kafkaPartitions", ())):
            if number in watermarks:
                partition["watermark"] = date_from_ms(watermarks[number])
        return told

    def close(self) -> None:
        """Nothing is open."""
