"""Limits that keep one document from taking the whole worker: sizes of what operators may build."""

from __future__ import annotations

from typing import Final

from brookmill.mql.errors import MQLError
from brookmill.mql.values import Value

#: Longest string and largest array that an operator builds, in characters and items; 16 MB is MongoDB's own.
MAX_TEXT = 16 * 1024 * 1024
MAX_ITEMS = 1_000_000


def bounded_text(length: int, operator: str) -> None:
    """Raises MQLError when a string of ``length`` characters would be too long."""
    if length > MAX_TEXT:
        raise MQLError(f"{operator} would build a string of more than {MAX_TEXT} characters", 146)


def bounded_items(count: int, operator: str) -> None:
    """Raises MQLError when an array of ``count`` items would be too large."""
    if count > MAX_ITEMS:
        raise MQLError(f"{operator} would build an array of more than {MAX_ITEMS} items", 146)


class Growth:
    """What it takes to build a value step by step: each step may copy all of it.

    ``nested``: a step may hold the value before several times, by reference and free of cost, until somebody
    writes it out; then every step is weighed to its bottom.
    """

    #: The types of values that can grow.
    GROWING: Final = frozenset({str, list, dict})
    #: About a quarter of a second, in items copied.
    LIMIT: Final = 1 << 26
    #: What a character and a visit cost, in items copied.
    CHARACTERS, VISIT = 16, 16

    __slots__ = ("nested", "operator", "spent")

    def __init__(self, operator: str, *, nested: bool) -> None:
        self.operator = operator
        self.nested = nested
        self.spent = 0

    def add(self, value: Value) -> None:
        """One more step gave ``value``. Raises MQLError when it takes too much."""
        kind = type(value)
        if kind is str:
            self.spent += len(value) // self.CHARACTERS
        elif kind is list or kind is dict:
            self.spent += len(value)
            if self.nested:
                self._visit(value)
        if self.spent > self.LIMIT:
            raise MQLError(f"{self.operator} builds a value that is too large", 146)

    def _visit(self, value: Value) -> None:
        waiting = [value]
        while waiting:
            inner = waiting.pop()
            self.spent += len(inner) * self.VISIT
            if self.spent > self.LIMIT:
                return
            parts = inner.values() if type(inner) is dict else inner
            waiting += [part for part in parts if type(part) is list or type(part) is dict]
