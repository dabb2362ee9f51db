"""``$source`` over documents that stand in the pipeline itself."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Mapping, Sequence
from typing import Any

from bson import Int64

from brookmill.connections import Batch, Opening
from brookmill.mql.values import Document

_NEVER = threading.Event()


class DocumentsSource:
    """A ``Source`` that gives each document once and is idle ever after; the position is the next index."""

    def __init__(self, documents: Sequence[Document], opening: Opening) -> None:
        self._documents = documents
        self._clock = opening.clock
        self._next = int(opening.position or 0)

    def read(self, limit: int, timeout: float) -> Batch:
        values = self._documents[self._next : self._next + limit]
        if not values:
            self._clock.wait(_NEVER, timeout)
            return Batch([], [], form="document")
        self._next += len(values)
        now = self._clock.now()
        meta = {"type": "generated", "ts": dt.datetime.fromtimestamp(now, dt.UTC)}
        return Batch(values, [int(now * 1000)] * len(values), form="document", meta=lambda _: dict(meta))

    def position(self) -> Any:
        return Int64(self._next)

    def acknowledge(self, position: Any) -> None:
        """Nobody to tell."""

    def lag(self, watermarks: Mapping[int, int]) -> dict[str, Any]:  # noqa: ARG002 - it has none
        return {}

    def close(self) -> None:
        """Nothing is open."""
