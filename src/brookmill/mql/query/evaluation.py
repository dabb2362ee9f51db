"""Evaluation query operators."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from bson import Decimal128, Regex

from brookmill.mql import regex
from brookmill.mql.errors import MQLError
from brookmill.mql.filter import PREDICATES, FilterParser, Predicate
from brookmill.mql.numbers import is_number
from brookmill.mql.values import INT64_MIN, Symbol, Value


@dataclass(frozen=True, slots=True)
class Matches:
    """A string in which the pattern is found, or an equal regular expression."""

    pattern: str
    options: str
    expands: ClassVar[bool] = True

    def test(self, value: Value) -> bool:
        if isinstance(value, Regex):
            return regex.parts(value) == (self.pattern, self.options)
        return type(value) in (str, Symbol) and regex.compiled(self.pattern, self.options).found_in(value)


@PREDICATES("$regex")
def parse_regex(operand: Value, parser: FilterParser) -> Predicate:
    if type(operand) is not str and not isinstance(operand, Regex):
        raise parser.wrong("$regex has to be a string")
    siblings = parser.siblings if type(parser.siblings) is dict else {}
    pattern, options = regex.parts(operand)
    given = siblings.get("$options")
    if given is not None and type(given) is not str:
        raise parser.wrong("$options has to be a string")
    if given and options:
        raise parser.wrong("options set in both $regex and $options", 51075)
    return checked_pattern(pattern, given or options, parser)


def checked_pattern(pattern: str, options: str, parser: FilterParser) -> Matches:
    """The predicate of a pattern that can be compiled. Raises PlanError."""
    try:
        regex.compiled(pattern, options)
    except MQLError as e:
        raise parser.wrong(str(e), 51091 if e.code == 51111 else e.code) from e
    return Matches(pattern, options)


@dataclass(frozen=True, slots=True)
class Mod:
    """A number with this remainder, fractions cut off first."""

    divisor: int
    remainder: int
    expands: ClassVar[bool] = True

    def test(self, value: Value) -> bool:
        if not is_number(value):
            return False
        whole = _cut(value)
        if whole is None:
            return False
        remainder = abs(whole) % abs(self.divisor)
        return (remainder if whole >= 0 else -remainder) == self.remainder


def _cut(number: Value) -> int | None:
    """A number without its fraction; None for what a long cannot hold."""
    exact = number.to_decimal() if isinstance(number, Decimal128) else number
    if exact != exact or not INT64_MIN <= exact < -INT64_MIN:  # noqa: PLR0124 - NaN
        return None
    return int(exact)


@PREDICATES("$mod")
def parse_mod(operand: Value, parser: FilterParser) -> Predicate:
    if type(operand) is not list or len(operand) != 2 or not all(map(is_number, operand)):
        raise parser.wrong("malformed mod, needs to be an array of two numbers")
    divisor, remainder = map(_cut, operand)
    if divisor is None or remainder is None:
        raise parser.wrong("malformed mod, divisor and remainder must be finite longs")
    if divisor == 0:
        raise parser.wrong("divisor cannot be 0")
    return Mod(divisor, remainder)
