"""Sums, averages and counts."""

from __future__ import annotations

from typing import Any, ClassVar

import msgspec
from bson import Int64

from brookmill.mql.accumulator import ACCUMULATORS, Accumulation, one_operand
from brookmill.mql.expression import Constant, Parser
from brookmill.mql.numbers import CONTEXT, DECIMAL, INT, Total, from_decimal, from_int
from brookmill.mql.values import INT32_MAX, INT32_MIN, Value

#: Integers up to here are doubles too.
_EXACT = 2**53


class _Summed(msgspec.Struct, gc=False):
    """Numbers added up: 32-bit ints by themselves, where they are quick, everything else in ``rest``."""

    ints: int = 0
    rest: Total | None = None

    def take(self, value: Value) -> bool:
        """Add a number; False for anything else."""
        if type(value) is int and INT32_MIN <= value <= INT32_MAX:
            self.ints += value
            return True
        if self.rest is None:
            rest = Total()
            if not rest.add(value):
                return False
            self.rest = rest
            return True
        return self.rest.add(value)

    def total(self) -> Total:
        whole = Total()
        if self.rest is not None:
            whole.merge(self.rest)
        whole.ints += self.ints
        return whole

    def join(self, other: _Summed) -> None:
        self.ints += other.ints
        if other.rest is not None:
            if self.rest is None:
                self.rest = Total()
            self.rest.merge(other.rest)

    def state(self) -> list[Value]:
        return [str(self.ints), None if self.rest is None else self.rest.snapshot()]

    def reset(self, state: list[Any]) -> None:
        self.ints = int(state[0])
        self.rest = None
        if state[1] is not None:
            self.rest = Total()
            self.rest.restore(state[1])


@ACCUMULATORS("$sum")
class Sum(_Summed, gc=False):
    """The sum of the numbers; 0 without any."""

    on_int: ClassVar[tuple[str, ...]] = ("{a}.ints += {x}",)
    on_any: ClassVar[tuple[str, ...]] = ()

    @classmethod
    def parse(cls, operand: Value, parser: Parser) -> Accumulation:
        return one_operand(cls, operand, parser)

    def add(self, value: Value) -> None:
        self.take(value)

    def merge(self, other: Sum) -> None:
        self.join(other)

    def result(self) -> Value:
        if self.rest is not None:
            return self.total().result()
        return self.ints if INT32_MIN <= self.ints <= INT32_MAX else from_int(self.ints, INT)

    def snapshot(self) -> Value:
        return self.state()

    def restore(self, snapshot: Any) -> None:
        self.reset(snapshot)

    @property
    def size(self) -> int:
        return 64


@ACCUMULATORS("$avg")
class Avg(_Summed, gc=False):
    """The mean of the numbers; null without any."""

    count: int = 0
    on_int: ClassVar[tuple[str, ...]] = ("{a}.ints += {x}", "{a}.count += 1")
    on_any: ClassVar[tuple[str, ...]] = ()

    @classmethod
    def parse(cls, operand: Value, parser: Parser) -> Accumulation:
        return one_operand(cls, operand, parser)

    def add(self, value: Value) -> None:
        if self.take(value):
            self.count += 1

    def merge(self, other: Avg) -> None:
        self.join(other)
        self.count += other.count

    def result(self) -> Value:
        if not self.count:
            return None
        if self.rest is None and -_EXACT < self.ints < _EXACT:
            return self.ints / self.count
        total = self.total()
        if total.kind == DECIMAL:
            return from_decimal(CONTEXT.divide(total.decimal(), self.count))
        return total.double() / self.count

    def snapshot(self) -> Value:
        return [*self.state(), Int64(self.count)]

    def restore(self, snapshot: Any) -> None:
        self.reset(snapshot)
        self.count = int(snapshot[2])

    @property
    def size(self) -> int:
        return 72


@ACCUMULATORS("$count")
class Count(msgspec.Struct, gc=False):
    """How many documents there are."""

    count: int = 0
    on_int: ClassVar[tuple[str, ...]] = ()
    on_any: ClassVar[tuple[str, ...]] = ("{a}.count += 1",)

    @classmethod
    def parse(cls, operand: Value, parser: Parser) -> Accumulation:
        if operand != {}:
            raise parser.wrong("$count takes no arguments, i.e. $count:{}", 14)
        return Accumulation(Constant(None), cls)

    def add(self, value: Value) -> None:  # noqa: ARG002 - counts whatever comes
        self.count += 1

    def merge(self, other: Count) -> None:
        self.count += other.count

    def result(self) -> Value:
        return from_int(self.count, INT)

    def snapshot(self) -> Value:
        return Int64(self.count)

    def restore(self, snapshot: Any) -> None:
        self.count = int(snapshot)

    @property
    def size(self) -> int:
        return 32
