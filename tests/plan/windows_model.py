"""What windows hold, in plain words: a slow model to judge programs by. It shares no code with them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

Kind = Literal["tumbling", "hopping", "session"]


@dataclass(frozen=True)
class Event:
    """A document: its number, event time, source partition, ``partitionBy`` value (None: missing).

    ``fate``: "drop", before the window; "fail", inside of it.
    """

    i: int
    time: int
    partition: int
    key: str | None = None
    fate: str | None = None


@dataclass(frozen=True)
class Idle:
    """These partitions are idle from now on."""

    partitions: frozenset[int]


@dataclass(frozen=True)
class Silence:
    """It is ``now``, and nothing has come since ``since``."""

    now: int
    since: int


Step = Event | Idle | Silence


@dataclass
class Window:
    """``times``: of all its documents, of failing ones too; ``ids`` of the others, in their order."""

    start: int
    key: str | None = None
    times: list[int] = field(default_factory=list)
    ids: list[int] = field(default_factory=list)


@dataclass
class Model:
    """``size``: the interval, or the gap. ``closed``: ids, start, end and key of windows with documents.

    ``late``, ``gaps``: numbers of documents. ``failed``: those once for each window.
    """

    kind: Kind
    size: int
    hop: int = 0
    offset: int = 0
    lateness: int = 0
    idle_timeout: int | None = None
    partitions: int = 1
    marks: dict[int, int] = field(default_factory=dict)
    idle: frozenset[int] = frozenset()
    watermark: int | None = None
    ended: int | None = None
    windows: list[Window] = field(default_factory=list)
    closed: list[tuple[list[int], int, int, str | None]] = field(default_factory=list)
    late: list[int] = field(default_factory=list)
    failed: list[int] = field(default_factory=list)
    gaps: list[int] = field(default_factory=list)

    def play(self, steps: list[Step]) -> Model:
        for step in steps:
            if isinstance(step, Idle):
                self.idle = step.partitions
                self.advance()
            elif isinstance(step, Silence):
                self.be_silent(step)
            else:
                self.take(step)
        return self

    def finish(self) -> Model:
        """All that is open closes."""
        self.close(lambda _: True)
        return self

    def take(self, event: Event) -> None:
        self.marks[event.partition] = max(event.time, self.marks.get(event.partition, event.time))
        self.advance()
        if event.fate == "drop":
            return
        found = list(self.session(event) if self.kind == "session" else self.aligned(event))
        for window in found:
            window.times.append(event.time)
            (self.failed if event.fate == "fail" else window.ids).append(event.i)

    def aligned(self, event: Event) -> Iterator[Window]:
        around = range(event.time - self.size - self.hop, event.time + self.hop + 1)
        starts = [s for s in around if (s - self.offset) % self.hop == 0 and s <= event.time < s + self.size]
        if not starts:
            self.gaps.append(event.i)
            return
        still = [s for s in starts if not self.over(s + self.size)]
        if not still:
            self.late.append(event.i)
        for start in still:
            known = [window for window in self.windows if window.start == start]
            if not known:
                known = [Window(start)]
                self.windows += known
            yield known[0]

    def session(self, event: Event) -> Iterator[Window]:
        near = [
            window
            for window in self.windows
            if window.key == event.key and any(abs(time - event.time) < self.size for time in window.times)
        ]
        if not near:
            if self.watermark is not None and event.time < self.watermark - self.lateness:
                self.late.append(event.i)
                return
            near = [Window(event.time, event.key)]
            self.windows += near
        near.sort(key=lambda window: min(window.times, default=0))
        for other in near[1:]:
            near[0].times += other.times
            near[0].ids += other.ids
            self.windows = [window for window in self.windows if window is not other]
        yield near[0]

    def end(self, window: Window) -> int:
        return (max(window.times) if self.kind == "session" else window.start) + self.size

    def over(self, end: int) -> bool:
        passed = self.watermark is not None and self.watermark - self.lateness >= end
        return passed or (self.ended is not None and end <= self.ended)

    def advance(self) -> None:
        awake = [partition for partition in range(self.partitions) if partition not in self.idle]
        if awake and all(partition in self.marks for partition in awake):
            least = min(self.marks[partition] for partition in awake)
            self.watermark = least if self.watermark is None else max(self.watermark, least)
        self.close(lambda window: self.over(self.end(window)))

    def be_silent(self, silence: Silence) -> None:
        if self.idle_timeout is None:
            return
        wait = silence.since + self.idle_timeout
        ends = [self.end(window) for window in self.windows if silence.now >= max(self.end(window), wait)]
        if ends:
            self.watermark = max(*ends, self.watermark or ends[0])
        self.close(lambda window: silence.now >= max(self.end(window), wait))

    def close(self, due: Any) -> None:
        ending = [window for window in self.windows if due(window)]
        self.windows = [window for window in self.windows if not due(window)]
        for window in sorted(ending, key=self.end):  # stable: of two sessions the one opened first
            end = self.end(window)
            self.ended = end if self.ended is None or self.kind == "session" else max(self.ended, end)
            start = min(window.times) if self.kind == "session" else window.start
            if window.ids:
                self.closed.append((window.ids, start, end, window.key))
