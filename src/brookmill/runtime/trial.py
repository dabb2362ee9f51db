"""A trial: a time in which no failure of a worker is final, because somebody else decides what follows it."""

from __future__ import annotations

import threading

from brookmill.runtime.messages import Failed


class Trial:
    """Shared by the watches of several processors. ``news`` is set by the first failure. Safe for threads."""

    def __init__(self) -> None:
        self.news = threading.Event()
        self._lock = threading.Lock()
        self._passed = False
        self._failure: tuple[str, Failed] | None = None

    @property
    def failure(self) -> tuple[str, Failed] | None:
        """The first: the processor's name, and what its worker said."""
        with self._lock:
            return self._failure

    def fails(self, name: str, failure: Failed) -> bool:
        """Take a failure; False: the trial is over, the usual rules apply."""
        with self._lock:
            if self._passed:
                return False
            self._failure = self._failure or (name, failure)
        self.news.set()
        return True

    def passes(self) -> bool:
        """End the trial, unless something has failed."""
        with self._lock:
            self._passed = self._failure is None
            return self._passed
