"""``sample_stream_solar``: readings of solar panels without end, made up one after the other."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Mapping
from typing import Any, ClassVar

import msgspec
from bson import Int64
from msgspec import UNSET, UnsetType

from brookmill.connections import Batch, Opening

#: Upstream's sample has faulty records among the good ones: here one in so many.
FAULTY = 50
#: What a sample owes after a pause is forgiven beyond so many seconds' worth.
_ARREARS = 1.0
_NEVER = threading.Event()


class SampleSourceOptions(
    msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True
):
    """The fields of ``$source``; ``time_field`` is an expression."""

    operator: ClassVar[str] = "GeneratedSourceOperator"

    connection_name: str
    time_field: Any | UnsetType = UNSET
    ts_field_name: str | UnsetType = UNSET


class SampleSource:
    """A ``Source``. Record number n is always the same but for its time; the position is the next number."""

    def __init__(self, opening: Opening) -> None:
        self._clock = opening.clock
        self._rate = opening.sample_rate
        self._next = int(opening.position or 0)
        self._due = self._clock.monotonic()

    def read(self, limit: int, timeout: float) -> Batch:
        now = self._clock.monotonic()
        if now < self._due:
            self._clock.wait(_NEVER, min(timeout, self._due - now))
            now = self._clock.monotonic()
        if now < self._due:
            return Batch([], [])
        self._due = max(self._due, now - _ARREARS)
        count = min(limit, 1 + int((now - self._due) * self._rate))
        arrival = int((self._clock.now() - (now - self._due)) * 1000)
        times = [arrival + int(i * 1000 / self._rate) for i in range(count)]
        batch = Batch(
            values=[record(self._next + i, at) for i, at in enumerate(times)],
            times=times,
            meta=lambda i: {"type": "generated", "ts": dt.datetime.fromtimestamp(times[i] / 1000, dt.UTC)},
        )
        self._next += count
        self._due += count / self._rate
        return batch

    def position(self) -> Any:
        return Int64(self._next)

    def acknowledge(self, position: Any) -> None:
        """Nobody to tell."""

    def lag(self, watermarks: Mapping[int, int]) -> dict[str, Any]:  # noqa: ARG002 - it has none
        return {}

    def close(self) -> None:
        """Nothing is open."""


def record(number: int, time: int) -> bytes:
    """The JSON text of record ``number``, taken at ``time`` (milliseconds since the epoch)."""
    dice = _mixed(number)
    device, dice = dice % 11, dice // 11
    most = (250, 450)[device % 2]
    stamp = dt.datetime.fromtimestamp(time / 1000, dt.UTC).isoformat(timespec="milliseconds")
    head = f'{{"device_id":"device_{device}","group_id":{device % 8},"timestamp":"{stamp}","max_watts":{most}'
    if dice % FAULTY == 0:
        return f'{head},"event_type":1,"event_details":"Network error"}}'.encode()
    dice //= FAULTY
    event, watts, temperature = int(dice % 10 == 0), dice // 10 % (most + 1), 5 + dice // 10_000 % 21
    return f'{head},"event_type":{event},"obs":{{"watts":{watts},"temp":{temperature}}}}}'.encode()


def _mixed(number: int) -> int:
    """A 64-bit number that looks like chance (SplitMix64) and is always the same for ``number``."""
    z = (number + 1) * 0x9E3779B97F4A7C15 & 0xFFFFFFFFFFFFFFFF
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 & 0xFFFFFFFFFFFFFFFF
    z = (z ^ z >> 27) * 0x94D049BB133111EB & 0xFFFFFFFFFFFFFFFF
    return z ^ z >> 31
