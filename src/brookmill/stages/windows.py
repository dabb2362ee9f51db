"""Open windows of one running program: which one a document belongs to, and when they close.

All times are milliseconds since the epoch. The watermark is the least of the partitions' highest event times,
idle partitions left out; it never goes back. A window closes when the watermark has passed its end by the
allowed lateness, at once and not at the end of a batch, so that nothing depends on how the stream is cut into
batches.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec
from bson import Int64

from brookmill.clock import Clock
from brookmill.mql.values import Document, date_from_ms
from brookmill.stages import Collector, Fire

#: Later than any event.
NEVER: Final = 2**63

UNITS: Final = {"ms": 1, "second": 1000, "minute": 60_000, "hour": 3_600_000, "day": 86_400_000}


class Timing(msgspec.Struct, frozen=True, kw_only=True):
    """How a window lies in time.

    ``size`` and ``offset``: windows begin at ``offset`` plus multiples of ``size``. ``lateness``: how far the
    watermark must be past the end. ``idle``: how long a silent source keeps windows open; None: for ever.
    """

    size: int
    offset: int
    lateness: int
    idle: int | None
    processing_time: bool


class Windows:
    """Tumbling windows, each with its collector."""

    def __init__(self, timing: Timing, collector: Any, fire: Fire, clock: Clock) -> None:
        self.timing = timing
        self._collector = collector
        self._fire = fire
        self._clock = clock
        self._open: dict[int, Collector] = {}
        self.marks: dict[int, int] = {}
        self._partitions = 1
        self._idle: frozenset[int] = frozenset()
        self._closed = -NEVER
        self.watermark: int | None = None

    def now(self) -> int:
        return int(self._clock.now() * 1000)

    def attend(self, partitions: int, idle: frozenset[int]) -> None:
        """There are so many partitions, and these are idle; windows that only they held open close."""
        if partitions != self._partitions or idle != self._idle:
            self._partitions, self._idle = partitions, idle
            self._advance()

    def high(self, partition: int) -> int:
        """The highest event time of the partition so far."""
        return self.marks.get(partition, -NEVER)

    def trigger(self, partition: int) -> int:
        """The least event time of the partition that closes a window; NEVER if none can."""
        if not self._open:
            return NEVER
        others = [p for p in range(self._partitions) if p != partition and p not in self._idle]
        due = min(self._open) + self.timing.size + self.timing.lateness
        return due if all(self.marks.get(p, -NEVER) >= due for p in others) else NEVER

    def mark(self, partition: int, high: int) -> None:
        """An event time of the partition was seen; windows close that are due."""
        if high > self.high(partition):
            self.marks[partition] = high
            self._advance()

    def find(self, time: int, partition: int, high: int) -> tuple[int, int, Collector, int] | None:
        """Start, end and collector of the window of ``time``, and the trigger from now on; None: too late."""
        self.mark(partition, high)
        size = self.timing.size
        start = time - (time - self.timing.offset) % size
        collector = self._open.get(start)
        if collector is None:
            if start + size <= self._closed or self._is_due(start):
                return None
            collector = self._open[start] = self._collector()
        return start, start + size, collector, self.trigger(partition)

    def tick(self, now: int, idle_since: int | None) -> None:
        """Let windows close by the clock, or because the source is silent."""
        if self.timing.processing_time:
            self.mark(0, now)
        elif self.timing.idle is not None and idle_since is not None:
            for start in sorted(self._open):
                end = start + self.timing.size
                if now < max(end, idle_since + self.timing.idle):
                    break
                self.watermark = max(end, -NEVER if self.watermark is None else self.watermark)
                self._close(start)

    def _is_due(self, start: int) -> bool:
        due = start + self.timing.size + self.timing.lateness
        return self.watermark is not None and self.watermark >= due

    def _advance(self) -> None:
        awake = [p for p in range(self._partitions) if p not in self._idle]
        if not awake or any(p not in self.marks for p in awake):
            return
        mark = min(self.marks[p] for p in awake)
        if self.watermark is None or mark > self.watermark:
            self.watermark = mark
            for start in sorted(self._open):
                if not self._is_due(start):
                    break
                self._close(start)

    def _close(self, start: int) -> None:
        end = start + self.timing.size
        self._closed = max(self._closed, end)
        self._fire(self.meta({}, start, end), self._open.pop(start))

    @staticmethod
    def meta(meta: Document, start: int, end: int) -> Document:
        """Stream metadata inside a window."""
        return {**meta, "window": {"start": date_from_ms(start), "end": date_from_ms(end)}}

    def bounds(self) -> tuple[int, int] | None:
        """Start times of the earliest and the latest open window; None: none is open."""
        return (min(self._open), max(self._open)) if self._open else None

    def snapshot(self) -> Document:
        return {
            "open": [[Int64(start), collector.snapshot()] for start, collector in self._open.items()],
            "marks": [[partition, Int64(mark)] for partition, mark in self.marks.items()],
            "closed": str(self._closed),
            "watermark": None if self.watermark is None else Int64(self.watermark),
        }

    def restore(self, snapshot: Document) -> None:
        for start, state in snapshot["open"]:
            collector = self._open[int(start)] = self._collector()
            collector.restore(state)
        self.marks = {int(partition): int(mark) for partition, mark in snapshot["marks"]}
        self._closed = int(snapshot["closed"])
        mark = snapshot["watermark"]
        self.watermark = None if mark is None else int(mark)

    @property
    def size(self) -> int:
        """About how many bytes are held."""
        return sum(200 + collector.size for collector in self._open.values())
