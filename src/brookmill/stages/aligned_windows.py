"""Windows of one length that begin in equal steps from the epoch: side by side, overlapping, or with gaps."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from typing import Any

from bson import Int64

from brookmill.mql.values import Document, Value
from brookmill.stages import Collector
from brookmill.stages.windows import NEVER, BeyondError, LateError, window_meta


class AlignedWindows:
    """``length`` of each; they begin at ``offset`` plus multiples of ``hop``. All in milliseconds."""

    def __init__(self, length: int, hop: int, offset: int, collector: Callable[[], Collector]) -> None:
        self._length = length
        self._hop = hop
        self._offset = offset
        self._collector = collector
        self._open: dict[int, Collector] = {}
        #: The starts of the open ones, a heap.
        self._starts: list[int] = []
        #: The landmark after which each opened.
        self._landmarks: dict[int, int] = {}
        self.landmark = 0

    def only(self, time: int, past: int) -> tuple[int, int, Collector]:
        """Start, end and collector of the window of ``time``, where they lie side by side.

        ``past``: what ended then, or before, is closed. Raises LateError and BeyondError.
        """
        start = time - (time - self._offset) % self._hop
        collector = self._opened(start, past)
        if collector is None:
            raise LateError
        return start, start + self._length, collector

    def all(self, time: int, past: int) -> tuple[int, int, list[tuple[int, int, Collector]]]:
        """The windows of ``time``, none in a gap; before them, from when until when they are all the same.

        Closed ones are left out. Raises LateError if all are, and BeyondError.
        """
        started = time - (time - self._offset) % self._hop
        ended = time - (time - self._offset - self._length) % self._hop
        first = ended - self._length + self._hop
        found = []
        for start in range(first, started + 1, self._hop):
            collector = self._opened(start, past)
            if collector is not None:
                found.append((start, start + self._length, collector))
        if not found and first <= started:
            raise LateError
        return max(started, ended), min(started, ended) + self._hop, found

    def _opened(self, start: int, past: int) -> Collector | None:
        collector = self._open.get(start)
        if collector is None and start + self._length > past:
            if start < -NEVER or start + self._length >= NEVER:
                raise BeyondError
            collector = self._open[start] = self._collector()
            self._landmarks[start] = self.landmark
            heapq.heappush(self._starts, start)
        return collector

    @property
    def oldest(self) -> int | None:
        return min(self._landmarks.values(), default=None)

    @property
    def next_end(self) -> int:
        return self._starts[0] + self._length if self._starts else NEVER

    def close(self, until: int) -> Iterator[tuple[int, Document, Collector]]:
        while self.next_end <= until:
            start = heapq.heappop(self._starts)
            del self._landmarks[start]
            end = start + self._length
            yield end, window_meta({}, start, end), self._open.pop(start)

    def bounds(self) -> tuple[int, int] | None:
        return (self._starts[0], max(self._starts)) if self._starts else None

    def snapshot(self) -> list[Value]:
        return [
            [Int64(start), collector.snapshot(), self._landmarks[start]]
            for start, collector in self._open.items()
        ]

    def restore(self, snapshot: list[Any]) -> None:
        for start, state, *landmark in snapshot:  # older ones have no landmark
            collector = self._open[int(start)] = self._collector()
            collector.restore(state)
            self._landmarks[int(start)] = int(landmark[0]) if landmark else 0
        self._starts = sorted(self._open)

    @property
    def size(self) -> int:
        return sum(200 + collector.size for collector in self._open.values())
