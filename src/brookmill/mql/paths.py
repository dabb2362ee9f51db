"""Dotted paths through objects and arrays, as expressions read them and as projections write them."""

from __future__ import annotations

from collections.abc import Mapping

from brookmill.mql.bounds import Growth, charge
from brookmill.mql.values import MISSING, Document, Value


def read(value: Value, names: tuple[str, ...]) -> Value:
    """What an expression's field path gives: members of objects; over an array, the array of what each gives.

    Elements without the field are left out, arrays in arrays too. Array positions are no names here.
    MISSING where the path ends.
    """
    for position, name in enumerate(names):
        if isinstance(value, dict):
            value = value.get(name, MISSING)
        elif isinstance(value, list):
            charge(len(value) * Growth.STEP, "a field path")
            rest = names[position:]
            found = [read(item, rest) for item in value if isinstance(item, dict)]
            return [item for item in found if item is not MISSING]
        elif isinstance(value, Mapping):
            value = value.get(name, MISSING)
        else:
            return MISSING
    return value


def written(value: Value, names: tuple[str, ...], new: Value) -> Value:
    """A copy of ``value`` with ``new`` at the path; MISSING removes. Arrays are written element by element.

    What is neither object nor array on the way is replaced by an object, as ``$addFields`` does.
    """
    if not names:
        return new
    if isinstance(value, list):
        return [written(item, names, new) for item in value]
    copy: Document = dict(value) if isinstance(value, dict) else {}
    name, rest = names[0], names[1:]
    inner = written(copy.get(name, MISSING), rest, new)
    if inner is MISSING:
        copy.pop(name, None)
    else:
        copy[name] = inner
    return copy


def removed(value: Value, names: tuple[str, ...]) -> Value:
    """A copy of ``value`` without the path, through arrays; the value itself where there is nothing to
    remove.
    """
    if isinstance(value, list):
        return [removed(item, names) for item in value]
    if not isinstance(value, dict) or names[0] not in value:
        return value
    copy = dict(value)
    if len(names) == 1:
        del copy[names[0]]
    else:
        copy[names[0]] = removed(copy[names[0]], names[1:])
    return copy
