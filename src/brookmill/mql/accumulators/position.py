"""The first and the last value."""

from __future__ import annotations

from typing import Any, ClassVar

import msgspec

from brookmill.mql.accumulator import ACCUMULATORS, Accumulation, boxed, one_operand, unboxed
from brookmill.mql.expression import Parser
from brookmill.mql.values import MISSING, Value


@ACCUMULATORS("$first")
class First(msgspec.Struct, gc=False):
    """The value of the document that came first, be it null or missing."""

    empty: bool = True
    value: Any = MISSING
    on_int: ClassVar[tuple[str, ...]] = ()
    on_any: ClassVar[tuple[str, ...]] = ("if {a}.empty: {a}.add({x})",)

    @classmethod
    def parse(cls, operand: Value, parser: Parser) -> Accumulation:
        return one_operand(cls, operand, parser)

    def add(self, value: Value) -> None:
        if self.empty:
            self.value = value
            self.empty = False

    def merge(self, other: First) -> None:
        if not other.empty:
            self.add(other.value)

    def result(self) -> Value:
        return None if self.value is MISSING else self.value

    def snapshot(self) -> Value:
        return [self.empty, boxed(self.value)]

    def restore(self, snapshot: Any) -> None:
        self.empty, box = snapshot
        self.value = unboxed(box)

    @property
    def size(self) -> int:
        return 64


@ACCUMULATORS("$last")
class Last(msgspec.Struct, gc=False):
    """The value of the document that came last."""

    value: Any = MISSING
    on_int: ClassVar[tuple[str, ...]] = ()
    on_any: ClassVar[tuple[str, ...]] = ("{a}.value = {x}",)

    @classmethod
    def parse(cls, operand: Value, parser: Parser) -> Accumulation:
        return one_operand(cls, operand, parser)

    def add(self, value: Value) -> None:
        self.value = value

    def merge(self, other: Last) -> None:
        self.value = other.value

    def result(self) -> Value:
        return None if self.value is MISSING else self.value

    def snapshot(self) -> Value:
        return boxed(self.value)

    def restore(self, snapshot: Any) -> None:
        self.value = unboxed(snapshot)

    @property
    def size(self) -> int:
        return 56
