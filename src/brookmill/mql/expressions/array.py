"""Array expression operators."""

from __future__ import annotations

from contextlib import closing

from brookmill.mql.bounds import Growth, bounded_items, charge
from brookmill.mql.compare import equal, order_key, order_keys
from brookmill.mql.errors import MQLError
from brookmill.mql.expression import Expression, Parser, operator
from brookmill.mql.numbers import whole, width
from brookmill.mql.values import INT32_MAX, INT32_MIN, MISSING, Value, nullish, type_name


def _int32(value: Value, what: str, code: int) -> int:
    number = whole(value)
    if number is None or not INT32_MIN <= number <= INT32_MAX:
        raise MQLError(f"{what} must be representable as a 32-bit integer, found {type_name(value)}", code)
    return number


def _number32(value: Value, what: str, code: int) -> int:
    """A whole number of 32 bits. ``code`` is for what is no number, the next one for other numbers."""
    if not width(value):
        raise MQLError(f"{what} must be numeric, found {type_name(value)}", code)
    return _int32(value, what, code + 1)


@operator("$isArray", result="bool")
def is_array(value: Value) -> bool:
    return isinstance(value, list)


@operator("$size", result="int")
def size(array: Value) -> int:
    if not isinstance(array, list):
        raise MQLError(f"The argument to $size must be an array, but was of type: {type_name(array)}", 17124)
    return len(array)


@operator("$arrayElemAt", missing=True)
def array_elem_at(array: Value, index: Value) -> Value:
    if nullish(array) or nullish(index):
        return None
    if not isinstance(array, list):
        raise MQLError(f"$arrayElemAt's first argument must be an array, but is {type_name(array)}", 28689)
    if not width(index):
        raise MQLError(
            f"$arrayElemAt's second argument must be a numeric value, but is {type_name(index)}", 28690
        )
    at = _int32(index, "$arrayElemAt's second argument", 28691)
    return array[at] if -len(array) <= at < len(array) else MISSING


def _end(array: Value, name: str, at: int) -> Value:
    if nullish(array):
        return None
    if not isinstance(array, list):
        raise MQLError(f"{name}'s argument must be an array, but is {type_name(array)}", 28689)
    return array[at] if array else MISSING


@operator("$first", missing=True)
def first(array: Value) -> Value:
    return _end(array, "$first", 0)


@operator("$last", missing=True)
def last(array: Value) -> Value:
    return _end(array, "$last", -1)


@operator("$in", result="bool")
def in_(value: Value, array: Value) -> bool:
    if not isinstance(array, list):
        raise MQLError(f"$in requires an array as a second argument, found: {type_name(array)}", 40081)
    charge(len(array) * Growth.STEP, "$in")
    if type(value) is str:
        return any(equal(value, item) for item in array)
    wanted = order_key(value)
    with closing(order_keys(array, "$in")) as keys:
        return wanted in keys


@operator("$concatArrays", result="array")
def concat_arrays(*arrays: Value) -> Value:
    joined: list[Value] = []
    for array in arrays:
        if nullish(array):
            return None
        if not isinstance(array, list):
            raise MQLError(f"$concatArrays only supports arrays, not {type_name(array)}", 28664)
        bounded_items(len(joined) + len(array), "$concatArrays")
        joined += array
    return joined


@operator("$reverseArray", result="array")
def reverse_array(array: Value) -> Value:
    if nullish(array):
        return None
    if not isinstance(array, list):
        raise MQLError(
            f"The argument to $reverseArray must be an array, but was of type: {type_name(array)}", 34435
        )
    return array[::-1]


def _two_or_three(parser: Parser, *operands: Expression) -> None:
    if len(operands) > 3:
        text = f"takes at least 2 arguments, and at most 3. {len(operands)} were passed in."
        raise parser.wrong(f"Expression $slice {text}", 28667)


@operator("$slice", result="array", check=_two_or_three)
def slice_(array: Value, position: Value, *count: Value) -> Value:
    if nullish(array) or nullish(position) or any(map(nullish, count)):
        return None
    if not isinstance(array, list):
        raise MQLError(
            f"First argument to $slice must be an array, but is of type: {type_name(array)}", 28724
        )
    at = _number32(position, "Second argument to $slice", 28725)
    if not count:
        return array[:at] if at >= 0 else array[at:]
    length = _number32(count[0], "Third argument to $slice", 28727)
    if length <= 0:
        raise MQLError(f"Third argument to $slice must be positive: {length}", 28729)
    start = at if at >= 0 else max(0, len(array) + at)
    return array[start : start + length]


@operator("$range", result="array")
def range_(start: Value, end: Value, step: Value = 1) -> Value:
    first_ = _number32(start, "$range's starting value", 34443)
    last_ = _number32(end, "$range's ending value", 34445)
    by = _number32(step, "$range's step value", 34447)
    if by == 0:
        raise MQLError("$range requires a non-zero step value", 34449)
    numbers = range(first_, last_, by)
    bounded_items(len(numbers), "$range")
    return list(numbers)


@operator("$indexOfArray", result="int")
def index_of_array(array: Value, value: Value, start: Value = 0, end: Value = INT32_MAX) -> Value:
    if nullish(array):
        return None
    if not isinstance(array, list):
        text = f"$indexOfArray requires an array as a first argument, found: {type_name(array)}"
        raise MQLError(text, 40090)
    bounds = [_int32(bound, "$indexOfArray bound", 40096) for bound in (start, end)]
    if min(bounds) < 0:
        raise MQLError("$indexOfArray requires a nonnegative starting and ending index", 40097)
    charge(len(array) * Growth.STEP, "$indexOfArray")
    wanted = order_key(value)
    with closing(order_keys(array[bounds[0] : bounds[1]], "$indexOfArray")) as keys:
        return next((at for at, key in enumerate(keys, bounds[0]) if key == wanted), -1)
