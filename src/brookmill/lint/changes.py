"""What a fix changes in the value of a file, said by paths."""

from __future__ import annotations

from typing import Any, NamedTuple

from brookmill.lint.marks import Path


class Replace(NamedTuple):
    """Another value at a path."""

    path: Path
    value: Any


class Rename(NamedTuple):
    """Another name for a member."""

    path: Path
    name: str


class Remove(NamedTuple):
    """A member or an item goes."""

    path: Path


class Insert(NamedTuple):
    """One more member, the last, of the object at ``path``."""

    path: Path
    name: str
    value: Any


class Swap(NamedTuple):
    """Two items of an array change places."""

    one: Path
    other: Path


Change = Replace | Rename | Remove | Insert | Swap


class Fix(NamedTuple):
    """``label``: what it does, in the imperative. It is safe: nobody who meant what the file says now is
    surprised by what it does then.
    """

    label: str
    changes: tuple[Change, ...]


def fix(label: str, *changes: Change) -> Fix:
    return Fix(label, changes)


def under(made: Fix, prefix: Path) -> Fix:
    """``made``, its paths counted from further out."""
    return Fix(made.label, tuple(_under(change, prefix) for change in made.changes))


def _under(change: Change, prefix: Path) -> Change:
    if isinstance(change, Swap):
        return Swap((*prefix, *change.one), (*prefix, *change.other))
    return change._replace(path=(*prefix, *change.path))
