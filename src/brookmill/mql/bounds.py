"""Limits that keep one document from taking the whole worker: sizes of what operators may build."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Sequence
from typing import Final

from brookmill.mql.errors import MQLError
from brookmill.mql.values import Value

#: Longest string and largest array that an operator builds, in characters and items; 16 MB is MongoDB's own.
MAX_TEXT = 16 * 1024 * 1024
MAX_ITEMS = 1_000_000
#: Most documents that several ``$unwind`` stages together make of one; one by itself makes as many as there
#: are items.
MAX_ROWS = 1 << 16
#: Most bytes of text that the documents made of one may take together.
MAX_OUTPUT = 256 * 1024 * 1024


class TooManyRows(MQLError):
    """Stages make more documents of one than there may be; what was made of it so far counts for nothing."""

    def __init__(self) -> None:
        text = f"$unwind makes more than {MAX_ROWS} documents, or {MAX_OUTPUT} bytes, of one document"
        super().__init__(text, 146)


#: The variable under which the loops of an expression share their ``Growth``.
GROWTH = "@growth"


def bounded_text(length: int, operator: str) -> None:
    """Raises MQLError when a string of ``length`` characters would be too long."""
    if length > MAX_TEXT:
        raise MQLError(f"{operator} would build a string of more than {MAX_TEXT} characters", 146)


def bounded_items(count: int, operator: str) -> None:
    """Raises MQLError when an array of ``count`` items would be too large."""
    if count > MAX_ITEMS:
        raise MQLError(f"{operator} would build an array of more than {MAX_ITEMS} items", 146)
    charge(count, operator)


def charge(items: int, operator: str) -> None:
    """Count items that are gone through or built, if that may happen again and again. Raises MQLError."""
    if _OPEN.growth is not None:
        _OPEN.growth.spend(items, operator)


def weigh(operands: Sequence[Value], operator: str) -> None:
    """Count what an operator goes through in its operands, where that may happen again and again.

    Raises MQLError.
    """
    growth = _OPEN.growth
    if growth is None:
        return
    items = Growth.CALL
    for operand in operands:
        kind = type(operand)
        if kind is list or kind is dict:
            items += len(operand)
        elif kind is str or isinstance(operand, bytes):
            items += len(operand) // Growth.CHARACTERS
    growth.spent += items  # as ``spend`` does, which is called too often here
    if growth.spent > Growth.LIMIT:
        growth.spend(0, operator)


@functools.cache
def weighed(function: Callable[..., Value], name: str) -> Callable[..., Value]:
    """The function of an operator for use in loops, where going through the same operand counts each time."""

    @functools.wraps(function)
    def weighing(*operands: Value) -> Value:
        weigh(operands, name)
        return function(*operands)

    return weighing


def growth_in_hand() -> Growth:
    """That of the loop around an operator that takes many steps itself; without one, its own."""
    return _OPEN.growth or Growth()


def growth_of_loop() -> Growth | None:
    """That of the loop around an operator."""
    return _OPEN.growth


class Growth:
    """What the loops of an expression cost, and the values they build: each step may copy all of a value.

    One for the outermost loop and all loops in it.
    """

    #: The types of values that can grow.
    GROWING: Final = frozenset({str, list, dict})
    #: A quarter to half a second, in items copied.
    LIMIT: Final = 1 << 26
    #: What an operator costs in a loop, whatever it goes through.
    CALL: Final = 80
    #: What a step costs and a loop before its first one, in items copied; so many characters cost as one.
    STEP, LOOP, CHARACTERS = 112, 2048, 16
    #: What it costs to visit an array or object, and an item of it.
    VISIT, ITEM = 640, 16

    __slots__ = ("spent",)

    def __init__(self) -> None:
        self.spent = 0

    @classmethod
    def of(cls, items: int) -> int:
        """What it costs to visit an array or object with so many items."""
        return cls.VISIT + items * cls.ITEM

    def enter(self, items: list[Value], operator: str, cost: int) -> None:
        """A loop over ``items`` begins, each of which costs so much. Raises MQLError when it is too much."""
        self.spend(self.LOOP + len(items) * cost, operator)

    def add(self, value: Value, operator: str, *, deep: bool = False) -> None:
        """A step gave ``value``. Raises MQLError when all of them take too much.

        ``deep``: it may hold the same value several times, by reference and free of cost, until somebody
        writes it out; then it is weighed to its bottom.
        """
        kind = type(value)
        if kind is str:
            self.spend(len(value) // self.CHARACTERS, operator)
        elif kind is list or kind is dict:
            self.spend(len(value), operator)
            if deep:
                self._visit(value, operator)

    def spend(self, items: int, operator: str) -> None:
        """Raises MQLError when all of it takes too much."""
        self.spent += items
        if self.spent > self.LIMIT:
            raise MQLError(f"{operator} takes too many steps or builds a value that is too large", 146)

    def afford(self, items: int, operator: str) -> None:
        """Raises MQLError when so many more would be too much."""
        if self.spent + items > self.LIMIT:
            self.spend(items, operator)

    def _visit(self, value: Value, operator: str) -> None:
        waiting = [value]
        while waiting:
            inner = waiting.pop()
            self.spend(self.of(len(inner)), operator)
            parts = inner.values() if type(inner) is dict else inner
            waiting += [part for part in parts if type(part) is list or type(part) is dict]


class _Open(threading.local):
    growth: Growth | None = None


#: The growth of the loop that runs in this thread.
_OPEN: Final = _Open()


def open_growth() -> Growth:
    """An outermost loop begins: all that its steps go through and build counts together."""
    growth = _OPEN.growth = Growth()
    return growth


def enter_value(items: int, operator: str) -> bool:
    """A value is gone through to its bottom, where the same part may stand many times over; it has ``items``.

    True: it is the outermost, and the caller has to ``close_growth``. Raises MQLError.
    """
    growth = _OPEN.growth
    if growth is not None:
        growth.spend(Growth.of(items), operator)
        return False
    growth = Growth()
    growth.spend(Growth.of(items), operator)
    _OPEN.growth = growth
    return True


def close_growth() -> None:
    _OPEN.growth = None
