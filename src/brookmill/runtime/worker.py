"""The worker process: opens one pipeline and runs it in a plain blocking loop until told to stop.

Started by a Launcher as ``python -m brookmill.runtime.worker FD``; it knows nothing of the store.
"""

from __future__ import annotations

import os
import socket
import sys
import threading
import traceback
from typing import Any

import bson
import structlog
from bson import Int64

from brookmill import logs
from brookmill.clock import Clock, SystemClock
from brookmill.domain.pipeline import added_parallelism
from brookmill.errors import BrookmillError, ConnectionFailed
from brookmill.mql import PlanError, parse_json
from brookmill.mql.errors import StateTooLarge
from brookmill.runtime import messages
from brookmill.runtime.channel import Channel
from brookmill.runtime.checkpoint import Checkpoint, CheckpointTooLargeError, CheckpointUnreadableError
from brookmill.runtime.control import HEARTBEAT, Control
from brookmill.runtime.flow import Flow
from brookmill.runtime.heap import keep_heap
from brookmill.runtime.messages import Failed, Running, Start, Stopped, ToSupervisor, ToWorker
from brookmill.runtime.opening import opened
from brookmill.runtime.sampler import Sampler

log = structlog.get_logger(__name__)

#: Seconds the supervisor may take to keep the last checkpoint.
_LAST_WORD = 30.0
#: Statistics are worked out again after so many times as long as they took: a million windows take a while.
_REST = 20
#: Seconds for leaving outside systems; the process ends then, whatever still goes on in it.
_FAREWELL = 5.0
#: What part of a tier's memory open windows may take. Reference: engine reference, section 6.
_STATE_SHARE = 0.8


class SupersededError(Exception):
    """The supervisor keeps no checkpoint of this worker any more: a newer generation runs."""


class Loop:
    """Turns a flow, takes a checkpoint when one is due, and one at the end."""

    def __init__(
        self,
        start: Start,
        flow: Flow,
        control: Control,
        channel: Channel[ToWorker, ToSupervisor],
        clock: Clock,
    ) -> None:
        self._name: dict[str, Any] = {
            "name": start.name,
            "processorId": start.processor_id,
            "status": "running",
        }
        self._name |= {"scaleFactor": Int64(1)}
        if added := added_parallelism(parse_json(start.pipeline)):
            self._name["addedParallelism"] = Int64(added)
        self._memory = start.limits.memory
        self._interval = start.checkpoint_interval
        self._keeps = not start.ephemeral
        self._flow = flow
        self._control = control
        self._channel = channel
        self._clock = clock
        self._sequence = 0
        self._pending: Checkpoint | None = None

    def run(self) -> None:
        """Until told to stop. Raises what stops it.

        A new flow's beginning is a checkpoint too: where "latest" was must not depend on when it failed.
        """
        self._checkpoint()
        now = self._clock.monotonic()
        checkpoint_due, stats_due = now + self._interval, now
        while not self._control.stopping.is_set():
            self._flow.turn()
            self._settle(0)
            now = self._clock.monotonic()
            if now >= stats_due:
                self._tell()
                told = self._clock.monotonic()
                stats_due = told + max(HEARTBEAT, (told - now) * _REST)
            if now >= checkpoint_due and self._pending is None:
                self._checkpoint()
                checkpoint_due = now + self._interval
        self._settle(_LAST_WORD)
        self._checkpoint()
        self._settle(_LAST_WORD)

    def _tell(self) -> None:
        """Lay out the statistics for the next heartbeat. Raises MemoryError beyond the tier's limit."""
        stats = self._flow.stats()
        if stats["stateSize"] > self._memory * _STATE_SHARE or stats["memoryUsageBytes"] > self._memory:
            raise MemoryError
        self._control.stats = bson.encode(self._name | stats | {"ok": 1})

    def _checkpoint(self) -> None:
        checkpoint = self._flow.checkpoint()
        if checkpoint is not None and self._keeps:
            self._sequence += 1
            self._pending = checkpoint
            self._channel.send(messages.Checkpoint(sequence=self._sequence, data=checkpoint.encode()))

    def _settle(self, timeout: float) -> None:
        """Hear whether the pending checkpoint is kept. One at a time: a slow store holds none but that."""
        if self._pending is None:
            return
        answer = self._control.acknowledged(timeout)
        if answer is None:
            return
        if not answer.kept:
            raise SupersededError
        self._flow.acknowledge(self._pending)
        self._pending = None


def failure(error: BaseException) -> Failed:
    """What to tell the supervisor about ``error``, by whose fault it is."""
    match error:
        case ConnectionFailed():
            kind: messages.FailureClass = "connection" if error.retry else "user"
            return Failed(error=str(error), kind=kind, code=error.code, name=error.name)
        case MemoryError():
            return Failed(
                error="Worker out of memory", kind="memory", code=418, name="StreamProcessorWorkerOutOfMemory"
            )
        case PlanError() | StateTooLarge():
            return Failed(error=str(error), kind="plan", code=error.code, name=error.code_name)
        case CheckpointUnreadableError() | CheckpointTooLargeError():
            return Failed(error=str(error), kind="plan")
        case BrookmillError():
            return Failed(error=str(error), kind="user", code=420, name="StreamProcessorInvalidOptions")
    trace = "".join(traceback.format_exception(error))
    return Failed(error=f"An internal error occurred: {type(error).__name__}", kind="internal", trace=trace)


def serve(channel: Channel[ToWorker, ToSupervisor], start: Start, clock: Clock) -> ToSupervisor:
    """Run what ``start`` describes until told to stop; answer the last word to the supervisor."""
    control = Control(channel, clock)
    origin = {"processorName": start.name, "workspaceName": start.workspace}
    sampler = Sampler(channel.send, clock, control.stopping, origin=origin, patient=start.ephemeral)
    control.allow = sampler.allow
    control.start()
    try:
        flow = opened(start, clock, sampler)
        try:
            channel.send(Running())
            Loop(start, flow, control, channel, clock).run()
        finally:
            _close(flow)
    except SupersededError:
        return Stopped()
    except Exception as error:
        return failure(error)
    return Stopped()


def _close(flow: Flow) -> None:
    """Give all parts a moment to leave. A call under way must not hold back the last word, nor a part that
    fails now change it: nothing after the last checkpoint counts.
    """

    def leave() -> None:
        try:
            flow.close()
        except Exception as error:
            log.warning("leaving failed", error=type(error).__name__)

    leaving = threading.Thread(target=leave, name="leaving", daemon=True)
    leaving.start()
    leaving.join(_FAREWELL)


def main(fd: int) -> None:
    """Serve the socket ``fd``. The process ends without clean-up: a client library may not hold it back."""
    channel: Channel[ToWorker, ToSupervisor] = Channel(socket.socket(fileno=fd), ToWorker)
    start = channel.receive(60.0)
    if isinstance(start, Start):
        keep_heap(start.limits.memory // 4)
        logs.configure(start.log_level, start.log_format)
        structlog.contextvars.bind_contextvars(processor=start.name, processor_id=start.processor_id)
        channel.send(serve(channel, start, SystemClock()))
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main(int(sys.argv[1]))
