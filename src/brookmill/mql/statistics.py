"""Statistics of numbers: standard deviations and percentiles."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from brookmill.mql.errors import MQLError
from brookmill.mql.expression import Codes, Parser
from brookmill.mql.numbers import is_number, to_float
from brookmill.mql.values import Value

_CODES = Codes(shape=7436100, unknown=40415, missing=40414)


class Deviation(msgspec.Struct, gc=False):
    """A running standard deviation: Welford's method, in doubles as MongoDB computes it."""

    count: int = 0
    mean: float = 0.0
    squares: float = 0.0

    def add(self, value: Value) -> None:
        """Add a number; anything else is passed over."""
        if not is_number(value):
            return
        number = to_float(value)
        self.count += 1
        delta = number - self.mean
        self.mean += delta / self.count
        self.squares += delta * (number - self.mean)

    def merge(self, other: Deviation) -> None:
        if not other.count:
            return
        count = self.count + other.count
        delta = other.mean - self.mean
        self.squares += other.squares + delta * delta * self.count * other.count / count
        self.mean += delta * other.count / count
        self.count = count

    def result(self, *, sample: bool) -> float | None:
        """Null without numbers; of a sample null without two of them."""
        count = self.count - sample
        if count <= 0:
            return None
        return math.sqrt(self.squares / count) if math.isfinite(self.squares) else math.nan

    def snapshot(self) -> list[Value]:
        return [self.count, self.mean, self.squares]

    def restore(self, snapshot: Any) -> None:
        self.count, self.mean, self.squares = snapshot


def deviation(values: Iterable[Value], *, sample: bool) -> float | None:
    """The standard deviation of the numbers among ``values``."""
    running = Deviation()
    for value in values:
        running.add(value)
    return running.result(sample=sample)


def percentiles(numbers: Sequence[float], shares: Sequence[float]) -> list[float | None]:
    """For each share the smallest number that is not less than that share of all; nulls without numbers.

    NaN does not count.
    """
    ordered = sorted(number for number in numbers if not math.isnan(number))
    if not ordered:
        return [None] * len(shares)
    last = len(ordered) - 1
    return [ordered[min(last, max(0, math.ceil(share * len(ordered)) - 1))] for share in shares]


def parse_shares(operand: Value, parser: Parser, name: str) -> tuple[Value, tuple[float, ...]]:
    """Spec of the input, and ``p``, of ``$percentile`` or ``$median``. Raises PlanError."""
    needed = ("input", "method") if name == "$median" else ("input", "p", "method")
    spec = parser.members(operand, name, needed, (), _CODES)
    if spec["method"] != "approximate":
        raise parser.at("method").wrong("Currently only 'approximate' can be used as percentile 'method'", 2)
    shares = (0.5,) if name == "$median" else _shares(spec["p"], parser.at("p"))
    return spec["input"], shares


def _shares(spec: Value, parser: Parser) -> tuple[float, ...]:
    try:
        shares = parser.expression(spec).evaluate({})
    except (KeyError, MQLError):  # it reads the document, or cannot be computed
        shares = None
    if type(shares) is not list or not shares:
        raise parser.wrong("'p' must be an array of numeric values", 7750300)
    if not all(map(is_number, shares)):
        raise parser.wrong("'p' must hold numbers only", 7750302)
    numbers = tuple(map(to_float, shares))
    if not all(0.0 <= number <= 1.0 for number in numbers):
        raise parser.wrong("'p' must hold numbers from 0 to 1 only", 7750303)
    return numbers
