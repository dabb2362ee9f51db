"""The supervisor: keeps a worker running for every started processor and decides what follows its end."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import msgspec

from brookmill.clock import Clock
from brookmill.config import Settings
from brookmill.domain.processor import Processor, State
from brookmill.errors import ConnectionFailed
from brookmill.runtime.ephemerals import Ephemerals
from brookmill.runtime.launcher import Launcher, LocalLauncher
from brookmill.runtime.rollout import Also, Rollouts
from brookmill.runtime.sample import Sample
from brookmill.runtime.trial import Trial
from brookmill.runtime.watch import Watch
from brookmill.store import Store

#: Seconds that ``start`` waits for news of the worker, and ``stop`` and ``close`` for its last checkpoint.
_START = 10.0
_STOP = 30.0
#: Seconds that the state of a processor that does not run is kept: 45 days. Engine reference, section 3.
_KEPT = 45 * 86_400.0


class Supervisor:
    """Runs processors. Every method may be called from any thread and blocks until what it says is true.

    The supervisor alone writes ``state``, ``state_changed``, ``error``, ``generation`` and ``has_started`` of
    a processor once it exists, each change in one transaction of the store. Settings used:
    ``checkpoint_interval``, ``heartbeat_timeout``, ``retry_budget``, ``rollout_watch``. ``ephemerals``:
    processors that nobody keeps. ``rollouts``: changes of connections that running processors take up.
    """

    def __init__(
        self, store: Store, clock: Clock, settings: Settings, *, launcher: Launcher | None = None
    ) -> None:
        """``launcher`` None: workers are processes of this machine. Nothing is started before ``recover`` or
        ``start``.
        """
        self._store = store
        self._clock = clock
        self._settings = settings
        self._launcher = launcher or LocalLauncher()
        self.ephemerals = Ephemerals(store, clock, settings, self._launcher)
        self.rollouts = Rollouts(store, clock, settings, self)
        self._watches: dict[str, Watch] = {}
        self._turns: dict[str, threading.Lock] = {}
        self._lock = threading.Lock()

    def recover(self) -> None:
        """Start a worker for every processor whose state is STARTED; once, when the server starts.

        Does not wait for the workers: what fails follows the usual rules (retry, then FAILED).
        """
        self.rollouts.recover()
        with self._store.write() as session:
            started = [self._begun(p) for p in session.started_processors()]
            for processor in started:
                session.replace_processor(processor)
        for processor in started:
            with self._turn(processor.id):
                self._watch(processor)

    def start(
        self,
        processor: Processor,
        *,
        resume_from_checkpoint: bool = True,
        start_at: Mapping[str, Any] | None = None,
    ) -> Processor:
        """Start ``processor`` and answer it as it then is; a started one is answered as it is.

        ``effective_tier`` is taken from the argument, all else is read anew by its id. Without
        ``resume_from_checkpoint`` the kept checkpoint is removed in the same transaction, and likewise one
        that was left behind more than 45 days ago. ``start_at``: where the source begins when there is no
        checkpoint (``Opening.start_at``); it holds until the first one, taken at once. Returns once the
        worker runs, or failed in a way that is retried (state STARTED), or needs more than ten seconds (state
        STARTED).

        Raises ConnectionFailed with the engine's ``code`` and ``name`` (419: unknown topic, 420: wrong
        options) when it failed for good; the state is then FAILED and ``error`` has the same text. Raises
        KeyError when no such processor exists.
        """
        with self._turn(processor.id):
            with self._store.write() as session:
                current = session.processor_by_id(processor.id)
                if current is None:
                    raise KeyError(processor.id)
                if current.state is State.STARTED:
                    return current
                started = self._begun(current, processor.effective_tier)
                session.replace_processor(started)
                if not resume_from_checkpoint or self._is_stale(current):
                    session.remove_checkpoint(processor.id)
            watch = self._watch(started, start_at, asked=True)
            watch.settle(_START)
            if watch.failure is not None:
                failure = watch.failure
                raise ConnectionFailed(failure.error, retry=False, code=failure.code, name=failure.name)
            return started

    def stop(self, processor_id: str) -> Processor | None:
        """Let the worker take a checkpoint and end, then write STOPPED; answer the processor, None if it is
        unknown.

        A processor that is not started is answered as it is. A worker that does not end in time is killed:
        its last checkpoint counts. When STOPPED cannot be written, a new worker goes on there.
        """
        with self._turn(processor_id):
            watch = self._watches.pop(processor_id, None)
            if watch is not None:
                watch.tell()
                watch.end(_STOP)
            try:
                return self._stopped(processor_id)
            except BaseException:
                if watch is not None:
                    self._watch(watch.processor)
                raise

    def renew(self, processor_id: str, also: Also | None = None, trial: Trial | None = None) -> Watch | None:
        """Let the worker take a checkpoint and end, and begin the next generation of a started processor.

        ``also`` may do more in the transaction that does so. Does not wait for the new worker. The state
        stays STARTED; a worker that does not end in time is killed. None: the processor is not started.
        """
        with self._turn(processor_id):
            old = self._watches.pop(processor_id, None)
            if old is not None:
                old.tell()
                old.end(_STOP)
            start_at = None if old is None else old.start_at
            try:
                renewed = self._renewed(processor_id, also)
            except BaseException:
                if old is not None:
                    self._watch(old.processor, start_at)
                raise
            return None if renewed is None else self._watch(renewed, start_at, trial)

    def _renewed(self, processor_id: str, also: Also | None) -> Processor | None:
        with self._store.write() as session:
            processor = session.processor_by_id(processor_id)
            if processor is None or processor.state is not State.STARTED:
                return None
            renewed = self._begun(processor)
            session.replace_processor(renewed)
            if also is not None:
                also(session, renewed)
            return renewed

    def _stopped(self, processor_id: str) -> Processor | None:
        with self._store.write() as session:
            processor = session.processor_by_id(processor_id)
            if processor is None or processor.state is not State.STARTED:
                return processor
            stopped = msgspec.structs.replace(processor, state=State.STOPPED, state_changed=self._clock.now())
            session.replace_processor(stopped)
            return stopped

    def delete(self, processor_id: str) -> None:
        """Remove the processor and its checkpoint and end the worker at once; nothing happens if it is
        unknown.
        """
        with self._turn(processor_id):
            with self._store.write() as session:
                session.remove_processor(processor_id)
            watch = self._watches.pop(processor_id, None)
            if watch is not None:
                watch.end(0)
        with self._lock:
            self._turns.pop(processor_id, None)

    def stats(self, processor_id: str) -> dict[str, Any] | None:
        """The member ``stats`` of the stats reply (engine reference, 5.1) as last heard, at most about a
        second old.

        Values are BSON values: ``Int64``, float, datetime, lists, documents; sizes in bytes. None: no worker
        runs.
        """
        watch = self._watches.get(processor_id)
        return None if watch is None else watch.stats

    def sample(self, processor_id: str, sample: Sample) -> bool:
        """Fill ``sample`` with what leaves the processor from now on; False: no worker is watched."""
        watch = self._watches.get(processor_id)
        if watch is None:
            return False
        watch.audience.join(sample)
        return True

    def all_stats(self) -> Iterator[tuple[Processor, dict[str, Any]]]:
        """Every processor whose worker runs, as it was when started, with its ``stats``."""
        for watch in list(self._watches.values()):
            if (stats := watch.stats) is not None:
                yield watch.processor, stats

    def close(self) -> None:
        """Let all workers take a checkpoint and end. States stay STARTED: ``recover`` resumes them.

        Ephemeral processors just end.
        """
        self.ephemerals.close()
        self.rollouts.close()
        watches = list(self._watches.values())
        for watch in watches:
            watch.tell()
        deadline = self._clock.monotonic() + _STOP
        for watch in watches:
            watch.end(max(0.0, deadline - self._clock.monotonic()))
        self._watches.clear()

    @contextmanager
    def _turn(self, processor_id: str) -> Iterator[None]:
        """Whoever starts, stops or deletes the same processor waits for his turn."""
        with self._lock:
            turn = self._turns.setdefault(processor_id, threading.Lock())
        with turn:
            yield

    def _is_stale(self, processor: Processor) -> bool:
        return processor.has_started and self._clock.now() - processor.state_changed > _KEPT

    def _begun(self, processor: Processor, effective_tier: str | None = None) -> Processor:
        return msgspec.structs.replace(
            processor,
            effective_tier=effective_tier or processor.effective_tier,
            state=State.STARTED,
            state_changed=processor.state_changed if processor.state is State.STARTED else self._clock.now(),
            has_started=True,
            error=None,
            generation=processor.generation + 1,
        )

    def _watch(
        self,
        processor: Processor,
        start_at: Mapping[str, Any] | None = None,
        trial: Trial | None = None,
        *,
        asked: bool = False,
    ) -> Watch:
        old = self._watches.pop(processor.id, None)
        if old is not None:
            old.end(0)
        watch = Watch(
            *(processor, self._store, self._clock, self._settings, self._launcher),
            start_at=start_at,
            trial=trial,
            asked=asked,
        )
        self._watches[processor.id] = watch
        return watch
