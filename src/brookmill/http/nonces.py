"""Nonces of Digest authentication: made without memory, remembered from their first right use on."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
import threading
from collections import OrderedDict

from brookmill.clock import Clock

LIFETIME = 300.0  # seconds
_REMEMBERED = 32_768
_WINDOW = 128  # how far counts may arrive out of order over parallel connections


class Nonces:
    """Issues nonces and sees that each of their counts is used once. Safe to use from many threads.

    A nonce is 24 bytes in base64: 6 of time in milliseconds, 6 of chance, 12 of an HMAC over both. The key
    lives as long as this object: after a restart all nonces are stale, and clients repeat their call by
    themselves.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._key = secrets.token_bytes(32)
        self._lock = threading.Lock()
        #: nonce -> (highest count, bit i set: the count i below it was used)
        self._used: OrderedDict[str, tuple[int, int]] = OrderedDict()
        self._forgotten = 0  # when the youngest nonce that had to be forgotten was issued

    def issue(self) -> str:
        """A nonce that was never used."""
        stem = int(self._clock.now() * 1000).to_bytes(6, "big") + secrets.token_bytes(6)
        return base64.b64encode(stem + self._signature(stem)).decode()

    def _signature(self, stem: bytes) -> bytes:
        return hmac.digest(self._key, stem, hashlib.sha256)[:12]

    def use(self, nonce: str, count: int) -> bool:
        """Whether the nonce is ours, still young, and the count was not used; from now on it is.

        To be called with credentials that were found right, so that strangers cannot fill the memory.
        """
        issued = self._issued(nonce)
        now = int(self._clock.now() * 1000)
        if issued is None or not 0 <= now - issued <= LIFETIME * 1000 or count < 1:
            return False
        with self._lock:
            if nonce not in self._used and issued <= self._forgotten:
                return False
            counts = _counted(self._used.get(nonce), count)
            if counts is None:
                return False
            self._used[nonce] = counts
            self._forget(now)
        return True

    def _issued(self, nonce: str) -> int | None:
        """When the nonce was issued, in milliseconds since the epoch; None when it is not ours."""
        try:
            raw = base64.b64decode(nonce, validate=True)
        except (binascii.Error, ValueError):
            return None
        if len(raw) != 24 or not hmac.compare_digest(raw[12:], self._signature(raw[:12])):
            return None
        return int.from_bytes(raw[:6], "big")

    def _forget(self, now: int) -> None:
        """Drop what is too old to be used anyway, and the oldest when there is too much."""
        while self._used:
            oldest = next(iter(self._used))
            issued = self._issued(oldest) or 0
            if now - issued <= LIFETIME * 1000 and len(self._used) <= _REMEMBERED:
                break
            del self._used[oldest]
            self._forgotten = max(self._forgotten, issued)


def _counted(used: tuple[int, int] | None, count: int) -> tuple[int, int] | None:
    """The counts used, with one more; None when it was used already or is too far behind to tell."""
    if used is None:
        return count, 1
    highest, bits = used
    if count > highest:
        return count, ((bits << min(count - highest, _WINDOW)) | 1) & ((1 << _WINDOW) - 1)
    behind = highest - count
    if behind >= _WINDOW or bits >> behind & 1:
        return None
    return highest, bits | 1 << behind
