"""The log of all that happened to the data: what change streams read."""

from __future__ import annotations

import bisect
import datetime as dt
import threading
import uuid
from dataclasses import dataclass, field
from typing import Final

from bson import Timestamp

from brookmill.clock import Clock
from brookmill.mql.values import Document, Value, date_from_ms

#: Entries that are kept; older ones are history lost.
CAPACITY: Final = 100_000


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that happened. ``before``, ``after``: the images, where the collection keeps them.

    ``document``: what was inserted, or replaced another. ``extra``: members of events of its kind only.
    """

    at: int
    wall: dt.datetime
    operation: str
    database: str
    collection: str | None = None
    collection_id: uuid.UUID | None = None
    key: Document | None = None
    document: Document | None = None
    description: Document | None = None
    before: Document | None = None
    after: Document | None = None
    extra: Document = field(default_factory=dict)


def timestamp(at: int) -> Timestamp:
    """``at``, a number that orders all entries, as BSON writes it."""
    return Timestamp(at >> 32, at & 0xFFFFFFFF)


def ordinal(time: Timestamp) -> int:
    """The other way."""
    return time.time << 32 | time.inc


class Oplog:
    """``changed``: told of each entry; its lock guards everything a deployment holds."""

    def __init__(self, clock: Clock, capacity: int = CAPACITY) -> None:
        self.changed = threading.Condition()
        self.capacity = capacity
        self._clock = clock
        self._entries: list[Entry] = []
        #: Where the first entry that is not kept any more stood; 0: all are.
        self.lost = 0
        self.last = int(clock.now()) << 32 | 1

    def now(self) -> dt.datetime:
        """The time by the clock."""
        moment: dt.datetime = date_from_ms(int(self._clock.now() * 1000))
        return moment

    def record(self, operation: str, database: str, collection: str | None = None, **rest: Value) -> None:
        """Something has happened, just now."""
        self.last = max(int(self._clock.now()) << 32 | 1, self.last + 1)
        self._entries.append(Entry(self.last, self.now(), operation, database, collection, **rest))
        if len(self._entries) > self.capacity * 1.25:
            self.forget(len(self._entries) - self.capacity)
        self.changed.notify_all()

    def forget(self, count: int) -> None:
        """Drop the oldest ``count`` entries, as an oplog that is full does."""
        gone, self._entries = self._entries[:count], self._entries[count:]
        if gone:
            self.lost = gone[-1].at

    def forget_all(self) -> None:
        """Drop everything, and count what is done with as lost too."""
        self._entries, self.lost = [], self.last
        self.last += 1

    def after(self, at: int) -> list[Entry]:
        """The entries later than ``at``."""
        return self._entries[bisect.bisect_right(self._entries, at, key=lambda entry: entry.at) :]
