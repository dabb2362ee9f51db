"""Set expression operators: arrays as sets, without regard to order and repetition.

Items are the same when they are equal in the BSON order; of equal items the first one stays, and results
keep the order in which items came first.
"""

from __future__ import annotations

from typing import Any

from brookmill.mql.bounds import bounded_items
from brookmill.mql.compare import order_keys
from brookmill.mql.errors import MQLError
from brookmill.mql.expression import Codes, operator
from brookmill.mql.values import Value, nullish, truthy, type_name


def _array(value: Value, name: str, code: int) -> list[Value]:
    if isinstance(value, list):
        return value
    raise MQLError(
        f"All operands of {name} must be arrays. One argument is of type: {type_name(value)}", code
    )


def _set(items: list[Value]) -> dict[Any, Value]:
    """The different items by their keys."""
    found: dict[Any, Value] = {}
    for key, item in zip(order_keys(items, "a set operator"), items, strict=True):
        found.setdefault(key, item)
    return found


@operator("$setUnion", result="array")
def set_union(*arrays: Value) -> Value:
    union: dict[Any, Value] = {}
    for array in arrays:
        if nullish(array):
            return None
        for key, item in _set(_array(array, "$setUnion", 17043)).items():
            union.setdefault(key, item)
        bounded_items(len(union), "$setUnion")
    return list(union.values())


@operator("$setIntersection", result="array")
def set_intersection(*arrays: Value) -> Value:
    common: dict[Any, Value] | None = None
    for array in arrays:
        if nullish(array):
            return None
        items = _set(_array(array, "$setIntersection", 17047))
        common = items if common is None else {k: item for k, item in common.items() if k in items}
    return list(common.values()) if common else []


@operator("$setDifference", result="array")
def set_difference(array: Value, without: Value) -> Value:
    if nullish(array) or nullish(without):
        return None
    items = _array(array, "$setDifference", 17048)
    gone = _set(_array(without, "$setDifference", 17049))
    return [item for key, item in _set(items).items() if key not in gone]


@operator("$setEquals", result="bool", codes=Codes(arity=17045))
def set_equals(array: Value, other: Value, *others: Value) -> bool:
    sets = [_set(_array(value, "$setEquals", 17044)).keys() for value in (array, other, *others)]
    return all(keys == sets[0] for keys in sets[1:])


@operator("$setIsSubset", result="bool")
def set_is_subset(array: Value, other: Value) -> bool:
    items = _array(array, "$setIsSubset", 17046)
    return _set(items).keys() <= _set(_array(other, "$setIsSubset", 17042)).keys()


@operator("$allElementsTrue", result="bool")
def all_elements_true(array: Value) -> bool:
    return all(map(truthy, _array(array, "$allElementsTrue", 17040)))


@operator("$anyElementTrue", result="bool")
def any_element_true(array: Value) -> bool:
    return any(map(truthy, _array(array, "$anyElementTrue", 17041)))
