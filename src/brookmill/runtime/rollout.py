"""Rollouts: running processors take up a change of a connection one after the other, or all go back.

A processor whose turn comes takes a checkpoint, ends, and begins again with the change; its state stays
STARTED. From then on it is on trial: should any processor on trial fail before the last has been watched, the
connection goes back to what it was (a new revision), and so do all that were switched, to the checkpoints
taken before. Those whose turn has not come run as before, even when their worker is started anew. A server
that ends meanwhile takes everything back when it starts again, before any worker runs.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Protocol

import msgspec
import structlog

from brookmill.clock import Clock
from brookmill.config import Settings
from brookmill.domain.dependence import connections_used
from brookmill.domain.processor import Processor, State
from brookmill.domain.revision import Author
from brookmill.domain.rollout import Rollout, Step
from brookmill.runtime.trial import Trial
from brookmill.runtime.watch import Watch
from brookmill.store import Session, Store

log = structlog.get_logger(__name__)

#: Seconds that a switched processor may take until it runs.
_START = 10.0
#: Seconds that a rollout may take to stop when the server does: the end of a worker and a little more.
_CLOSE = 40.0
#: Seconds between two tries to end one.
_AGAIN = 5.0

#: What else is to be done in the transaction that gives a processor its next generation.
Also = Callable[[Session, Processor], None]


class Renewing(Protocol):
    """Who can end the worker of a started processor after a checkpoint, and begin another one."""

    def renew(self, processor_id: str, also: Also | None = None, trial: Trial | None = None) -> Watch | None:
        """``also`` is told the processor as it is from then on. None: it is not started."""
        ...


class Rollouts:
    """All of a server, each on a thread of its own. Settings used: ``rollout_watch``."""

    def __init__(self, store: Store, clock: Clock, settings: Settings, supervisor: Renewing) -> None:
        self._store = store
        self._clock = clock
        self._settings = settings
        self._supervisor = supervisor
        self._lock = threading.Lock()
        self._running: dict[threading.Thread, Trial] = {}
        self._closing = threading.Event()

    def begin(self, id: str) -> None:
        """Carry out a rollout that is kept; does not wait."""
        trial = Trial()
        thread = threading.Thread(target=self._run, args=(id, trial), name=f"rollout-{id}", daemon=True)
        with self._lock:
            if self._closing.is_set():
                return  # the next server takes it back
            self._running = {t: news for t, news in self._running.items() if t.is_alive()}
            self._running[thread] = trial
            thread.start()

    def recover(self) -> None:
        """Take back what was left halfway; before any worker runs."""
        with self._store.write() as session:
            for rollout in session.rollouts.unfinished():
                self._restore(session, rollout, "the server was stopped before the rollout had ended")
                for step in rollout.steps:
                    processor = session.processor_by_id(step.processor_id)
                    if step.state == "SWITCHED" and processor is not None:
                        _put_back(session, rollout, step, processor)
                session.rollouts.change(rollout.id, state="ROLLED_BACK", ended=self._clock.now())

    def close(self) -> None:
        """Leave everything as it is; ``recover`` takes it back."""
        with self._lock:
            self._closing.set()
            running = dict(self._running)
        for trial in running.values():
            trial.news.set()
        for thread in running:
            thread.join(_CLOSE)

    def _run(self, id: str, trial: Trial) -> None:
        with self._store.read() as session:
            rollout = session.rollouts.one(id)
        if rollout is None:
            return
        try:
            error = self._forward(rollout, trial)
        except Exception as e:
            log.exception("a rollout failed", rollout=id)
            error = f"An internal error occurred: {type(e).__name__}"
        if self._closing.is_set():
            return
        if error is None and trial.passes():
            self._surely(lambda: self._end(rollout, "SUCCEEDED"))
        else:
            error = error or _told(trial)
            self._surely(lambda: self._back(rollout, error))
        log.info("rollout ended", rollout=id, connection=rollout.connection, error=error)

    def _surely(self, act: Callable[[], None]) -> None:
        """Until it is done, or the server ends: processors on trial wait for it."""
        while not self._closing.is_set():
            try:
                act()
            except Exception:
                log.exception("a rollout does not end")
                self._clock.wait(self._closing, _AGAIN)
            else:
                return

    def _forward(self, rollout: Rollout, trial: Trial) -> str | None:
        """Switch and watch one processor after the other; what went wrong, None: nothing."""
        for step in rollout.steps:
            if self._closing.is_set():
                return None
            if error := self._switch(rollout, step, trial):
                return error
        return None

    def _switch(self, rollout: Rollout, step: Step, trial: Trial) -> str | None:
        def also(session: Session, processor: Processor) -> None:
            kept = session.checkpoint(step.processor_id)
            members = {"state": "SWITCHED", "generation": processor.generation, "checkpoint": kept}
            session.rollouts.change_step(rollout.id, step.processor_id, **members)

        begun = self._clock.monotonic()
        watch = self._supervisor.renew(step.processor_id, also, trial)
        if watch is None:
            self._note(rollout, step, state="SKIPPED")
            return None
        watch.settle(_START)
        self._note(rollout, step, pause=self._clock.monotonic() - begun)
        if trial.failure is None and not watch.runs:
            return f"{step.name} did not run within {_START:.0f} seconds"
        self._clock.wait(trial.news, self._settings.rollout_watch)
        return None if trial.failure is None else _told(trial)

    def _note(self, rollout: Rollout, step: Step, **members: object) -> None:
        with self._store.write() as session:
            session.rollouts.change_step(rollout.id, step.processor_id, **members)

    def _end(self, rollout: Rollout, state: str) -> None:
        with self._store.write() as session:
            session.rollouts.change(rollout.id, state=state, ended=self._clock.now())

    def _back(self, rollout: Rollout, error: str) -> None:
        """All to where they were, the last switched first; and who began meanwhile, with what is true now."""
        with self._store.write() as session:
            self._restore(session, rollout, error)
            found = session.rollouts.one(rollout.id)
            others = _users(session, rollout) - {step.processor_id for step in rollout.steps}
        for step in reversed(() if found is None else found.steps):
            if step.state == "SWITCHED":
                self._revert(rollout, step)
        for processor_id in others:
            self._supervisor.renew(processor_id)
        self._end(rollout, "ROLLED_BACK")

    def _revert(self, rollout: Rollout, step: Step) -> None:
        def also(session: Session, processor: Processor) -> None:
            # The generation is already the next one: somebody else's would be later still.
            if processor.generation - 1 == step.generation:
                _put_back(session, rollout, step, processor)

        if self._supervisor.renew(step.processor_id, also) is None:
            with self._store.write() as session:
                processor = session.processor_by_id(step.processor_id)
                if processor is not None and processor.generation == step.generation:
                    _put_back(session, rollout, step, processor)

    def _restore(self, session: Session, rollout: Rollout, error: str) -> None:
        """The connection as it was before, unless somebody has written it since."""
        session.rollouts.change(rollout.id, state="ROLLING_BACK", error=error)
        workspace = session.workspace_by_id(rollout.workspace_id)
        if workspace is None:
            return
        found = session.revised_connection(workspace, rollout.connection)
        before = session.revisions.one(workspace, rollout.connection, rollout.before)
        if found is None or found[1] != rollout.after or before is None or before.connection is None:
            return
        author = Author(at=self._clock.now(), id=rollout.id, name="rollout")
        connection = msgspec.structs.replace(before.connection, id=found[0].id, state=found[0].state)
        session.replace_connection(workspace, connection, author, restored=rollout.before)


def _put_back(session: Session, rollout: Rollout, step: Step, processor: Processor) -> None:
    """The checkpoint from before the switch; what was read since, perhaps elsewhere, is read again."""
    data = session.rollouts.checkpoint(rollout.id, step.processor_id)
    if data is None:
        session.remove_checkpoint(step.processor_id)
    else:
        session.save_checkpoint(step.processor_id, processor.generation, data)
    session.rollouts.change_step(rollout.id, step.processor_id, state="REVERTED")


def _users(session: Session, rollout: Rollout) -> set[str]:
    workspace = session.workspace_by_id(rollout.workspace_id)
    processors = [] if workspace is None else session.processors(workspace)
    return {
        one.id
        for one in processors
        if one.state is State.STARTED and rollout.connection in connections_used(one)
    }


def _told(trial: Trial) -> str:
    name, failure = trial.failure or ("", None)
    return f"{name}: {failure.error}" if failure is not None else "the rollout was given up"
