"""Token buckets: how many calls a minute a project gets. Reference: Admin API contract, d.8."""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass

from brookmill.clock import Clock
from brookmill.errors import UserError
from brookmill.operations.rate_limits import REFILL_SECONDS

_MOST_BUCKETS = 10_000


@dataclass(slots=True)
class Bucket:
    """``tokens`` as they were at ``at``, in seconds of the monotonic clock."""

    tokens: float
    at: float


class RateLimit:
    """One bucket for each project; ``capacity`` calls at once, refilled in a minute. 0: no limit."""

    def __init__(self, capacity: int, clock: Clock) -> None:
        self.capacity = capacity
        self._clock = clock
        self._lock = threading.Lock()
        self._buckets: dict[str, Bucket] = {}

    def take(self, project: str, path: str) -> list[tuple[str, str]]:
        """Take one token; the headers that tell what is left. Raises RATE_LIMITED_TOKEN_BUCKET."""
        if not self.capacity:
            return []
        with self._lock:
            tokens = self._tokens(project)
            if tokens >= 1:
                self._buckets[project].tokens = tokens - 1
                return self._headers(int(tokens - 1))
        wait = max(1, math.ceil((1 - tokens) * REFILL_SECONDS / self.capacity))
        raise UserError(
            "RATE_LIMITED_TOKEN_BUCKET",
            *(path, wait, self.capacity, self.capacity, REFILL_SECONDS),
            headers=[*self._headers(0), ("Retry-After", str(wait))],
        )

    def _tokens(self, project: str) -> float:
        now = self._clock.monotonic()
        bucket = self._buckets.get(project)
        if bucket is None:
            if len(self._buckets) >= _MOST_BUCKETS:
                self._drop_full(now)
            bucket = self._buckets[project] = Bucket(self.capacity, now)
        gained = (now - bucket.at) * self.capacity / REFILL_SECONDS
        bucket.tokens, bucket.at = min(self.capacity, bucket.tokens + gained), now
        return bucket.tokens

    def _drop_full(self, now: float) -> None:
        """A bucket that is full again says no more than none."""
        self._buckets = {p: b for p, b in self._buckets.items() if now - b.at < REFILL_SECONDS}

    def _headers(self, remaining: int) -> list[tuple[str, str]]:
        return [("RateLimit-Limit", str(self.capacity)), ("RateLimit-Remaining", str(remaining))]
