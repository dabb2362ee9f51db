"""A pipeline played on a virtual clock, through everything that runs in production but outside systems."""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass, field

from brookmill.config import Outside
from brookmill.connections import Opening, Source
from brookmill.connections.cluster import Cluster
from brookmill.domain.connection import Connection
from brookmill.mql.values import Document
from brookmill.plan import Plan
from brookmill.runtime.checkpoint import Checkpoint
from brookmill.runtime.flow import BATCH_LIMIT, Flow
from brookmill.runtime.opening import assembled
from brookmill.testing.clusters import Collections, Content
from brookmill.testing.recorded import Kept, Recorded, Slowly
from brookmill.testing.result import Result, Topics
from brookmill.testing.world import World

#: What a processor under test is called in dead letters, unless it has a name.
PROCESSOR = "test"
#: Seconds between checkpoints, as in production.
_INTERVAL = 60.0
_PROCESSOR_ID = "0" * 24


@dataclass
class Play:
    """One processor under test. ``batch_size``, ``checkpoint_every``, ``crash_at``: as ``run`` has them."""

    planned: Plan
    connections: Mapping[str, Connection]
    world: World
    batch_size: int = BATCH_LIMIT
    checkpoint_every: int | None = None
    crash_at: Container[int] = ()
    sample_rate: float = 10.0
    processor: str = PROCESSOR
    output: list[Document] = field(init=False, default_factory=list)
    dead_letters: list[Document] = field(init=False, default_factory=list)
    _checkpoint: bytes | None = field(init=False, default=None)
    _source: Slowly | None = field(init=False, default=None)
    _turns: int = field(init=False, default=0)
    _checkpoint_due: float = field(init=False, default=_INTERVAL)

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
            topics=Topics(self.world.topics),
            collections=self._collections(),
            objects=self.world.objects,
            requests=self.world.web.requests,
            calls=self.world.lambdas.calls,
            dead_letters=self.dead_letters,
            stats=stats,
        )

    def _collections(self) -> Collections:
        """Of all clusters; where two hold a collection of one name, that of the sink has it alone."""
        held = {
            name: self.world.clusters.documents(str(connection.cluster_name))
            for name, connection in self.connections.items()
            if isinstance(connection, Cluster)
        }
        last = None if self.planned.sink is None else self.planned.sink.connection
        plain: Content = {}
        for name in sorted(held, key=lambda name: name == last):
            plain |= held[name]
        qualified = {f"{name}.{ns}": documents for name in held for ns, documents in held[name].items()}
        return Collections(plain, qualified)

    def _over(self, until: float | None) -> bool:
        if until is not None and self.world.clock.monotonic() < until:
            return False
        return self._source is not None and self._source.over

    def _between(self, flow: Flow) -> Flow:
        """A checkpoint if one is due; a crash if one is wanted, and what goes on after it."""
        self._turns += 1
        crash = self._turns in self.crash_at and self._source is not None and self._source.may_crash
        if self._is_due(crash) and (taken := flow.checkpoint()) is not None:
            flow.acknowledge(taken)
            self._checkpoint = taken.encode()
        if not crash:
            return flow
        flow.close()
        return self._opened()

    def _is_due(self, crash: bool) -> bool:
        if self.checkpoint_every is not None:
            return self._turns % self.checkpoint_every == 0
        now = self.world.clock.monotonic()
        if not crash and now < self._checkpoint_due:
            return False
        self._checkpoint_due = now + _INTERVAL
        return True

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
            clusters=self.world.clusters,
            connections=self.connections,
        )
        return assembled(
            self.planned,
            opening,
            lambda: Kept(self.dead_letters, self.world.clock, self.processor),
            resumed,
            outlet=lambda sink: Recorded(sink, self.output),
            inlet=self._slowly,
        )
