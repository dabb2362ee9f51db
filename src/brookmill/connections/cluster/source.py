"""Reads a cluster: documents that are there already, if asked for, then every change."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from bson import DatetimeMS, Int64, Timestamp

from brookmill.connections import Batch, Opening
from brookmill.connections.cluster.change_stream import ChangeStream, given_start
from brookmill.connections.cluster.client import connected, leave
from brookmill.connections.cluster.initial_sync import InitialSync
from brookmill.connections.cluster.source_options import ChangeStreamOptions
from brookmill.errors import ConnectionFailed
from brookmill.mql.values import Document, date_from_ms, ms_from_date

if TYPE_CHECKING:
    from brookmill.connections.cluster import Cluster

_NEVER = threading.Event()
#: Fields of an event that go into the stream metadata too.
_META = ("operationType", "ns", "documentKey")
#: ``stream.source.initialSync.phase`` of documents that were there already.
COPYING = "copying"


class ClusterSource:
    """A ``Source``. Its position is where the change stream begins, and how far a copy has come before it."""

    def __init__(self, connection: Cluster, options: ChangeStreamOptions, opening: Opening) -> None:
        """Raises ConnectionFailed."""
        self._options = options
        self._clock = opening.clock
        if options.syncs and opening.sync_limit is not None and len(options.collections) > opening.sync_limit:
            text = f"initialSync copies {opening.sync_limit} collections at most in this tier"
            raise ConnectionFailed(text, retry=False, code=420, name="StreamProcessorInvalidOptions")
        self._copy: InitialSync | None = None
        self._copied: Document | None = None
        self._stream: ChangeStream | None = None
        self._client = connected(connection, opening, **options.reading)
        try:
            self._begin(opening)
        except BaseException:
            leave(self._client)
            raise

    def _begin(self, opening: Opening) -> None:
        position = opening.position
        if position is None:
            self._start = given_start(self._options, opening.start_at)
        else:
            self._start = position["stream"]
        if self._options.syncs and (position is None or "copy" in position):
            # The stream is opened before anything is copied: to know where to go on from, and whether it may
            # be read at all.
            stream = self._follow()
            self._start = stream.position
            stream.close()
            db, collections = str(self._options.db), self._options.collections
            copied = None if position is None else position["copy"]
            self._copy = InitialSync(self._client, db, collections, self._clock, copied)
            self._copied = self._copy.stats
        else:
            self._stream = self._follow()

    def read(self, limit: int, timeout: float) -> Batch:
        begun = self._clock.monotonic()
        if self._copy is not None and self._copy.over:
            self._stream, self._copy = self._follow(), None
        if self._copy is not None:
            documents = self._copy.read(limit)
            self._copied = self._copy.stats
            return self._batch(documents, {"initialSync": {"phase": COPYING}})
        assert self._stream is not None, "what is not copied is followed"
        events = self._stream.read(limit)
        left = timeout - (self._clock.monotonic() - begun)
        if not events and left > 0:
            self._clock.wait(_NEVER, left)
        return self._batch(events, {})

    def position(self) -> Any:
        if self._copy is not None:
            return {"stream": self._start, "copy": self._copy.position}
        assert self._stream is not None, "what is not copied is followed"
        return {"stream": self._stream.position}

    def acknowledge(self, position: Any) -> None:
        """Nobody to tell."""

    def lag(self, watermarks: Mapping[int, int]) -> dict[str, Any]:  # noqa: ARG002 - one partition
        stats: dict[str, Any] = {} if self._copied is None else {"operator": self._copied}
        if self._stream is None:
            return stats
        if self._stream.token is not None:
            stats["changeStreamState"] = self._stream.token
        if self._stream.behind is not None:
            stats["changeStreamTimeDifferenceSecs"] = Int64(self._stream.behind)
        return stats

    def close(self) -> None:
        parts = (self._stream, self._copy)
        leave(self._client, *[part.close for part in parts if part is not None])

    def _follow(self) -> ChangeStream:
        return ChangeStream(self._client, self._options, self._start)

    def _batch(self, events: Sequence[Document], more: Document) -> Batch:
        arrival = int(self._clock.now() * 1000)
        times = [_time(event, arrival) for event in events]
        values: Sequence[Any] = events
        if self._options.config.full_document_only:
            kept = [i for i, event in enumerate(events) if event.get("fullDocument") is not None]
            events, times = [events[i] for i in kept], [times[i] for i in kept]
            values = [event["fullDocument"] for event in events]

        def meta(i: int) -> Document:
            given = {name: events[i][name] for name in _META if name in events[i]}
            return {"type": "atlas", "ts": date_from_ms(times[i]), **given, **more}

        return Batch(values, times, form="document", meta=meta)


def _time(event: Document, arrival: int) -> int:
    """``wallTime``, else ``clusterTime``, else ``arrival``; milliseconds."""
    wall = event.get("wallTime")
    if isinstance(wall, (dt.datetime, DatetimeMS)):
        return ms_from_date(wall)
    time = event.get("clusterTime")
    return time.time * 1000 if isinstance(time, Timestamp) else arrival
