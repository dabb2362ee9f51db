"""Array query operators."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from brookmill.mql.filter import PREDICATES, Every, Filter, FilterParser, Predicate, Test
from brookmill.mql.numbers import is_number, to_float
from brookmill.mql.values import Value


@dataclass(frozen=True, slots=True)
class Size:
    """An array of this many items."""

    count: int
    expands: ClassVar[bool] = False

    def test(self, value: Value) -> bool:
        return isinstance(value, list) and len(value) == self.count


@PREDICATES("$size")
def parse_size(operand: Value, parser: FilterParser) -> Predicate:
    if not is_number(operand) or not to_float(operand).is_integer():
        raise parser.wrong("Failed to parse $size. Expected an integer", 9)
    if to_float(operand) < 0:
        raise parser.wrong("Failed to parse $size. Expected a non-negative number", 9)
    return Size(int(to_float(operand)))


@dataclass(frozen=True, slots=True)
class ElemMatch:
    """An array one of whose items passes a filter (objects) or tests (any item)."""

    filter: Filter
    objects: bool
    expands: ClassVar[bool] = False

    def test(self, value: Value) -> bool:
        if not isinstance(value, list):
            return False
        return any(self._passes(item) for item in value)

    def _passes(self, item: Value) -> bool:
        if not self.objects:
            return self.filter.matches({"ROOT": {"": item}})
        if isinstance(item, list):
            item = {str(i): value for i, value in enumerate(item)}
        return isinstance(item, dict) and self.filter.matches({"ROOT": item})


_JOINERS = {"$and", "$or", "$nor", "$expr"}


@PREDICATES("$elemMatch")
def parse_elem_match(operand: Value, parser: FilterParser) -> Predicate:
    if type(operand) is not dict:
        raise parser.wrong("$elemMatch needs an Object")
    first = next(iter(operand), "")
    if first[:1] == "$" and first not in _JOINERS:
        return ElemMatch(parser._replace(names=("",)).tests(operand), objects=False)
    return ElemMatch(parser._replace(below=True).filter(operand), objects=True)


@PREDICATES("$all")
def parse_all(operand: Value, parser: FilterParser) -> Filter:
    if type(operand) is not list:
        raise parser.wrong("$all needs an array")
    if not operand:
        return Test(parser.names, Size(-1))
    names = [next(iter(item), "") if type(item) is dict else "" for item in operand]
    if names[0] == "$elemMatch":
        if set(names) != {"$elemMatch"}:
            raise parser.wrong("$all/$elemMatch has to be consistent")
        tests = [parser.at(i).test("$elemMatch", item["$elemMatch"]) for i, item in enumerate(operand)]
        return Every(tuple(tests))
    if any(name[:1] == "$" for name in names):
        raise parser.wrong("no $ expressions in $all")
    return Every(tuple(parser.at(i).tests(item) for i, item in enumerate(operand)))
