"""Where the values of a file stand in its text: spans of characters by path, lines and columns."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from typing import NamedTuple

from brookmill.errors import BrookmillError

#: Member names and array indexes, from the root of a file: ``(1, "$match", "a")``.
Path = tuple[str | int, ...]


class Unreadable(BrookmillError):
    """The text is neither JSON nor YAML. ``at``: where it ceases to be, in characters."""

    def __init__(self, message: str, at: int = 0) -> None:
        super().__init__(message)
        self.at = at


class Span(NamedTuple):
    """From a character to before another."""

    start: int
    end: int


class Position(NamedTuple):
    """Counted from 1, as editors do; columns in characters."""

    line: int
    column: int


@dataclass
class Marks:
    """``values`` and ``keys`` by path; an array's items have no keys. ``flow``: paths of the objects and
    arrays written with brackets. ``twice``: keys that an object has already.
    """

    values: dict[Path, Span] = field(default_factory=dict)
    keys: dict[Path, Span] = field(default_factory=dict)
    flow: set[Path] = field(default_factory=set)
    twice: list[tuple[Path, Span]] = field(default_factory=list)

    def span(self, path: Path) -> Span:
        """Of the key at ``path``, else of the value; of the innermost that is known on the way there."""
        for length in range(len(path), -1, -1):
            found = self.keys.get(path[:length]) or self.values.get(path[:length])
            if found is not None:
                return found
        return Span(0, 0)


class Lines:
    """Lines and columns of a text."""

    def __init__(self, text: str) -> None:
        self._starts = [0, *(i + 1 for i, c in enumerate(text) if c == "\n")]

    def position(self, at: int) -> Position:
        """Of a character."""
        line = bisect_right(self._starts, at)
        return Position(line, at - self._starts[line - 1] + 1)
