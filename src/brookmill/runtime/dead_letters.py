"""Where documents go that could not go on: a collection, or nowhere but the statistics."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from brookmill.connections import DeadLetter
from brookmill.connections.letter import encoded, shown


class DeadLetters(Protocol):
    """Takes dead letters and counts them."""

    def write(self, letters: Sequence[DeadLetter]) -> int:
        """Take ``letters``; answer their size in bytes."""
        ...

    def flush(self) -> None:
        """Return when all that were taken are safe. Raises ConnectionFailed."""
        ...

    def close(self) -> None: ...


class Dropped:
    """For processors without a dead letter queue."""

    def write(self, letters: Sequence[DeadLetter]) -> int:
        return sum(len(encoded(shown(letter.document))) for letter in letters)

    def flush(self) -> None:
        """Nothing waits."""

    def close(self) -> None:
        """Nothing is open."""
