"""The uses of access list entries, gathered so that a call costs no write."""

from __future__ import annotations

import threading

import msgspec

from brookmill.clock import Clock

_SECONDS_BETWEEN_WRITES = 60.0


class Use(msgspec.Struct):
    """How often an entry was used since the last write, when last and from where."""

    at: float
    address: str
    requests: int = 0


class Usage:
    """Uses by principal id and CIDR block. Safe to use from many threads."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._written = clock.monotonic()
        self._uses: dict[tuple[str, str], Use] = {}

    def add(self, principal_id: str, cidr: str, address: str) -> bool:
        """Count one use; say whether it is time to write (said to one caller only)."""
        now = self._clock.now()
        with self._lock:
            use = self._uses.setdefault((principal_id, cidr), Use(now, address))
            use.at, use.address, use.requests = now, address, use.requests + 1
            due = self._clock.monotonic() - self._written >= _SECONDS_BETWEEN_WRITES
            if due:
                self._written = self._clock.monotonic()
            return due

    def take(self) -> dict[tuple[str, str], Use]:
        """All uses since the last call."""
        with self._lock:
            uses, self._uses = self._uses, {}
            return uses
