"""Whether a value is as expected, and if not, where: expected values are raw Extended JSON.

A plain number is equal to a number of any type; a wrapper such as ``{"$numberLong": "5"}`` means that type
and no other. ``{"$any": true}`` is equal to anything that is there, ``{"$any": "date"}`` to anything of that
BSON type. The order of members does not count.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import orjson
from bson import Decimal128

from brookmill.mql import Encoding, encoder
from brookmill.mql.ejson import WRAPPERS, resolve
from brookmill.mql.values import type_name

_relaxed = encoder()
_canonical = encoder(Encoding("canonicalJson"))
#: Characters of a line that holds a whole value.
_WIDTH = 100
_ANY = "$any"


class Difference(NamedTuple):
    """``part``: of the result. ``lines``: of a diff, each beginning with "- ", "+ " or "  "."""

    part: str
    lines: Sequence[str]


def difference(part: str, expected: Any, actual: Any, *, partial: bool = False) -> Difference | None:
    """How ``actual`` differs from ``expected``; None when it does not.

    ``partial``: members of objects that are not expected do not count.
    """
    shown = plain(actual)
    wanted = agreed(expected, actual, partial=partial)
    if _alike(wanted, shown):
        return None
    lines = difflib.ndiff(_listed(wanted), _listed(shown))
    return Difference(part, [line for line in lines if line[0] != "?"])


def _alike(wanted: Any, shown: Any) -> bool:
    """Not ``==``, to which true and 1 are the same."""
    return orjson.dumps(wanted) == orjson.dumps(shown)


def plain(value: Any) -> Any:
    """``value`` as relaxed Extended JSON, in the types that JSON has."""
    return orjson.loads(_relaxed(value))


def agreed(expected: Any, actual: Any, *, partial: bool) -> Any:
    """``expected`` as it is shown beside ``plain(actual)``: equal to it in everything that is as expected."""
    if isinstance(expected, dict) and expected:
        first = next(iter(expected))
        if first == _ANY:
            return plain(actual) if expected[_ANY] in (True, type_name(actual)) else expected
        if first in WRAPPERS:
            return plain(actual) if _canonical(resolve(expected)) == _canonical(actual) else expected
    if isinstance(expected, dict) and isinstance(actual, dict):
        return _members(expected, actual, partial)
    if isinstance(expected, list) and isinstance(actual, list):
        both = [agreed(e, a, partial=partial) for e, a in zip(expected, actual, strict=False)]
        return both + expected[len(both) :]
    return plain(actual) if _same(expected, actual) else expected


def _members(expected: dict[str, Any], actual: dict[str, Any], partial: bool) -> dict[str, Any]:
    made = {}
    for name, value in actual.items():
        if name in expected:
            made[name] = agreed(expected[name], value, partial=partial)
        elif partial:
            made[name] = plain(value)
    return made | {name: value for name, value in expected.items() if name not in made}


def _same(expected: Any, actual: Any) -> bool:
    if isinstance(expected, bool) or isinstance(actual, bool) or expected is None:
        return expected is actual
    if isinstance(expected, int | float):
        number = actual.to_decimal() if isinstance(actual, Decimal128) else actual
        return type_name(actual) in {"int", "long", "double", "decimal"} and bool(number == expected)
    return isinstance(expected, str) and isinstance(actual, str) and expected == actual


def in_order_of(actual: Sequence[Any], expected: Sequence[Any], *, partial: bool = False) -> list[Any]:
    """``expected``, each where its equal is in ``actual``; those without one fill the gaps, then follow."""
    left = list(expected)
    made: list[Any] = []
    for one in actual:
        shown = plain(one)
        found = next((i for i, e in enumerate(left) if _alike(agreed(e, one, partial=partial), shown)), None)
        made.append(_GAP if found is None else left.pop(found))
    if len(left) != made.count(_GAP):
        return [one for one in made if one is not _GAP] + left
    return [left.pop(0) if one is _GAP else one for one in made]


#: Stands for what equals nothing that is expected.
_GAP = object()


def _listed(value: Any) -> list[str]:
    """Lines; each item of a list has its own."""
    items = value if isinstance(value, list) else [value]
    return [line for item in items for line in _lines(item)]


def _lines(value: Any, indent: str = "", name: str = "") -> Iterator[str]:
    """JSON, in as few lines as are readable."""
    head = indent + (f"{orjson.dumps(name).decode()}: " if name else "")
    flat = _flat(value)
    if len(head) + len(flat) <= _WIDTH or not value or not isinstance(value, list | dict):
        yield head + flat
        return
    brackets = "[]" if isinstance(value, list) else "{}"
    yield head + brackets[0]
    for member in value:
        if isinstance(value, list):
            yield from _lines(member, indent + "  ")
        else:
            yield from _lines(value[member], indent + "  ", member)
    yield indent + brackets[1]


def _flat(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{orjson.dumps(n).decode()}: {_flat(v)}" for n, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_flat, value)) + "]"
    return orjson.dumps(value).decode()
