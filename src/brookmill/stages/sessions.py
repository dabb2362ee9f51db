"""Sessions: windows that documents of one partition open, draw out and join by being near in time."""

from __future__ import annotations

import bisect
import heapq
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from bson import Int64

from brookmill.mql.compare import order_key
from brookmill.mql.values import MISSING, Document, Value
from brookmill.stages import Collector
from brookmill.stages.windows import NEVER, BeyondError, LateError, window_meta


def partition_key(value: Value) -> Any:
    """What tells partitions apart: values as ``$group`` does, but missing is one of its own."""
    return value if type(value) is str or value is MISSING else order_key(value)


def session_meta(meta: Document, partition: Value) -> Document:
    """Stream metadata of a document in a session, whose start and end only its close will tell."""
    return {**meta, "window": {} if partition is MISSING else {"partition": partition}}


@dataclass(slots=True, eq=False)
class Session:
    """``key``: of its partition. ``first``, ``last``: least and highest event time. ``number``: sessions are
    numbered as they open. ``landmark``: the one that the first of them opened after. ``gone``: it went into
    another one.
    """

    key: Any
    partition: Value
    first: int
    last: int
    number: int
    landmark: int
    collector: Collector
    gone: bool = False


class Sessions:
    """The open sessions of all partitions. ``gap`` in milliseconds."""

    def __init__(self, gap: int, collector: Callable[[], Collector]) -> None:
        self._gap = gap
        self._collector = collector
        self._numbers = itertools.count()
        #: In order of time: those of one partition are a gap apart at least.
        self._partitions: dict[Any, list[Session]] = {}
        #: A heap with one entry a session: its end as it once was, its number, itself.
        self._ends: list[tuple[int, int, Session]] = []
        self.landmark = 0

    def of(self, time: int, partition: Value, past: int) -> Collector:
        """The collector of the session of a document, once those are one that the document connects.

        ``past``: where no session is near, a document from before then is late. Raises LateError and
        BeyondError.
        """
        if time + self._gap >= NEVER:
            raise BeyondError
        key = partition_key(partition)
        sessions = self._partitions.get(key, [])
        place = bisect.bisect_left(sessions, time, key=_first)
        before, after = sessions[place - 1 : place], sessions[place : place + 1]
        if place and time - before[0].last >= self._gap:
            before = []
        if after and after[0].first - time >= self._gap:
            after = []
        if before and after:
            self._join(before[0], after[0])
        elif not before and not after:
            if time < past:
                raise LateError
            after = [self._opened(key, partition, time, time, self.landmark)]
            self._partitions.setdefault(key, sessions).insert(place, after[0])
        session = (before or after)[0]
        session.first, session.last = min(session.first, time), max(session.last, time)
        return session.collector

    def _opened(self, key: Any, partition: Value, first: int, last: int, landmark: int) -> Session:
        number, collector = next(self._numbers), self._collector()
        session = Session(key, partition, first, last, number, landmark, collector)
        heapq.heappush(self._ends, (last + self._gap, session.number, session))
        return session

    def _join(self, session: Session, later: Session) -> None:
        """One of two; the documents of the later one come after the others."""
        session.last = later.last
        session.landmark = min(session.landmark, later.landmark)
        session.collector.merge(later.collector)
        later.gone = True
        self._partitions[session.key].remove(later)

    @property
    def next_end(self) -> int:
        return self._ends[0][0] if self._ends else NEVER

    def close(self, until: int) -> Iterator[tuple[int, Document, Collector]]:
        while self.next_end <= until:
            end, number, session = heapq.heappop(self._ends)
            if session.gone:
                continue
            if session.last + self._gap > end:
                heapq.heappush(self._ends, (session.last + self._gap, number, session))
            else:
                yield end, self._closed(session), session.collector

    def _closed(self, session: Session) -> Document:
        sessions = self._partitions[session.key]
        sessions.remove(session)
        if not sessions:
            del self._partitions[session.key]
        meta = window_meta({}, session.first, session.last + self._gap)
        if session.partition is not MISSING:
            meta["window"]["partition"] = session.partition
        return meta

    def _all(self) -> list[Session]:
        return [session for sessions in self._partitions.values() for session in sessions]

    def bounds(self) -> tuple[int, int] | None:
        starts = [session.first for session in self._all()]
        return (min(starts), max(starts)) if starts else None

    @property
    def oldest(self) -> int | None:
        return min((session.landmark for session in self._all()), default=None)

    def snapshot(self) -> list[Value]:
        return [_snapshot(session) for session in sorted(self._all(), key=lambda session: session.number)]

    def restore(self, snapshot: list[Any]) -> None:
        for kept in snapshot:
            partition = kept.get("partition", MISSING)
            key = partition_key(partition)
            first, last, landmark = (int(kept[name]) for name in ("first", "last", "landmark"))
            session = self._opened(key, partition, first, last, landmark)
            session.collector.restore(kept["state"])
            bisect.insort(self._partitions.setdefault(key, []), session, key=_first)

    @property
    def size(self) -> int:
        return sum(400 + session.collector.size for session in self._all())


def _first(session: Session) -> int:
    return session.first


def _snapshot(session: Session) -> Document:
    partition = {} if session.partition is MISSING else {"partition": session.partition}
    return {
        "first": Int64(session.first),
        "last": Int64(session.last),
        "landmark": session.landmark,
        **partition,
        "state": session.collector.snapshot(),
    }
