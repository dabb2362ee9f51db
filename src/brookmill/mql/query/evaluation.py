"""Evaluation query operators."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from bson import Regex

from brookmill.mql import regex
from brookmill.mql.errors import MQLError
from brookmill.mql.filter import PREDICATES, FilterParser, Predicate
from brookmill.mql.numbers import is_number, to_float
from brookmill.mql.values import INT64_MAX, INT64_MIN, Value


@dataclass(frozen=True, slots=True)
class Matches:
    """A string in which the pattern is found, or an equal regular expression."""

    pattern: str
    options: str
    expands: ClassVar[bool] = True

    def test(self, value: Value) -> bool:
        if isinstance(value, Regex):
            return regex.parts(value) == (self.pattern, self.options)
        return type(value) is str and regex.compiled(self.pattern, self.options).found_in(value)


@PREDICATES("$regex")
def parse_regex(operand: Value, parser: FilterParser) -> Predicate:
    siblings = parser.siblings if type(parser.siblings) is dict else {}
    try:
        pattern, options = regex.parts(operand)
        given = siblings.get("$options")
        if given is not None and not isinstance(given, str):
            raise parser.wrong("$options has to be a string")
        options = given or options
        regex.compiled(pattern, options)
    except MQLError as e:
        raise parser.wrong(str(e), e.code) from e
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
        number = to_float(value)
        if not math.isfinite(number) or not INT64_MIN <= number <= INT64_MAX:
            return False
        whole = int(value) if isinstance(value, int) else math.trunc(number)
        remainder = abs(whole) % abs(self.divisor)
        return (remainder if whole >= 0 else -remainder) == self.remainder


@PREDICATES("$mod")
def parse_mod(operand: Value, parser: FilterParser) -> Predicate:
    if type(operand) is not list or len(operand) != 2 or not all(map(is_number, operand)):
        raise parser.wrong("malformed mod, needs to be an array of two numbers")
    numbers = [to_float(number) for number in operand]
    if not all(map(math.isfinite, numbers)):
        raise parser.wrong("malformed mod, divisor and remainder must be finite")
    divisor, remainder = (math.trunc(number) for number in numbers)
    if divisor == 0:
        raise parser.wrong("divisor cannot be 0")
    return Mod(divisor, remainder)
