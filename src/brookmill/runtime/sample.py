"""What one client gets to see of a processor's output: copies of documents, within bounds."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final, Literal, NamedTuple

from brookmill.clock import Clock

#: Bytes that a sample shows in all. Engine reference, section 5.3.
MOST: Final = 40 * 1024 * 1024
#: Bytes that wait for the client at most, but for one document that is longer.
WAITING: Final = 4 * 1024 * 1024
#: The same for a client who only looks on: he sees what passes now, not what passed a while ago.
GLANCE: Final = 32 * 1024
#: Seconds between two batches for a client who only looks on: as fast as anybody reads.
PAUSE: Final = 0.25
#: Seconds after which a client who fetches nothing is gone.
IDLE: Final = 60.0
#: What a document counts beyond its own bytes.
_EACH: Final = 64


class Shown(NamedTuple):
    """A document as BSON, or as the JSON text that the sink got."""

    data: bytes
    form: Literal["bson", "json"]


def cost(data: bytes) -> int:
    """What a document takes of the room."""
    return len(data) + _EACH


class Sample:
    """Filled by whoever listens to the worker, emptied by the client. Safe for threads.

    ``limit``: documents after which it ends, None: none but ``MOST`` bytes. ``glance``: the client only looks
    on, and costs little however many do. ``capacity``: bytes that wait for him at most, but for one document
    that is longer. ``dropped`` counts documents that passed while there was no room. ``failure``: why the
    processor ended, when that was no user's wish. ``client``: who fetched last, for whoever must know.
    """

    def __init__(self, clock: Clock, limit: int | None = None, *, glance: bool = False) -> None:
        self.capacity = GLANCE if glance else WAITING
        self._pause = PAUSE if glance else 0.0
        self._clock = clock
        self._left = limit
        self._bytes = MOST
        self._waiting: deque[Shown] = deque()
        self._size = 0
        self._ended = False
        self._lock = threading.Lock()
        self._wake: Callable[[], None] | None = None
        self._fetched = clock.monotonic()
        self._next = self._fetched
        self._holding = 0
        self.dropped = 0
        self.client: object = None
        self.failure: str | None = None

    @property
    def room(self) -> int:
        """Bytes that it would still take."""
        return 0 if self._ended else max(0, self.capacity - self._size)

    @property
    def closed(self) -> bool:
        """Whether nothing will ever come again, or nobody looks any more."""
        return (self._ended and not self._waiting) or self.abandoned(IDLE)

    def abandoned(self, seconds: float) -> bool:
        """Whether the client has fetched nothing for so long."""
        return not self._holding and self._clock.monotonic() - self._fetched > seconds

    def offer(self, documents: Sequence[Shown], dropped: int) -> None:
        """Take what there is room for, and count the rest."""
        with self._lock:
            self.dropped += dropped
            for document in documents:
                if self._ended or (self._size and self._size + cost(document.data) > self.capacity):
                    self.dropped += 1
                else:
                    self._take_in(document)
        self._call()

    def _take_in(self, document: Shown) -> None:
        self._waiting.append(document)
        self._size += cost(document.data)
        self._bytes -= len(document.data)
        if self._left is not None:
            self._left -= 1
        if self._bytes <= 0 or self._left == 0:
            self._ended = True

    def end(self, failure: str | None = None) -> None:
        """The processor has ended: what waits can still be fetched."""
        with self._lock:
            self.failure = self.failure or failure
            self._ended = True
        self._call()

    def close(self) -> None:
        """The client is gone: nothing can be fetched any more."""
        self.end()
        with self._lock:
            self._waiting.clear()
            self._size = 0

    def take(self, most: int, size: int) -> list[Shown]:
        """The next documents: at most ``most`` of them, of ``size`` bytes but for the first."""
        taken: list[Shown] = []
        with self._lock:
            self._fetched = self._clock.monotonic()
            self._next = self._fetched + self._pause
            while self._waiting and len(taken) < most:
                size -= cost(self._waiting[0].data)
                if size < 0 and taken:
                    break
                document = self._waiting.popleft()
                self._size -= cost(document.data)
                taken.append(document)
        return taken

    @property
    def pause(self) -> float:
        """Seconds until the next batch is due."""
        return 0.0 if self._ended else max(0.0, self._next - self._clock.monotonic())

    @property
    def finished(self) -> bool:
        """Whether everything was fetched that will ever come."""
        return self._ended and not self._waiting

    @property
    def worth_waiting(self) -> bool:
        """Whether there is nothing yet, but may be."""
        return not self._waiting and not self._ended

    def hold(self, wake: Callable[[], None] | None) -> None:
        """A fetch is held (or, None, no more): call ``wake`` from any thread when there is news."""
        with self._lock:
            self._holding += 1 if wake is not None else -1
            self._wake = wake
            self._fetched = self._clock.monotonic()

    def hang_up(self, grace: float) -> None:
        """The client is lost: unless one fetches again, the sample is abandoned after ``grace`` seconds."""
        with self._lock:
            self._fetched = self._clock.monotonic() - IDLE + grace

    def _call(self) -> None:
        wake = self._wake
        if wake is not None:
            wake()
