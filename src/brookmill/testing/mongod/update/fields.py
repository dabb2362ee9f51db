"""Update operators of fields: ``$set``, ``$unset``, ``$inc``, ``$mul``, ``$min``, ``$max``, ``$currentDate``,
``$setOnInsert``, ``$bit``.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from operator import and_, or_, xor

from bson import Int64

from brookmill.mql.compare import compare
from brookmill.mql.expression import EXPRESSIONS, Operator
from brookmill.mql.numbers import is_number
from brookmill.mql.values import MISSING, Value, type_name
from brookmill.testing.mongod.errors import CommandError
from brookmill.testing.mongod.update import UPDATE_OPERATORS, Change, Moment


@UPDATE_OPERATORS("$set")
def set_(operand: Value, path: str) -> Change:
    return lambda old, moment: operand


@UPDATE_OPERATORS("$setOnInsert")
def set_on_insert(operand: Value, path: str) -> Change:
    return lambda old, moment: operand if moment.inserting else old


@UPDATE_OPERATORS("$unset")
def unset(operand: Value, path: str) -> Change:
    return lambda old, moment: MISSING


@UPDATE_OPERATORS("$inc")
def inc(operand: Value, path: str) -> Change:
    return _arithmetic("$inc", "$add", operand, path, lambda: operand)


@UPDATE_OPERATORS("$mul")
def mul(operand: Value, path: str) -> Change:
    return _arithmetic("$mul", "$multiply", operand, path, lambda: _operator("$multiply")(0, operand))


def _operator(name: str) -> Callable[..., Value]:
    operator = EXPRESSIONS[name]
    assert isinstance(operator, Operator)
    return operator.function


def _arithmetic(name: str, expression: str, operand: Value, path: str, start: Callable[[], Value]) -> Change:
    if not is_number(operand):
        verb = "increment" if name == "$inc" else "multiply"
        raise CommandError(f"Cannot {verb} with non-numeric argument: {{{path}: {operand!r}}}", 14)

    def change(old: Value, moment: Moment) -> Value:
        if old is MISSING:
            return start()
        if not is_number(old):
            text = f"Cannot apply {name} to a value of non-numeric type. '{path}' is of type {type_name(old)}"
            raise CommandError(text, 14)
        new = _operator(expression)(old, operand)
        if type(new) is float and isinstance(old, int) and isinstance(operand, int):
            raise CommandError(f"Failed to apply {name} operations to current value: out of 64 bits", 2)
        return new

    return change


@UPDATE_OPERATORS("$min")
def min_(operand: Value, path: str) -> Change:
    return lambda old, moment: operand if old is MISSING or compare(operand, old) < 0 else old


@UPDATE_OPERATORS("$max")
def max_(operand: Value, path: str) -> Change:
    return lambda old, moment: operand if old is MISSING or compare(operand, old) > 0 else old


@UPDATE_OPERATORS("$currentDate")
def current_date(operand: Value, path: str) -> Change:
    if operand == {"$type": "timestamp"}:
        return lambda old, moment: moment.time
    if type(operand) is bool or operand == {"$type": "date"}:
        return lambda old, moment: moment.now
    raise CommandError("$currentDate takes a boolean, or {$type: 'date'} or {$type: 'timestamp'}", 2)


_BITS = {"and": and_, "or": or_, "xor": xor}


@UPDATE_OPERATORS("$bit")
def bit(operand: Value, path: str) -> Change:
    if type(operand) is not dict or not operand or not operand.keys() <= _BITS.keys():
        raise CommandError("The $bit modifier takes an object of 'and', 'or' and 'xor'", 2)
    if not all(type_name(value) in ("int", "long") for value in operand.values()):
        raise CommandError("The $bit modifier field must be an Integer(32/64 bit)", 2)

    def change(old: Value, moment: Moment) -> Value:
        start = 0 if old is MISSING else old
        if type_name(start) not in ("int", "long"):
            raise CommandError(f"Cannot apply $bit to a value of non-integral type at '{path}'", 2)
        long = isinstance(start, Int64) or any(isinstance(value, Int64) for value in operand.values())
        result = reduce(lambda value, name: _BITS[name](value, operand[name]), operand, int(start))
        return Int64(result) if long else result

    return change
