"""How long documents took lately, and in all: the ``latency`` of stats replies."""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

from bson import Int64

from brookmill.clock import Clock
from brookmill.mql.values import Document, date_from_ms

#: Seconds that count as lately. Engine reference, section 10, row 32.
SPAN = 30.0


class Sample(NamedTuple):
    """So many documents took so long together. ``at``: monotonic seconds."""

    at: float
    micros: int
    documents: int


class Latency:
    """Samples of the last 30 seconds. Documents of one batch share one."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._samples: deque[Sample] = deque()
        self._total = 0.0

    def note(self, seconds: float, count: int) -> None:
        """``count`` documents took ``seconds``."""
        self._total += seconds
        if count:
            self._samples.append(Sample(self._clock.monotonic(), int(seconds * 1_000_000), count))
        self._forget()

    def _forget(self) -> None:
        begin = self._clock.monotonic() - SPAN
        while self._samples and self._samples[0].at < begin:
            self._samples.popleft()

    def shown(self) -> Document:
        """``{latency, executionTimeMillis}``; no latency when nothing came lately."""
        self._forget()
        shown: Document = {"executionTimeMillis": Int64(self._total * 1000)}
        if self._samples:
            shown["latency"] = self._lately()
        return shown

    def _lately(self) -> Document:
        count = sum(sample.documents for sample in self._samples)
        now_ms = self._clock.now() * 1000
        age_ms = (self._clock.monotonic() - self._samples[0].at) * 1000
        return {
            "p50": Int64(self._percentile(0.5, count)),
            "p99": Int64(self._percentile(0.99, count)),
            "start": date_from_ms(int(now_ms - age_ms)),
            "end": date_from_ms(int(now_ms)),
            "unit": "microseconds",
            "count": Int64(count),
            "sum": Int64(sum(sample.micros * sample.documents for sample in self._samples)),
        }

    def _percentile(self, part: float, count: int) -> int:
        """The least time that at least that part of the documents did not exceed."""
        below = 0
        ordered = sorted(self._samples, key=lambda sample: sample.micros)
        for sample in ordered:
            below += sample.documents
            if below >= part * count:
                return sample.micros
        return ordered[-1].micros
