"""Paths in updates: how a value is put where a path leads, and what change streams call that place."""

from __future__ import annotations

from typing import TypeAlias

import bson

from brookmill.mql.values import MISSING, Document, Value, type_name
from brookmill.testing.mongod.errors import CommandError
from brookmill.testing.mongod.update import Change, Moment
from brookmill.wire.message import CODEC

Names: TypeAlias = tuple[str, ...]
#: A place that was changed, and whether what was there is gone.
Touched: TypeAlias = tuple[Names, bool]

#: Most nulls that fill an array up to a position beyond its end.
_MAX_FILL = 1_500_000


def same(one: Value, other: Value) -> bool:
    """Whether two values are the same in every byte, so that writing one over the other changes nothing."""
    if one is MISSING or other is MISSING:
        return one is other
    if one is other:
        return True
    encoded = [bson.encode({"": value}, codec_options=CODEC) for value in (one, other)]
    return encoded[0] == encoded[1]


def lookup(value: Value, names: Names) -> Value:
    """The value at a path; numbers are positions in arrays. MISSING where it leads nowhere."""
    for name in names:
        if isinstance(value, dict):
            value = value.get(name, MISSING)
        elif isinstance(value, list) and name.isdecimal() and int(name) < len(value):
            value = value[int(name)]
        else:
            return MISSING
    return value


def altered(
    document: Document, names: Names, change: Change, moment: Moment, touched: list[Touched], *, appends: bool
) -> Document:
    """The document with the value at the path changed; a copy, as far as it is another.

    ``appends``: items put at the end of an array count as places of their own.
    """
    old = lookup(document, names)
    new = change(old, moment)
    if same(old, new):
        return document
    if new is MISSING:
        touched.append((names, True))
    elif appends and isinstance(old, list) and same(old, new[: len(old)]):
        touched += [((*names, str(i)), False) for i in range(len(old), len(new))]
    else:
        touched.append((names, False))
    result: Document = _put(document, names, new, names)
    return result


def place(document: Document, names: Names) -> Names:
    """A path as far as it leads in the document, and one name beyond."""
    made = (names[:depth] for depth in range(1, len(names)) if lookup(document, names[:depth]) is MISSING)
    return next(made, names)


def _put(value: Value, names: Names, new: Value, whole: Names) -> Value:
    if not names:
        return new
    name, rest = names[0], names[1:]
    if value is MISSING:
        value = {}
    if isinstance(value, dict):
        inner = _put(value.get(name, MISSING), rest, new, whole)
        if inner is MISSING:
            return {key: member for key, member in value.items() if key != name}
        return {**value, name: inner}
    if isinstance(value, list) and name.isdecimal():
        return _put_item(value, int(name), rest, new, whole)
    at = whole[: len(whole) - len(names)]
    text = f"Cannot create field '{name[:50]}' in element {{{at[-1]}: …}} of type {type_name(value)}"
    raise CommandError(text, 28)


def _put_item(items: list[Value], position: int, rest: Names, new: Value, whole: Names) -> list[Value]:
    if position - len(items) > _MAX_FILL:
        raise CommandError(f"cannot fill an array with more than {_MAX_FILL} nulls", 2)
    filled = items + [None] * (position - len(items))
    inner = _put(filled[position] if position < len(filled) else MISSING, rest, new, whole)
    # What is taken out of an array leaves null, so that the others keep their places.
    return [*filled[:position], None if inner is MISSING else inner, *filled[position + 1 :]]
