"""Bitwise query operators: which bits of a number or of binary data are set."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import ClassVar

from brookmill.mql import binary
from brookmill.mql.filter import PREDICATES, FilterParser, Predicate
from brookmill.mql.numbers import DECIMAL, is_number, whole, width
from brookmill.mql.values import INT32_MAX, Value, type_name


def _bits(value: Value) -> int | None:
    """The bits as an integer of any length, the sign going on for ever; None for what has none."""
    if type_name(value) == "binData":
        return int.from_bytes(binary.parts(value)[0], "little")
    return None if width(value) == DECIMAL else whole(value)


@dataclass(frozen=True, slots=True)
class Bits:
    """All or any (``quantifier``) of the bits at ``positions`` are set, or clear."""

    positions: tuple[int, ...]
    quantifier: Callable[[Iterable[bool]], bool]
    is_set: bool
    expands: ClassVar[bool] = True

    def test(self, value: Value) -> bool:
        bits = _bits(value)
        if bits is None:
            return False
        return self.quantifier((bits >> position & 1 == 1) is self.is_set for position in self.positions)


def _positions(operand: Value, name: str, parser: FilterParser) -> tuple[int, ...]:
    """Raises PlanError."""
    if type(operand) is list:
        found = [whole(item) for item in operand]
        if any(position is None or not 0 <= position <= INT32_MAX for position in found):
            raise parser.wrong(f"bit positions of {name} must be integers of 32 bits, 0 or more", 9)
        return tuple(position for position in found if position is not None)
    if type_name(operand) != "binData" and not is_number(operand):
        raise parser.wrong(f"{name} takes an array, a number, or binary data, not {type_name(operand)}")
    mask = _bits(operand)
    if mask is None or mask < 0:
        raise parser.wrong(f"{name} takes a bitmask that is a long, 0 or more", 9)
    return tuple(position for position in range(mask.bit_length()) if mask >> position & 1)


def _register(name: str, quantifier: Callable[[Iterable[bool]], bool], *, is_set: bool) -> None:
    @PREDICATES(name)
    def parse(operand: Value, parser: FilterParser) -> Predicate:
        return Bits(_positions(operand, name, parser), quantifier, is_set)


_register("$bitsAllSet", all, is_set=True)
_register("$bitsAnySet", any, is_set=True)
_register("$bitsAllClear", all, is_set=False)
_register("$bitsAnyClear", any, is_set=False)
