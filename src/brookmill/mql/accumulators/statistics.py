"""Standard deviations, medians and percentiles."""

from __future__ import annotations

from typing import Any, ClassVar

import msgspec

from brookmill.mql.accumulator import ACCUMULATORS, Accumulation, one_operand
from brookmill.mql.expression import Parser
from brookmill.mql.numbers import is_number, to_float
from brookmill.mql.statistics import Deviation, parse_shares, percentiles
from brookmill.mql.values import Value


class _Deviation(Deviation, gc=False):
    """A standard deviation over a group."""

    on_int: ClassVar[tuple[str, ...]] = ()
    on_any: ClassVar[tuple[str, ...]] = ()

    @classmethod
    def parse(cls, operand: Value, parser: Parser) -> Accumulation:
        return one_operand(cls, operand, parser)

    @property
    def size(self) -> int:
        return 96


@ACCUMULATORS("$stdDevPop")
class StdDevPop(_Deviation, gc=False):
    """Of a whole population; null without numbers."""

    def result(self) -> Value:  # type: ignore[override]
        return Deviation.result(self, sample=False)


@ACCUMULATORS("$stdDevSamp")
class StdDevSamp(_Deviation, gc=False):
    """Of a sample; null without two numbers."""

    def result(self) -> Value:  # type: ignore[override]
        return Deviation.result(self, sample=True)


@ACCUMULATORS("$percentile", "$median")
class Percentile(msgspec.Struct, gc=False):
    """Exact percentiles: all numbers are kept."""

    shares: tuple[float, ...]
    median: bool
    numbers: list[float] = msgspec.field(default_factory=list)
    on_int: ClassVar[tuple[str, ...]] = ("{a}.numbers.append(float({x}))",)
    on_any: ClassVar[tuple[str, ...]] = ()

    @classmethod
    def parse(cls, operand: Value, parser: Parser) -> Accumulation:
        name = str(parser.path[-1])
        spec, shares = parse_shares(operand, parser, name)
        median = name == "$median"
        return Accumulation(parser.at("input").expression(spec), cls, lambda _: cls(shares, median))

    def add(self, value: Value) -> None:
        if is_number(value):
            self.numbers.append(to_float(value))

    def merge(self, other: Percentile) -> None:
        self.numbers += other.numbers

    def result(self) -> Value:
        found = percentiles(self.numbers, self.shares)
        return found[0] if self.median else found

    def snapshot(self) -> Value:
        return list(self.numbers)

    def restore(self, snapshot: Any) -> None:
        self.numbers = list(snapshot)

    @property
    def size(self) -> int:
        return 64 + 32 * len(self.numbers)
