"""What the threads that read shards hand over to the source: records, ends, failures, as much as fits."""

from __future__ import annotations

import queue
import threading
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, NamedTuple, Protocol

from brookmill.connections.aws_kinesis_data_streams.shards import Start

#: Records as the client hands them out: ``Data``, ``SequenceNumber``, ``PartitionKey``, …
KinesisRecord = Any

#: Most hand-overs that wait to be taken; each is one answer of Kinesis, of 10 MB at most.
_WAITING = 4
#: Most threads that may hold an answer at a time.
HOLDERS = 4
#: Seconds after which one that waits for room looks whether all is over.
_LOOK = 0.2


class Arrival(NamedTuple):
    """Records of one shard, in their order. ``behind``: milliseconds to the newest record. ``ended``: there
    are no more, for ever. ``gone``: Kinesis does not know the shard.
    """

    shard: str
    records: Sequence[KinesisRecord]
    behind: int | None = None
    ended: bool = False
    gone: bool = False


class Feed(Protocol):
    """Reads shards, each in a thread of its own, and hands over what there is."""

    def start(self, shard: str, start: Start) -> bool:
        """Begin to read; False: there is no such shard any more. Raises ConnectionFailed."""
        ...

    def close(self) -> None: ...


class Arrivals:
    """A queue with an end. ``over`` is set when nobody takes anything any more."""

    def __init__(self) -> None:
        self.over = threading.Event()
        self.holding = threading.BoundedSemaphore(HOLDERS)
        self._queue: queue.Queue[Arrival | Exception] = queue.Queue(_WAITING)

    def put(self, arrival: Arrival | Exception) -> None:
        """Waits for room. Called by the threads that read."""
        while not self.over.is_set():
            with suppress(queue.Full):
                self._queue.put(arrival, timeout=_LOOK)
                return

    def take(self, timeout: float) -> Arrival | None:
        """The next one, None when there is none in time. Raises what a thread failed by."""
        try:
            arrival = self._queue.get(timeout=timeout) if timeout else self._queue.get_nowait()
        except queue.Empty:
            return None
        if isinstance(arrival, Exception):
            raise arrival
        return arrival

    def close(self) -> None:
        self.over.set()
