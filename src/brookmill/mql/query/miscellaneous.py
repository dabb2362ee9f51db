"""Miscellaneous query operators: random samples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from brookmill.mql.expressions.miscellaneous import draw
from brookmill.mql.filter import DOCUMENT_PREDICATES, FilterParser, Predicate
from brookmill.mql.numbers import is_number, to_float
from brookmill.mql.values import Value


@dataclass(frozen=True, slots=True)
class SampleRate:
    """One document after the other by chance: the share of those that pass tends to ``rate``."""

    rate: float
    expands: ClassVar[bool] = False

    def test(self, value: Value) -> bool:  # noqa: ARG002
        return draw() < self.rate


@DOCUMENT_PREDICATES("$sampleRate")
def parse_sample_rate(operand: Value, parser: FilterParser) -> Predicate:
    if not is_number(operand):
        raise parser.wrong("argument to $sampleRate must be a numeric type")
    if not 0.0 <= to_float(operand) <= 1.0:
        raise parser.wrong("numeric argument to $sampleRate must be in [0, 1]")
    return SampleRate(to_float(operand))
