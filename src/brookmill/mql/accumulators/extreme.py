"""The smallest and the largest value."""

from __future__ import annotations

from typing import Any, ClassVar, Final

import msgspec

from brookmill.mql.accumulator import ACCUMULATORS, Accumulation, boxed, one_operand, unboxed
from brookmill.mql.compare import compare
from brookmill.mql.expression import Parser
from brookmill.mql.values import INT64_MAX, INT64_MIN, MISSING, Value, nullish

#: What ``number`` is while there is none; told from the same value in a document by identity.
_LEAST: Final = float("-inf")
_MOST: Final = float("inf")


def _plain(value: Value) -> bool:
    """Whether Python compares the value with ints and floats as MongoDB does."""
    if isinstance(value, bool):
        return False
    if isinstance(value, int):
        return INT64_MIN <= value <= INT64_MAX
    return type(value) is float and value == value  # noqa: PLR0124 - NaN sorts before all numbers


class _Extreme(msgspec.Struct, gc=False):
    """The extreme among plain numbers, which are quick, and the one among all other values."""

    number: Any = None
    other: Any = MISSING
    sense: ClassVar[int]
    nothing: ClassVar[float]
    on_any: ClassVar[tuple[str, ...]] = ()

    @classmethod
    def parse(cls, operand: Value, parser: Parser) -> Accumulation:
        return one_operand(cls, operand, parser)

    def add(self, value: Value) -> None:
        if nullish(value):
            return
        if _plain(value):
            if self.number is self.nothing or (
                (value > self.number) is (self.sense > 0) and value != self.number
            ):
                self.number = value
        elif self.other is MISSING or compare(value, self.other) == self.sense:
            self.other = value

    def merge(self, other: _Extreme) -> None:
        if other.number is not self.nothing:
            self.add(other.number)
        self.add(other.other)

    def result(self) -> Value:
        if self.number is self.nothing:
            return None if self.other is MISSING else self.other
        if self.other is MISSING:
            return self.number
        if compare(self.other, self.number) == self.sense:
            return self.other
        return self.number

    def snapshot(self) -> Value:
        return [[] if self.number is self.nothing else [self.number], boxed(self.other)]

    def restore(self, snapshot: Any) -> None:
        number, other = snapshot
        self.number = number[0] if number else self.nothing
        self.other = unboxed(other)

    @property
    def size(self) -> int:
        return 96


@ACCUMULATORS("$max")
class Max(_Extreme, gc=False):
    """The value that sorts last; null and missing do not count."""

    number: Any = _LEAST
    sense: ClassVar[int] = 1
    nothing: ClassVar[float] = _LEAST
    on_int: ClassVar[tuple[str, ...]] = ("if {x} > {a}.number: {a}.number = {x}",)


@ACCUMULATORS("$min")
class Min(_Extreme, gc=False):
    """The value that sorts first; null and missing do not count."""

    number: Any = _MOST
    sense: ClassVar[int] = -1
    nothing: ClassVar[float] = _MOST
    on_int: ClassVar[tuple[str, ...]] = ("if {x} < {a}.number: {a}.number = {x}",)
