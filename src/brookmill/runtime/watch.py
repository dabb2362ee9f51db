"""One started processor: a worker, launched again whenever it ends without having been told to."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

import bson
import msgspec
import structlog

from brookmill.clock import Clock
from brookmill.config import Settings
from brookmill.domain.processor import Processor, State
from brookmill.errors import ConnectionFailed
from brookmill.runtime.assignment import assignment
from brookmill.runtime.audience import Audience
from brookmill.runtime.launcher import Launcher, Worker
from brookmill.runtime.messages import (
    Acknowledged,
    Checkpoint,
    Failed,
    Heartbeat,
    Running,
    Samples,
    Stop,
    Stopped,
    ToSupervisor,
)
from brookmill.runtime.restarts import Restarts
from brookmill.runtime.trial import Trial
from brookmill.store import Store

log = structlog.get_logger(__name__)

#: Seconds a worker may take to end after its last word, and to end on being told so.
_GRACE = 5.0
#: Seconds of real time between two looks at the clock while a worker is silent.
_LOOK = 0.25
#: A worker whose loop still turns after so many seconds is well, even if it had nothing to store.
_WELL = 60.0


class Watch:
    """Keeps one processor of one generation running on a thread of its own, and writes FAILED when that
    fails.
    """

    def __init__(
        self,
        processor: Processor,
        store: Store,
        clock: Clock,
        settings: Settings,
        launcher: Launcher,
        *,
        start_at: Mapping[str, Any] | None = None,
        trial: Trial | None = None,
        asked: bool = False,
    ) -> None:
        """``trial``: while it lasts, a failure is told to it, and the processor waits to be ended.

        ``asked``: a user waits for it to run, and is told at once what is wrong on his side. Later, that is
        tried again for a while: somebody else may be about to put it right.
        """
        self.processor = processor
        self._id = processor.id
        self._generation = processor.generation
        self._store = store
        self._clock = clock
        self._settings = settings
        self._launcher = launcher
        self.start_at = start_at
        self._trial = trial
        self._asked = asked
        self.runs = False
        self._restarts = Restarts(settings.retry_budget)
        self._ending = threading.Event()
        self._known = threading.Event()
        self._lock = threading.Lock()
        self._worker: Worker | None = None
        self._stats: bytes | None = None
        self.audience = Audience()
        self._thread = threading.Thread(target=self._run, name=f"watch-{self._id}", daemon=True)
        self._log = log.bind(processor=processor.name, processor_id=self._id, generation=self._generation)
        self.failure: Failed | None = None
        self._thread.start()

    def settle(self, timeout: float) -> None:
        """Wait, at most ``timeout`` seconds, until the worker runs or has failed once; see ``failure``."""
        self._known.wait(timeout)

    @property
    def stats(self) -> dict[str, Any] | None:
        """What the running worker last told; None while none runs."""
        data = self._stats
        return None if data is None else bson.decode(data)

    def tell(self) -> None:
        """Tell the worker to take a checkpoint and end; does not wait."""
        with self._lock:
            self._ending.set()
            if self._worker is not None:
                self._worker.channel.send(Stop())

    def end(self, timeout: float) -> None:
        """Wait for the end, at most ``timeout`` seconds; then make one."""
        self._ending.set()
        self._thread.join(timeout)
        while self._thread.is_alive():
            with self._lock:
                if self._worker is not None:
                    self._worker.kill()
            self._thread.join(1.0)

    def _run(self) -> None:
        while not self._ending.is_set():
            try:
                failure = self._life()
                self._stats, self.runs = None, False
                if failure is not None and not self._on_trial(failure) and not self._goes_on(failure):
                    self._give_up(failure)
                    self._ending.set()
            except Exception as error:  # a processor is not given up for a bug of our own
                self._log.exception("watching a worker failed")
                text = f"An internal error occurred: {type(error).__name__}"
                failure = Failed(error=text, kind="internal")
                if not self._on_trial(failure):
                    self._goes_on(failure)
            self._known.set()
        self.audience.end(None if self.failure is None else self.failure.error)

    def _on_trial(self, failure: Failed) -> bool:
        """Whether somebody else decides what follows; then he ends this watch."""
        if self._trial is None or not self._trial.fails(self.processor.name, failure):
            return False
        self._log.warning(
            "worker failed on trial", error=failure.error, kind=failure.kind, trace=failure.trace
        )
        self._known.set()
        self._ending.wait()
        return True

    def _goes_on(self, failure: Failed) -> bool:
        """Wait before the next try; False when there is none."""
        internal = failure.kind == "internal"
        pause = None
        if not failure.final and not (self._asked and failure.kind == "user"):
            pause = self._restarts.pause(self._clock.monotonic(), forever=internal)
        self._log.warning(
            "worker failed",
            error=failure.error,
            kind=failure.kind,
            code=failure.code,
            trace=failure.trace,
            pause=pause,
        )
        if pause is None:
            return False
        self._known.set()
        self._clock.wait(self._ending, pause)
        return True

    def _life(self) -> Failed | None:
        """One worker from launch to end; None when it ended as it was told."""
        try:
            start = assignment(
                self._store, self._id, self._generation, self._settings, start_at=self.start_at
            )
        except ConnectionFailed as e:
            return Failed(error=str(e), kind="connection" if e.retry else "user", code=e.code, name=e.name)
        if start is None:
            self._ending.set()
            return None
        worker = self._launcher.launch()
        with self._lock:
            self._worker = worker
            if self._ending.is_set():
                worker.kill()
        try:
            asked = self._clock.monotonic()
            worker.channel.send(start)
            last = self._listen(worker, asked)
        except (EOFError, msgspec.DecodeError):
            last = None
        finally:
            self.audience.begin(None)
            with self._lock:
                self._worker = None
            status = worker.end(_GRACE if self._ending.is_set() else 0)
        if last is None and not self._ending.is_set():
            return Failed(error=f"The worker ended unexpectedly with status {status}", kind="internal")
        return last if isinstance(last, Failed) else None

    def _listen(self, worker: Worker, started: float) -> ToSupervisor | None:
        """The worker's last word; None when it fell silent. Raises EOFError when it hung up."""
        heard = started
        while True:
            message = worker.channel.receive(_LOOK)
            now = self._clock.monotonic()
            self.audience.look()
            if message is None:
                if now - heard > self._settings.heartbeat_timeout:
                    return Failed(error="The worker gave no sign of life", kind="internal")
                continue
            heard = now
            if isinstance(message, Stopped | Failed):
                return message
            if not self._hear(worker, message):
                return Stopped()
            # Only a loop that turns has news: while it waits for an outside that hangs, it is not well.
            if now - started > _WELL and isinstance(message, Heartbeat) and message.stats is not None:
                self._restarts.settled()

    def _hear(self, worker: Worker, message: ToSupervisor) -> bool:
        """Answer ``message``; False when a newer generation runs."""
        match message:
            case Running():
                self._log.info("worker runs", pid=worker.pid)
                self.audience.begin(worker.channel.send)
                self.runs, self._asked = True, False
                self._known.set()
            case Samples():
                self.audience.hear(message)
            case Heartbeat(stats=stats) if stats is not None:
                self._stats = stats
            case Checkpoint(sequence=sequence, data=data):
                with self._store.write() as session:
                    kept = session.save_checkpoint(self._id, self._generation, data)
                worker.channel.send(Acknowledged(sequence=sequence, kept=kept))
                if not kept:
                    self._ending.set()
                    return False
                self._restarts.settled()
        return True

    def _give_up(self, failure: Failed) -> None:
        """Write FAILED, unless somebody else has a say by now."""
        self.failure = failure
        with self._store.write() as session:
            processor = session.processor_by_id(self._id)
            if processor is None or (processor.generation, processor.state) != (
                self._generation,
                State.STARTED,
            ):
                return
            session.replace_processor(
                msgspec.structs.replace(
                    processor, state=State.FAILED, error=failure.error, state_changed=self._clock.now()
                )
            )
