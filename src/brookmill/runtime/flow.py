"""A running pipeline: source, program, sink and dead letters, moved batch by batch."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import msgspec
from bson import Int64

from brookmill.clock import Clock
from brookmill.connections import Asker, Batch, DeadLetter, Output, Sink, Source, Timely
from brookmill.mql.values import Document
from brookmill.plan.latency import Latency
from brookmill.runtime.checkpoint import Checkpoint
from brookmill.runtime.dead_letters import DeadLetters
from brookmill.runtime.landmarks import Landmark, needed
from brookmill.runtime.memory import resident
from brookmill.runtime.targets import Targets

if TYPE_CHECKING:
    from brookmill.plan import Program

#: At most so many documents are read at once, waiting at most so many seconds for the first.
BATCH_LIMIT = 1000
PATIENCE = 0.05
#: Batches that take longer than so many seconds are made smaller: a slow sink must not delay checkpoints and
#: stops. So are those of more bytes: decoded, a document takes many times its size.
LONGEST_TURN = 1.0
BATCH_BYTES = 8 * 1024**2
#: What the statistics of the window stage tell of the whole.
_OPEN_WINDOWS = ("minOpenWindowStartTime", "maxOpenWindowStartTime")


class Counts(msgspec.Struct, kw_only=True):
    """What was counted since the processor was first started; sizes in bytes."""

    input: int = 0
    input_size: int = 0
    output: int = 0
    output_size: int = 0
    dlq: int = 0
    dlq_size: int = 0


class Flow:
    """Not safe for threads. After an exception the flow can only be closed: its last checkpoint counts."""

    def __init__(
        self,
        *,
        source: Source,
        program: Program,
        sink: Sink,
        askers: Sequence[Asker] = (),
        dead_letters: DeadLetters,
        clock: Clock,
        resumed: Checkpoint | None = None,
    ) -> None:
        """``resumed``: what to go on with; ``source`` was opened at its position already."""
        self._source = source
        self._program = program
        self._sink = sink
        self._askers = askers
        self._dead_letters = dead_letters
        self._clock = clock
        self._counts = Counts()
        self._targets = Targets(sink)
        self._latency, self._writing = Latency(clock), Latency(clock)
        self._limit = 1  # nobody knows yet how long the outside takes for a document
        self._idle_since: int | None = None
        self._idle_partitions: frozenset[int] = frozenset()
        self._changed = resumed is None
        self._landmarks: list[Landmark] = [] if resumed is None else list(resumed.landmarks)
        self._position = None if resumed is None else resumed.position
        if resumed is not None:
            program.restore(resumed.state)
            self._counts = msgspec.convert(resumed.counts, Counts)

    def turn(self) -> None:
        """Read one batch and write what comes of it, or let the time pass."""
        batch = self._source.read(self._limit, PATIENCE)
        begun = self._clock.monotonic()
        now = int(self._clock.now() * 1000)
        size = self._counts.input_size
        if batch.values or batch.refused:
            self._idle_since = None
            before = self._counts.output
            self._take(batch)
            self._latency.note(self._clock.monotonic() - begun, self._counts.output - before)
        else:
            if self._idle_since is None:
                self._idle_since = now
            if batch.idle != self._idle_partitions:
                self._take(batch)
            self._dead_letters.flush()
        self._idle_partitions = batch.idle
        self._pass_on(*self._program.tick(now, self._idle_since))
        if isinstance(self._sink, Timely):
            self._bury(self._sink.tick())
        if documents := len(batch.values) + len(batch.refused):
            seconds, size = self._clock.monotonic() - begun, self._counts.input_size - size
            self._limit = _next_limit(self._limit, documents, seconds, size)

    def finish(self) -> None:
        """Write what open windows hold: the input is at its end."""
        self._pass_on(*self._program.finish())

    def checkpoint(self) -> Checkpoint | None:
        """Bring everything written so far to safety and say where that is; None when nothing has changed.

        A quiet source may move on all the same, with what others write: an old place could be forgotten.
        """
        position = self._source.position()
        if not self._changed and position == self._position:
            return None
        refused = self._sink.flush()
        self._counts.output -= len(refused)
        self._bury(refused)
        self._dead_letters.flush()
        self._changed, self._position = False, position
        self._pass_landmark(position)
        return Checkpoint(
            position=position,
            state=self._program.snapshot(),
            counts=msgspec.structs.asdict(self._counts),
            landmarks=self._landmarks,
        )

    def _pass_landmark(self, position: Any) -> None:
        """Where a checkpoint is taken, the source can go back to for windows that open later."""
        passed = self._program.landmark()
        if passed is not None:
            number, time, oldest = passed
            self._landmarks = needed([*self._landmarks, Landmark(number, position, time)], oldest)

    def acknowledge(self, checkpoint: Checkpoint) -> None:
        """The supervisor keeps ``checkpoint``."""
        self._source.acknowledge(checkpoint.position)

    def stats(self) -> dict[str, Any]:
        """Its part of the stats reply (engine reference, section 5.1)."""
        counts = self._counts
        stats: dict[str, Any] = {
            "inputMessageCount": Int64(counts.input),
            "inputMessageSize": float(counts.input_size),
            "outputMessageCount": Int64(counts.output),
            "outputMessageSize": float(counts.output_size),
            "dlqMessageCount": Int64(counts.dlq),
            "dlqMessageSize": float(counts.dlq_size),
            "stateSize": Int64(self._program.state_size),
        }
        if self._program.watermark is not None:
            stats["watermark"] = dt.datetime.fromtimestamp(self._program.watermark / 1000, dt.UTC)
        stats["memoryUsageBytes"] = Int64(resident())
        if "latency" in (lately := self._latency.shown()):
            stats["latency"] = lately["latency"]
        stats["operatorStats"] = operators = self._operator_stats()
        stats |= {name: one[name] for one in operators for name in _OPEN_WINDOWS if name in one}
        if throttles := [one["throttle"] for one in operators if "throttle" in one]:
            stats["throttle"] = {name: Int64(sum(one[name] for one in throttles)) for name in throttles[0]}
        lag = self._source.lag(self._program.partition_watermarks())
        operators[0] |= lag.pop("operator", {})
        return stats | lag

    def _operator_stats(self) -> list[Document]:
        """The program's, with what only the two ends know."""
        counts, operators = self._counts, self._program.operator_stats()
        source, sink = operators[0], operators[-1]
        source |= {
            "inputMessageSize": float(counts.input_size),
            "outputMessageSize": float(counts.input_size),
        }
        if len(operators) > 1:
            size = float(counts.output_size)
            sink |= {"inputMessageSize": size, "outputMessageSize": size, **self._writing.shown()}
            sink |= self._targets.shown()
        return operators

    def close(self) -> None:
        """Close all parts, whatever happens."""
        with ExitStack() as stack:
            stack.callback(self._dead_letters.close)
            stack.callback(self._sink.close)
            for asker in self._askers:
                stack.callback(asker.close)
            stack.callback(self._source.close)

    def _take(self, batch: Batch) -> None:
        self._changed = True
        self._counts.input += len(batch.values)
        self._counts.input_size += batch.size
        self._bury(batch.refused)
        self._pass_on(*self._program.push(batch))

    def _pass_on(self, output: Output, letters: Sequence[DeadLetter]) -> None:
        if letters:
            self._bury(letters)
        if output.values:
            self._changed = True
            begun = self._clock.monotonic()
            refused = self._sink.write(output)
            self._writing.note(self._clock.monotonic() - begun, len(output.values))
            self._counts.output += len(output.values) - len(refused)
            self._counts.output_size += (size := output.size)
            self._targets.note(output, size)
            self._bury(refused)

    def _bury(self, letters: Sequence[DeadLetter]) -> None:
        if letters:
            self._changed = True
            self._counts.dlq += len(letters)
            self._counts.dlq_size += self._dead_letters.write(letters)


def _next_limit(limit: int, documents: int, seconds: float, size: int) -> int:
    """How many documents to read after a batch of so many: twice as many, if such can be done in time.

    What was idle says nothing: a burst that comes next may be as slow as ever.
    """
    most = min(BATCH_LIMIT, limit * 2)
    if seconds > 0:
        most = min(most, round(documents * LONGEST_TURN / seconds))
    if size > 0:
        most = min(most, documents * BATCH_BYTES // size)
    return max(1, most)
