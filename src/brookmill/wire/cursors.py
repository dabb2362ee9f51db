"""The open cursors of samples. They belong to a workspace, not to a connection: clients have many."""

from __future__ import annotations

import secrets
import threading
from dataclasses import dataclass
from typing import Final

from brookmill.runtime.sample import IDLE, Sample
from brookmill.wire.errors import CommandError

#: Open cursors of a workspace at most.
MOST: Final = 200


@dataclass(frozen=True, slots=True)
class Cursor:
    """``place``: ids or names that tell a workspace from all others. ``processor``: by name, as the command
    named it that made the cursor.
    """

    place: tuple[str, ...]
    processor: str
    sample: Sample


class Cursors:
    """By number; numbers are random, so that nobody finds another's by counting. Safe for threads."""

    def __init__(self) -> None:
        self._open: dict[int, Cursor] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._open)

    def open(self, place: tuple[str, ...], processor: str, sample: Sample) -> int:
        """The number of a new cursor. Closes ``sample`` and raises CommandError when there are too many."""
        with self._lock:
            for number, cursor in list(self._open.items()):
                if cursor.sample.closed:
                    del self._open[number]
            if sum(cursor.place == place for cursor in self._open.values()) >= MOST:
                sample.close()
                raise CommandError(f"there are {MOST} sample cursors open in this workspace already", 125)
            number = secrets.randbits(62) + 1
            self._open[number] = Cursor(place, processor, sample)
            return number

    def find(self, number: int, place: tuple[str, ...], processor: str) -> Sample:
        """Raises CommandError."""
        cursor = self._open.get(number)
        if (
            cursor is None
            or cursor.sample.abandoned(IDLE)
            or (cursor.place, cursor.processor) != (place, processor)
        ):
            raise CommandError(f"cursor id {number} not found", 43)
        return cursor.sample

    def close(self, number: int) -> None:
        """Forget it; one that is not there is no error."""
        with self._lock:
            cursor = self._open.pop(number, None)
        if cursor is not None:
            cursor.sample.close()
