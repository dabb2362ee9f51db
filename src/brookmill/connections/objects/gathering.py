"""Documents gathered by target, until their object is done; memory stays bounded whatever the targets are."""

from __future__ import annotations

from brookmill.clock import Clock
from brookmill.connections.objects import Begin, Target
from brookmill.connections.objects.growing import GrowingObject
from brookmill.connections.objects.options import ObjectConfig

#: Most objects that grow at once; for a new one beyond, the oldest is done.
OPEN = 1000


class Gathering:
    """Not safe for threads: what runs side by side has one each."""

    def __init__(self, config: ObjectConfig, begin: Begin, clock: Clock, memory: int) -> None:
        """``memory``: bytes that all growing objects may take together."""
        self._config = config
        self._begin = begin
        self._clock = clock
        self._memory = memory
        self._held = 0
        self._growing: dict[Target, GrowingObject] = {}  # the oldest first
        write = config.write_options
        self._most = write.count or None
        self._bytes = write.bytes
        self._interval = write.interval.milliseconds / 1000

    def add(self, target: Target, text: bytes) -> None:
        """Raises ConnectionFailed when something has to be sent and cannot."""
        one = self._growing.get(target)
        if one is None:
            one = self._new(target)
        before = one.held
        one.add(text)
        self._held += one.held - before
        if one.documents == self._most or one.size >= self._bytes:
            self._finish(target)
        while self._held > self._memory:
            self._finish(max(self._growing, key=lambda target: self._growing[target].held))

    def tick(self) -> None:
        """Make the objects whose interval is over. Raises ConnectionFailed."""
        due = self._clock.monotonic() - self._interval
        for target in [target for target, one in self._growing.items() if one.begun <= due]:
            self._finish(target)

    def flush(self) -> None:
        """Make all objects. Raises ConnectionFailed."""
        for target in list(self._growing):
            self._finish(target)

    def close(self) -> None:
        """Give up what was not flushed; never raises."""
        for one in self._growing.values():
            one.abandon()
        self._growing.clear()

    def _new(self, target: Target) -> GrowingObject:
        if len(self._growing) >= OPEN:
            self._finish(next(iter(self._growing)))
        one = GrowingObject(target, self._config, self._begin, self._clock.now(), self._clock.monotonic())
        self._growing[target] = one
        self._held += one.held
        return one

    def _finish(self, target: Target) -> None:
        """A failure leaves the object in place, to be abandoned."""
        one = self._growing[target]
        held = one.held
        one.finish()
        del self._growing[target]
        self._held -= held
