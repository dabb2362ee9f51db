"""Standard deviations, medians and percentiles."""

from __future__ import annotations

from typing import Any, ClassVar

import msgspec

from brookmill.mql.accumulator import ACCUMULATORS, Accumulation, one_operand
from brookmill.mql.expression import Parser
from brookmill.mql.numbers import is_number, to_float
from brookmill.mql.statistics import Deviation, parse_shares
from brookmill.mql.t_digest import TDigest
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
    """The method "approximate": exact for thousands of numbers, from then on a t-digest."""

    shares: tuple[float, ...]
    median: bool
    digest: TDigest = msgspec.field(default_factory=TDigest)
    on_int: ClassVar[tuple[str, ...]] = ("{a}.digest.add(float({x}))",)
    on_any: ClassVar[tuple[str, ...]] = ()

    @classmethod
    def parse(cls, operand: Value, parser: Parser) -> Accumulation:
        name = str(parser.path[-1])
        spec, shares = parse_shares(operand, parser, name)
        median = name == "$median"
        return Accumulation(parser.at("input").expression(spec), cls, lambda _: cls(shares, median))

    def add(self, value: Value) -> None:
        if is_number(value):
            number = to_float(value)
            if number == number:  # noqa: PLR0124 - NaN does not count
                self.digest.add(number)

    def merge(self, other: Percentile) -> None:
        self.digest.merge(other.digest)

    def result(self) -> Value:
        found = self.digest.percentiles(self.shares)
        return found[0] if self.median else found

    def snapshot(self) -> Value:
        return self.digest.state()

    def restore(self, snapshot: Any) -> None:
        self.digest = TDigest.of_state(snapshot)

    @property
    def size(self) -> int:
        return 64 + self.digest.size
