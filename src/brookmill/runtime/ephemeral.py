"""A processor that nobody keeps: it runs for a client who looks at its output, ten minutes at most."""

from __future__ import annotations

import threading
from typing import Any, Final

import bson
import msgspec
import structlog

from brookmill.clock import Clock
from brookmill.domain.processor import Processor
from brookmill.runtime.audience import Audience
from brookmill.runtime.launcher import Launcher, Worker
from brookmill.runtime.messages import Failed, Heartbeat, Running, Samples, Start, Stop, Stopped, ToSupervisor
from brookmill.runtime.sample import Sample

log = structlog.get_logger(__name__)

#: Seconds that one may run. Engine reference, section 6.
LONGEST: Final = 600.0
#: Seconds a worker may take to flush its sink at the end.
_GRACE: Final = 5.0
_LOOK: Final = 0.25


class Ephemeral:
    """Watched by a thread of its own; a worker that fails is not started again.

    ``processor`` is in no store. ``sample``: of the client; when he is gone, so is the processor.
    """

    def __init__(
        self,
        processor: Processor,
        start: Start,
        sample: Sample,
        *,
        clock: Clock,
        launcher: Launcher,
        silence: float,
    ) -> None:
        """``silence``: seconds without a sign of life after which the worker counts as dead."""
        self.processor = processor
        self.failure: Failed | None = None
        self._start = start
        self._sample = sample
        self._clock = clock
        self._launcher = launcher
        self._silence = silence
        self._stats: bytes | None = None
        self._ending = threading.Event()
        self._known = threading.Event()
        self._audience = Audience(owner=sample)
        self._thread = threading.Thread(target=self._run, name=f"watch-{processor.name}", daemon=True)
        self._log = log.bind(processor=processor.name, processor_id=processor.id)
        self._thread.start()

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    @property
    def stats(self) -> dict[str, Any] | None:
        """What the worker last told; None while none runs."""
        data = self._stats
        return None if data is None else bson.decode(data)

    def settle(self, timeout: float) -> None:
        """Wait, at most ``timeout`` seconds, until the worker runs or has failed; see ``failure``."""
        self._known.wait(timeout)

    def join(self, sample: Sample) -> None:
        """Somebody else looks too; he does not keep it running."""
        self._audience.join(sample)

    def tell(self) -> None:
        """Let it end; does not wait."""
        self._ending.set()

    def end(self) -> None:
        """Wait for the end."""
        self._ending.set()
        self._thread.join()

    def _run(self) -> None:
        try:
            self.failure = self._life()
        except Exception as error:  # told, and over: there is nothing to go on with
            self._log.exception("watching an ephemeral worker failed")
            self.failure = Failed(
                error=f"An internal error occurred: {type(error).__name__}", kind="internal"
            )
        if self.failure is not None:
            self._log.warning("worker failed", error=self.failure.error, trace=self.failure.trace)
        self._stats = None
        self._audience.end(None if self.failure is None else self.failure.error)
        self._known.set()

    def _life(self) -> Failed | None:
        worker = self._launcher.launch()
        try:
            worker.channel.send(self._start)
            last = self._listen(worker)
        except (EOFError, msgspec.DecodeError):
            last = Failed(error="The worker ended unexpectedly", kind="internal")
        finally:
            self._audience.begin(None)
            worker.end(_GRACE if self._ending.is_set() else 0)
        return last if isinstance(last, Failed) and not self._ending.is_set() else None

    def _listen(self, worker: Worker) -> ToSupervisor:
        """The worker's last word. Raises EOFError when it hung up."""
        heard = begun = self._clock.monotonic()
        leaving: float | None = None
        while True:
            message = worker.channel.receive(_LOOK)
            now = self._clock.monotonic()
            self._audience.look()
            if isinstance(message, Stopped | Failed):
                return message
            if message is not None:
                heard = now
                self._hear(worker, message)
            if now - heard > self._silence or (leaving is not None and now - leaving > _GRACE):
                return Failed(error="The worker gave no sign of life", kind="internal")
            if leaving is None and self._is_over(now - begun):
                leaving = now
                self._ending.set()
                worker.channel.send(Stop())

    def _is_over(self, seconds: float) -> bool:
        return self._ending.is_set() or seconds > LONGEST or self._sample.closed

    def _hear(self, worker: Worker, message: ToSupervisor) -> None:
        match message:
            case Running():
                self._log.info("worker runs", pid=worker.pid, ephemeral=True)
                self._audience.begin(worker.channel.send)
                self._known.set()
            case Samples():
                self._audience.hear(message)
            case Heartbeat(stats=stats) if stats is not None:
                self._stats = stats
