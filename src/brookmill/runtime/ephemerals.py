"""The ephemeral processors of a server, by workspace and name."""

from __future__ import annotations

import threading
from typing import Final

from brookmill.clock import Clock
from brookmill.config import Settings
from brookmill.domain.processor import Processor
from brookmill.errors import ConnectionFailed
from brookmill.runtime.assignment import trial
from brookmill.runtime.ephemeral import Ephemeral
from brookmill.runtime.launcher import Launcher
from brookmill.runtime.sample import Sample
from brookmill.store import Store

#: At most so many run at once: each is a process.
MOST: Final = 20
#: Seconds that ``begin`` waits for news of the worker.
_START: Final = 10.0


class Ephemerals:
    """Safe for threads."""

    def __init__(self, store: Store, clock: Clock, settings: Settings, launcher: Launcher) -> None:
        self._store = store
        self._clock = clock
        self._settings = settings
        self._launcher = launcher
        self._running: dict[tuple[str, str], Ephemeral] = {}
        self._lock = threading.Lock()

    def begin(self, processor: Processor, sample: Sample) -> None:
        """Run ``processor``, which is in no store, and fill ``sample`` with what comes of it.

        Returns once the worker runs, or needs more than ten seconds. Raises ConnectionFailed with the
        engine's ``code`` and ``name`` when it failed, or too many run.
        """
        start = trial(self._store, processor, self._settings)
        with self._lock:
            self._forget()
            if len(self._running) >= MOST:
                raise ConnectionFailed(f"{MOST} ephemeral stream processors run already", retry=False)
            ephemeral = Ephemeral(
                processor,
                start,
                sample,
                clock=self._clock,
                launcher=self._launcher,
                silence=self._settings.heartbeat_timeout,
            )
            self._running[processor.workspace_id, processor.name] = ephemeral
        ephemeral.settle(_START)
        if ephemeral.failure is not None:
            failure = ephemeral.failure
            raise ConnectionFailed(failure.error, retry=False, code=failure.code, name=failure.name)

    def find(self, workspace_id: str, name: str) -> Ephemeral | None:
        """The one that runs under this name; None when there is none."""
        found = self._running.get((workspace_id, name))
        return found if found is not None and found.alive else None

    def end(self, workspace_id: str, name: str) -> bool:
        """End it and wait for that; False when there is none."""
        found = self.find(workspace_id, name)
        if found is not None:
            found.end()
        return found is not None

    def close(self) -> None:
        """End all."""
        with self._lock:
            running, self._running = list(self._running.values()), {}
        for ephemeral in running:
            ephemeral.tell()
        for ephemeral in running:
            ephemeral.end()

    def _forget(self) -> None:
        self._running = {key: one for key, one in self._running.items() if one.alive}
