"""Element query operators."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from brookmill.mql.code import Code, Val
from brookmill.mql.filter import PREDICATES, Filter, FilterParser, Not, Predicate, Test
from brookmill.mql.numbers import is_number, to_float
from brookmill.mql.values import MISSING, TYPE_NUMBERS, Value, truthy, type_name


@dataclass(frozen=True, slots=True)
class Exists:
    """Whether there is a value at all."""

    expands: ClassVar[bool] = False

    def test(self, value: Value) -> bool:
        return value is not MISSING

    def emit(self, code: Code, value: Val, slow: str) -> str | None:  # noqa: ARG002
        return f"{value.text} is not MISSING"


@PREDICATES("$exists")
def parse_exists(operand: Value, parser: FilterParser) -> Filter:
    test = Test(parser.names, Exists())
    return test if truthy(operand) or isinstance(operand, (str, list, dict)) else Not(test)


@dataclass(frozen=True, slots=True)
class Type:
    """Of one of the BSON types."""

    names: frozenset[str]
    expands: ClassVar[bool] = True

    def test(self, value: Value) -> bool:
        return type_name(value) in self.names


NUMBERS = frozenset({"int", "long", "double", "decimal"})


@PREDICATES("$type")
def parse_type(operand: Value, parser: FilterParser) -> Predicate:
    names: set[str] = set()
    for kind in operand if type(operand) is list else [operand]:
        if kind == "number" and isinstance(kind, str):
            names |= NUMBERS
        elif isinstance(kind, str) and kind in TYPE_NUMBERS.values():
            names.add(kind)
        elif is_number(kind) and to_float(kind).is_integer() and int(to_float(kind)) in TYPE_NUMBERS:
            names.add(TYPE_NUMBERS[int(to_float(kind))])
        else:
            raise parser.wrong(f"Unknown type name alias or code: {str(kind)[:50]}")
    if not names:
        raise parser.wrong("$type must match at least one type", 9)
    return Type(frozenset(names))
