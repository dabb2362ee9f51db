"""Comparison query operators: only values of the same kind compare."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

from bson import MaxKey, MinKey, Regex

from brookmill.mql import lanes
from brookmill.mql.code import Code, Val
from brookmill.mql.compare import order_key, rank
from brookmill.mql.errors import MQLError
from brookmill.mql.filter import PREDICATES, Filter, FilterParser, Not, Predicate, Some, Test
from brookmill.mql.values import MISSING, Value

_SIGNS = {"$eq": "==", "$gt": ">", "$gte": ">=", "$lt": "<", "$lte": "<="}
#: Results of ``compare`` that satisfy the operator.
_WANTED = {"$eq": (0,), "$gt": (1,), "$gte": (0, 1), "$lt": (-1,), "$lte": (-1, 0)}


_NAN = order_key(math.nan)


@dataclass(frozen=True, slots=True)
class Comparison:
    """``$eq $gt $gte $lt $lte``. Null is missing too; NaN is equal to itself and neither more nor less
    than anything.
    """

    name: str
    operand: Value
    key: tuple[Any, ...]
    expands: ClassVar[bool] = True

    def test(self, value: Value) -> bool:
        wanted = _WANTED[self.name]
        if (value is None or value is MISSING) and self.operand is None:  # undefined is not
            return 0 in wanted
        if rank(value) != rank(self.operand):
            return isinstance(self.operand, (MinKey, MaxKey)) and self.name != "$eq"
        key = order_key(value)
        if _NAN in (key, self.key):
            return 0 in wanted and key == self.key
        return (key > self.key) - (key < self.key) in wanted

    def emit(self, code: Code, value: Val, slow: str) -> str | None:
        constant = code.constant(self.operand)
        condition = lanes.ordered(value, constant)
        if condition is None:
            return None
        return lanes.guarded(condition, f"{value.text} {_SIGNS[self.name]} {constant.text}", slow)


def _register(name: str) -> None:
    @PREDICATES(name)
    def parse(operand: Value, parser: FilterParser) -> Predicate:
        if isinstance(operand, Regex) and name != "$eq":
            raise parser.wrong(f"Can't have RegEx as arg to predicate over field '{'.'.join(parser.names)}'.")
        try:
            key = order_key(operand)
        except RecursionError:
            raise parser.wrong(f"the operand of {name} is nested too deeply", 15) from None
        except MQLError as e:
            raise parser.wrong(str(e), e.code) from e
        return Comparison(name, operand, key)


for _name in _WANTED:
    _register(_name)


@dataclass(frozen=True, slots=True)
class In:
    """Equal to one of the operands."""

    keys: frozenset[object]
    null: bool
    expands: ClassVar[bool] = True

    def test(self, value: Value) -> bool:
        return order_key(value) in self.keys or (self.null and value is MISSING)

    def emit(self, code: Code, value: Val, slow: str) -> str | None:
        texts = frozenset(key[1] for key in self.keys if key[0] == 15)  # type: ignore[index]
        return f"({value.text} in {code.bind(texts)} if type({value.text}) is str else {slow})"


@PREDICATES("$in")
def parse_in(operand: Value, parser: FilterParser) -> Filter:
    if type(operand) is not list:
        raise parser.wrong("$in needs an array")
    if any(type(item) is dict and next(iter(item), "")[:1] == "$" for item in operand):
        raise parser.wrong("cannot nest $ under $in")
    plain = [item for item in operand if not isinstance(item, Regex)]
    one = Test(parser.names, In(frozenset(map(order_key, plain)), None in plain))
    regexes = [parser.test("$regex", item) for item in operand if isinstance(item, Regex)]
    return Some((one, *regexes)) if regexes else one


@PREDICATES("$ne")
def parse_ne(operand: Value, parser: FilterParser) -> Filter:
    if isinstance(operand, Regex):
        raise parser.wrong("Can't have regex as arg to $ne.")
    return Not(parser.test("$eq", operand))


@PREDICATES("$nin")
def parse_nin(operand: Value, parser: FilterParser) -> Filter:
    return Not(parse_in(operand, parser))
