"""Open windows of one running program: what they see of time, and when they close.

All times are milliseconds since the epoch. The watermark is the least of the partitions' highest event times,
idle partitions left out; it never goes back. A window closes when the watermark has passed its end by the
allowed lateness, at once and not at the end of a batch, so that nothing depends on how the stream is cut into
batches.

Which windows there are is the affair of ``OpenWindows``: those aligned to the epoch
(``stages/aligned_windows.py``) and sessions (``stages/sessions.py``).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, Protocol

from bson import Int64

from brookmill.clock import Clock
from brookmill.errors import DocumentError
from brookmill.mql.values import Document, Value, date_from_ms
from brookmill.stages import Collector, Fire
from brookmill.stages.timing import Timing

#: Later than any event.
NEVER: Final = 2**63

LATE: Final = "Input document arrived late."


class LateError(DocumentError):
    """All windows that the document belongs to are closed. Reference: engine reference, section 2."""

    def __init__(self) -> None:
        super().__init__(LATE)


class BeyondError(DocumentError):
    """No date can tell where a window of the document begins or ends."""

    def __init__(self) -> None:
        super().__init__("the event time is beyond all windows")


class OpenWindows(Protocol):
    """The open windows of one kind, each with its collector.

    ``landmark``: how many landmarks the source has passed; each window remembers the one it opened after.
    """

    landmark: int

    @property
    def oldest(self) -> int | None:
        """The least landmark of a window; None if none is open."""
        ...

    @property
    def next_end(self) -> int:
        """No window ends before; NEVER if none is open."""
        ...

    def close(self, until: int) -> Iterator[tuple[int, Document, Collector]]:
        """Those that end at ``until`` or before, in the order they end: end, metadata, collector."""
        ...

    def bounds(self) -> tuple[int, int] | None:
        """Start times of the earliest and the latest; None: none is open."""
        ...

    def snapshot(self) -> list[Value]: ...

    def restore(self, snapshot: list[Any]) -> None: ...

    @property
    def size(self) -> int:
        """About how many bytes are held."""
        ...


class Windows:
    """``open``: the windows themselves, which the stage that made this fills. ``marks``: the highest event
    time of each partition so far. ``past``: what ended then, or before, is closed.
    """

    def __init__(self, timing: Timing, open_windows: OpenWindows, fire: Fire, clock: Clock) -> None:
        self.timing = timing
        self.open = open_windows
        self.marks: dict[int, int] = {}
        self.past = -NEVER
        self._fire = fire
        self._clock = clock
        #: None before the first batch, after a restart too.
        self._partitions = 0
        self._idle: frozenset[int] = frozenset()
        self._watermark = -NEVER
        #: What ended then, or before, has gone on already, though its documents come once more.
        self._gone = -NEVER
        #: The partition that was marked or asked for last, and the least mark of the others that are awake.
        self._beside: tuple[int, int] | None = None

    @property
    def watermark(self) -> int | None:
        """None before every partition that is awake has had a document."""
        return None if self._watermark == -NEVER else self._watermark

    def attend(self, partitions: int, idle: frozenset[int]) -> None:
        """A batch comes: there are so many partitions, and these are idle; or it has this very time.

        Windows that only those held open close.
        """
        if self.timing.processing_time:
            self.mark(0, int(self._clock.now() * 1000))
        elif partitions != self._partitions or idle != self._idle:
            self._partitions, self._idle, self._beside = partitions, idle, None
            self._advance(min(self._awake(), default=-NEVER))

    def high(self, partition: int) -> int:
        """The highest event time of the partition so far; by the clock, the time of the batch."""
        return self.marks.get(partition, -NEVER)

    def trigger(self, partition: int) -> int:
        """An event time of the partition below it closes no window; NEVER: none can."""
        due = self.open.next_end + self.timing.lateness
        return due if due <= self._others(partition) else NEVER

    def mark(self, partition: int, high: int) -> None:
        """An event time of the partition was seen; windows close that are due."""
        if high <= self.high(partition):
            return
        self.marks[partition] = high
        if partition not in self._idle:
            self._advance(min(high, self._others(partition)))

    def tick(self, now: int, idle_since: int | None) -> None:
        """Let windows close by the clock, or because the source is silent."""
        if self.timing.processing_time:
            self.mark(0, now)
        elif self.timing.idle is not None and idle_since is not None:
            silent = idle_since + self.timing.idle
            while now >= max(end := self.open.next_end, silent):
                self._watermark = max(self._watermark, end)
                self._close(end)
                self.past = max(self.past, end)

    def finish(self) -> None:
        """No document comes any more: all windows close."""
        self._close(NEVER - 1)

    def _awake(self) -> Iterator[int]:
        return (self.high(p) for p in range(self._partitions) if p not in self._idle)

    def _others(self, partition: int) -> int:
        """The least mark of the other partitions that are awake; NEVER: there are none."""
        if self._beside is None or self._beside[0] != partition:
            others = (p for p in range(self._partitions) if p != partition and p not in self._idle)
            self._beside = partition, min(map(self.high, others), default=NEVER)
        return self._beside[1]

    def _advance(self, mark: int) -> None:
        if mark > self._watermark:
            self._watermark = mark
            self.past = max(self.past, mark - self.timing.lateness)
            if self.open.next_end <= self.past:
                self._close(self.past)

    def _close(self, until: int) -> None:
        for end, meta, collector in self.open.close(until):
            if end > self._gone:
                self._fire(meta, collector)

    def time(self) -> Document:
        """What is known of time; as a snapshot, it has no open windows."""
        return {
            "marks": [[partition, Int64(mark)] for partition, mark in self.marks.items()],
            "watermark": None if self.watermark is None else Int64(self._watermark),
            "closed": str(self.past),
        }

    def snapshot(self) -> Document:
        return {
            **self.time(),
            "open": self.open.snapshot(),
            "landmark": self.open.landmark,
            "oldest": self.open.oldest,
            "gone": str(self._gone),
        }

    def restore(self, snapshot: Document) -> None:
        """Before the first batch. Older snapshots say less."""
        self.open.landmark = int(snapshot.get("landmark", 0))
        self.open.restore(snapshot.get("open", []))
        self.marks = {int(partition): int(mark) for partition, mark in snapshot["marks"]}
        mark = snapshot["watermark"]
        self._watermark = -NEVER if mark is None else int(mark)
        self.past = max(int(snapshot["closed"]), self._watermark - self.timing.lateness)
        self._gone = int(snapshot.get("gone", -NEVER))


def window_meta(meta: Document, start: int, end: int) -> Document:
    """Stream metadata inside a window."""
    return {**meta, "window": {"start": date_from_ms(start), "end": date_from_ms(end)}}
