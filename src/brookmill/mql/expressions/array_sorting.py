"""Array expression operators by order: ``$sortArray``, and the first, last, least or greatest items."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from brookmill.mql.code import Code, Val
from brookmill.mql.compare import order_keys
from brookmill.mql.errors import MQLError
from brookmill.mql.expression import EXPRESSIONS, Codes, Constant, Env, Expression, Parser, operator
from brookmill.mql.numbers import is_number, to_float, whole
from brookmill.mql.sorting import Order, parse_order
from brookmill.mql.values import Value, nullish, type_name

_SORT_ARRAY = Codes(shape=2942500, unknown=2942501, missing={"input": 2942502, "sortBy": 2942503})
_BEST = Codes(shape=5788001, unknown=5788002, missing={"n": 5788003, "sortBy": 5788005, "input": 5788004})
_N = Codes(shape=5787801, unknown=5787901, missing={"n": 5787906, "input": 5787907})


def _parse_order(spec: Value, parser: Parser) -> Order:
    """``1``, ``-1`` or an object of paths. Without a path the items themselves are compared."""
    if type(spec) is dict:
        return parse_order(spec, parser.path)
    if not is_number(spec):
        raise parser.wrong(f"sortBy must be an object, 1 or -1, not {type_name(spec)}", 2942507)
    if to_float(spec) not in (1.0, -1.0):
        raise parser.wrong("sortBy must be 1 (for ascending) or -1 (for descending)", 2942506)
    return Order((((), int(to_float(spec))),))


def _at(value: Value, names: tuple[str, ...]) -> Value:
    """The value at a path through objects only; null where there is none. Arrays are not looked into."""
    for name in names:
        if not isinstance(value, dict):
            return None
        value = value.get(name)
    return value


def _sorted(items: list[Value], order: Order) -> list[Value]:
    found = list(items)
    for names, sense in reversed(order.keys):
        keys = list(order_keys([_at(item, names) for item in found], "a sort"))
        places = sorted(range(len(found)), key=keys.__getitem__, reverse=sense < 0)
        found = [found[place] for place in places]
    return found


def _count(n: Value, name: str) -> int:
    count = whole(n)
    if count is None:
        raise MQLError(f"{name} needs 'n' to be an integer of 64 bits, found {type_name(n)}", 5787902)
    if count <= 0:
        raise MQLError(f"{name} needs 'n' to be greater than 0, found {count}", 5787908)
    return count


def _items(array: Value, name: str) -> list[Value]:
    if isinstance(array, list):
        return array
    raise MQLError(f"{name} needs 'input' to be an array, found {type_name(array)}", 5788200)


@EXPRESSIONS("$sortArray")
@dataclass(frozen=True, slots=True)
class SortArray:
    """``{input, sortBy}``: the items in order; stable."""

    array: Expression
    order: Order

    @classmethod
    def parse(cls, operand: Value, parser: Parser) -> Expression:
        spec = parser.members(operand, "$sortArray", ("input", "sortBy"), codes=_SORT_ARRAY)
        array = parser.at("input").expression(spec["input"])
        return cls(array, _parse_order(spec["sortBy"], parser.at("sortBy")))

    def sorted(self, array: Value) -> Value:
        if nullish(array):
            return None
        if not isinstance(array, list):
            raise MQLError(f"The input of $sortArray must be an array, not {type_name(array)}", 2942504)
        return _sorted(array, self.order)

    def evaluate(self, env: Env) -> Value:
        return self.sorted(self.array.evaluate(env))

    def emit(self, code: Code) -> Val:
        return code.local(Val(code.call(self.sorted, self.array.emit(code)), "array", missing=False))


#: What is taken of the sorted items: ``n`` of them, or the one where no ``n`` is asked for.
_TAKEN: dict[str, Callable[[list[Value], int], Value]] = {
    "$top": lambda items, _: items[0] if items else None,
    "$bottom": lambda items, _: items[-1] if items else None,
    "$topN": lambda items, n: items[:n],
    "$bottomN": lambda items, n: items[-n:],
}


@EXPRESSIONS("$top", "$bottom", "$topN", "$bottomN")
@dataclass(frozen=True, slots=True)
class Ranked:
    """``{sortBy, input}`` or ``{n, sortBy, input}``: the first or last items in order."""

    name: str
    array: Expression
    order: Order
    count: Expression

    @classmethod
    def parse(cls, operand: Value, parser: Parser) -> Expression:
        name = str(parser.path[-1])
        needed = ("n", "sortBy", "input") if name.endswith("N") else ("sortBy", "input")
        spec = parser.members(operand, name, needed, codes=_BEST)
        array = parser.at("input").expression(spec["input"])
        count = parser.at("n").expression(spec["n"]) if "n" in spec else Constant(1)
        return cls(name, array, _parse_order(spec["sortBy"], parser.at("sortBy")), count)

    def taken(self, array: Value, n: Value) -> Value:
        count = _count(n, self.name)
        return _TAKEN[self.name](_sorted(_items(array, self.name), self.order), count)

    def evaluate(self, env: Env) -> Value:
        return self.taken(self.array.evaluate(env), self.count.evaluate(env))

    def emit(self, code: Code) -> Val:
        array = self.array.emit(code)
        kind = "array" if self.name.endswith("N") else None
        return code.local(Val(code.call(self.taken, array, self.count.emit(code)), kind, missing=False))


@operator("$firstN", takes="members", result="array", codes=_N)
def first_n(n: Value, input_: Value) -> list[Value]:
    count = _count(n, "$firstN")
    return _items(input_, "$firstN")[:count]


@operator("$lastN", takes="members", result="array", codes=_N)
def last_n(n: Value, input_: Value) -> list[Value]:
    count = _count(n, "$lastN")
    return _items(input_, "$lastN")[-count:]


def _extreme(n: Value, array: Value, name: str, *, reverse: bool) -> list[Value]:
    count = _count(n, name)
    items = [item for item in _items(array, name) if item is not None]
    keys = list(order_keys(items, name))
    places = sorted(range(len(items)), key=keys.__getitem__, reverse=reverse)
    return [items[place] for place in places[:count]]


@operator("$minN", takes="members", result="array", codes=_N)
def min_n(n: Value, input_: Value) -> list[Value]:
    return _extreme(n, input_, "$minN", reverse=False)


@operator("$maxN", takes="members", result="array", codes=_N)
def max_n(n: Value, input_: Value) -> list[Value]:
    return _extreme(n, input_, "$maxN", reverse=True)
