"""A pipeline played on a virtual clock, through everything that runs in production but outside systems."""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass, field

from brookmill.config import Outside
from brookmill.connections import Opening, Source
from brookmill.domain.connection import Connection
from brookmill.mql.values import Document
from brookmill.plan import Plan
from brookmill.runtime.checkpoint import Checkpoint
from brookmill.runtime.flow import BATCH_LIMIT, Flow
from brookmill.runtime.opening import assembled
from brookmill.testing.recorded import Kept, Recorded, Slowly
from brookmill.testing.result import Result
from brookmill.testing.world import World

#: What a processor under test is called in dead letters.
PROCESSOR = "test"
_PROCESSOR_ID = "0" * 24


@dataclass
class Play:
    """One processor under test. ``batch_size``, ``checkpoint_every``, ``crash_at``: as ``run`` has them."""

    planned: Plan
    connections: Mapping[str, Connection]
    world: World
    batch_size: int = BATCH_LIMIT
    checkpoint_every: int = 1
    crash_at: Container[int] = ()
    sample_rate: float = 10.0
    output: list[Document] = field(init=False, default_factory=list)
    dead_letters: list[Document] = field(init=False, default_factory=list)
    _checkpoint: bytes | None = field(init=False, default=None)
    _source: Slowly | None = field(init=False, default=None)
    _turns: int = field(init=False, default=0)

    def run(self, *, until: float | None, close_windows: bool) -> Result:
        """``until``: when to stop on the monotonic clock, though the input is at its end earlier."""
        flow = self._opened()
        try:
            while not self._over(until):
                flow.turn()
                flow = self._between(flow)
            before = len(self.output)
            if close_windows:
                flow.finish()
            flow.checkpoint()
            stats = flow.stats()
        finally:
            flow.close()
        return Result(
            output=self.output,
            at_end=len(self.output) - before,
            topics=self.world.topics,
            requests=self.world.requests,
            calls=self.world.calls,
            dead_letters=self.dead_letters,
            stats=stats,
        )

    def _over(self, until: float | None) -> bool:
        if until is not None and self.world.clock.monotonic() < until:
            return False
        return self._source is not None and self._source.over

    def _between(self, flow: Flow) -> Flow:
        """A checkpoint if one is due; a crash if one is wanted, and what goes on after it."""
        self._turns += 1
        if self._turns % self.checkpoint_every == 0 and (taken := flow.checkpoint()) is not None:
            flow.acknowledge(taken)
            self._checkpoint = taken.encode()
        if self._turns not in self.crash_at:
            return flow
        flow.close()
        return self._opened()

    def _slowly(self, source: Source) -> Source:
        self._source = Slowly(source, self.batch_size)
        return self._source

    def _opened(self) -> Flow:
        resumed = None if self._checkpoint is None else Checkpoint.decode(self._checkpoint)
        opening = Opening(
            _PROCESSOR_ID,
            self.world.clock,
            None if resumed is None else resumed.position,
            sample_rate=self.sample_rate,
            outside=Outside(allow_private=True),
            connections=self.connections,
        )
        return assembled(
            self.planned,
            opening,
            lambda: Kept(self.dead_letters, self.world.clock, PROCESSOR),
            resumed,
            outlet=lambda sink: Recorded(sink, self.output),
            inlet=self._slowly,
        )
