"""The worker's ear: hears the supervisor while the loop works, and tells it that the worker lives."""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Callable

from brookmill.clock import Clock
from brookmill.runtime.channel import Channel
from brookmill.runtime.messages import Acknowledged, Heartbeat, Sampling, Stop, ToSupervisor, ToWorker

#: Seconds between two heartbeats.
HEARTBEAT = 1.0
#: Exit status of a worker whose supervisor is gone.
ORPHANED = 3


class Control(threading.Thread):
    """Listens on a thread of its own: the loop may be inside a client library for a while.

    When the supervisor is gone the process ends at once, whatever it is doing: its last checkpoint counts,
    and nothing may go on without somebody who watches it.
    """

    def __init__(self, channel: Channel[ToWorker, ToSupervisor], clock: Clock) -> None:
        super().__init__(name="control", daemon=True)
        self._channel = channel
        self._clock = clock
        self._acknowledged: queue.SimpleQueue[Acknowledged] = queue.SimpleQueue()
        self.stopping = threading.Event()
        self.stats: bytes | None = None
        #: Called when somebody begins or ceases to look at samples.
        self.allow: Callable[[int | None], None] = lambda _: None

    def acknowledged(self, timeout: float = 0) -> Acknowledged | None:
        """The next answer to a checkpoint, None when none came within ``timeout`` seconds."""
        try:
            return self._acknowledged.get(timeout > 0, timeout or None)
        except queue.Empty:
            return None

    def run(self) -> None:
        due = self._clock.monotonic() + HEARTBEAT
        try:
            while True:
                self._hear(self._channel.receive(max(0.0, due - self._clock.monotonic())))
                if self._clock.monotonic() >= due:
                    stats, self.stats = self.stats, None
                    self._channel.send(Heartbeat(stats=stats))
                    due = self._clock.monotonic() + HEARTBEAT
        except EOFError:
            os._exit(ORPHANED)

    def _hear(self, message: ToWorker | None) -> None:
        match message:
            case Stop():
                self.stopping.set()
            case Acknowledged():
                self._acknowledged.put(message)
            case Sampling(upto=upto):
                self.allow(upto)
