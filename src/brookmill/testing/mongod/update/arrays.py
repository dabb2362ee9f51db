"""Update operators of arrays: ``$push``, ``$addToSet``, ``$pop``, ``$pull``, ``$pullAll``."""

from __future__ import annotations

from collections.abc import Callable

from bson import Regex

from brookmill.mql.compare import equal, order_key
from brookmill.mql.filter import parse_filter
from brookmill.mql.numbers import whole
from brookmill.mql.sorting import parse_order
from brookmill.mql.values import MISSING, Document, Value, type_name
from brookmill.testing.mongod.errors import CommandError
from brookmill.testing.mongod.update import UPDATE_OPERATORS, Change, Moment


def _array(name: str, path: str, change: Callable[[list[Value]], list[Value]], missing: Value) -> Change:
    """A change of arrays only. ``missing``: what to start with where there is none."""

    def changed(old: Value, moment: Moment) -> Value:
        if old is MISSING:
            old = missing
            if old is MISSING:
                return MISSING
        if not isinstance(old, list):
            text = f"Cannot apply {name} to a non-array: the field '{path}' is of type {type_name(old)}"
            raise CommandError(text, 2)
        return change(old)

    return changed


def _each(name: str, operand: Value) -> tuple[list[Value], Document]:
    """The values to add, and the modifiers beside ``$each``."""
    if type(operand) is not dict or "$each" not in operand:
        return [operand], {}
    modifiers = {member: value for member, value in operand.items() if member != "$each"}
    allowed = {"$position", "$slice", "$sort"} if name == "$push" else set()
    if unknown := modifiers.keys() - allowed:
        raise CommandError(f"Unrecognized clause in {name}: {unknown.pop()}", 2)
    if not isinstance(operand["$each"], list):
        raise CommandError(f"The argument to $each in {name} must be an array", 14)
    return operand["$each"], modifiers


@UPDATE_OPERATORS("$push")
def push(operand: Value, path: str) -> Change:
    values, modifiers = _each("$push", operand)
    numbers = {name: whole(modifiers[name]) for name in ("$position", "$slice") if name in modifiers}
    if None in numbers.values():
        raise CommandError("$position and $slice must be integers", 2)
    sort = _sorting(modifiers["$sort"]) if "$sort" in modifiers else list

    def change(old: list[Value]) -> list[Value]:
        position, count = numbers.get("$position", len(old)), numbers.get("$slice")
        assert position is not None
        new = sort([*old[:position], *values, *old[position:]])
        if count is None:
            return new
        return new[:count] if count >= 0 else new[count:]

    return _array("$push", path, change, [])


def _sorting(spec: Value) -> Callable[[list[Value]], list[Value]]:
    if type(spec) is dict:
        order = parse_order(spec, ())
        return lambda items: order.sorted(items, lambda item: item if type(item) is dict else {})
    if spec not in (1, -1):
        raise CommandError("The $sort of $push must be 1, -1 or a document", 2)
    return lambda items: sorted(items, key=order_key, reverse=spec == -1)


@UPDATE_OPERATORS("$addToSet")
def add_to_set(operand: Value, path: str) -> Change:
    values, _ = _each("$addToSet", operand)

    def change(old: list[Value]) -> list[Value]:
        new = list(old)
        for value in values:
            if not any(equal(value, item) for item in new):
                new.append(value)
        return new

    return _array("$addToSet", path, change, [])


@UPDATE_OPERATORS("$pop")
def pop(operand: Value, path: str) -> Change:
    if operand not in (1, -1):
        raise CommandError("$pop expects 1 or -1", 9)
    return _array("$pop", path, lambda old: old[:-1] if operand == 1 else old[1:], MISSING)


@UPDATE_OPERATORS("$pullAll")
def pull_all(operand: Value, path: str) -> Change:
    if not isinstance(operand, list):
        raise CommandError("$pullAll requires an array argument", 2)
    return _pulling("$pullAll", path, lambda item: any(equal(item, value) for value in operand))


@UPDATE_OPERATORS("$pull")
def pull(operand: Value, path: str) -> Change:
    if type(operand) is dict and next(iter(operand), "")[:1] != "$":
        inner = parse_filter(operand)
        return _pulling("$pull", path, lambda item: type(item) is dict and inner.matches({"ROOT": item}))
    if type(operand) is not dict and not isinstance(operand, Regex):
        return _pulling("$pull", path, lambda item: equal(item, operand))
    outer = parse_filter({"item": operand})
    return _pulling("$pull", path, lambda item: outer.matches({"ROOT": {"item": item}}))


def _pulling(name: str, path: str, gone: Callable[[Value], bool]) -> Change:
    return _array(name, path, lambda old: [item for item in old if not gone(item)], MISSING)
