"""How large values are as BSON, and how large they may be.

A stage may put one value in many places of a document at no cost, until somebody writes it: forty stages that
double a field make a document of 2**40 items. So sizes are computed with each part seen once.
"""

from __future__ import annotations

import uuid
from typing import Any, Final

from bson import Binary, Code, DatetimeMS, Decimal128, Int64, MaxKey, MinKey, ObjectId, Regex, Timestamp
from bson.dbref import DBRef

from brookmill.mql.errors import MQLError
from brookmill.mql.values import INT32_MAX, INT32_MIN, DBPointer, Value, type_name

#: Bytes of the largest document that a pipeline may build. Reference: Atlas Stream Processing, limitations.
MAX_DOCUMENT: Final = 125 * 1024 * 1024
#: Members that cannot make a document too large, each a scalar or a text of so many characters.
_FEW, _SHORT = 10_000, 1_000
#: Bytes that values of a type always have.
_FIXED: Final = {
    "double": 8,
    "objectId": 12,
    "bool": 1,
    "date": 8,
    "null": 0,
    "undefined": 0,
    "timestamp": 8,
    "long": 8,
    "int": 4,
    "decimal": 16,
    "minKey": 0,
    "maxKey": 0,
    "missing": 0,
}
_BY_TYPE: Final[dict[type, int]] = {
    float: 8,
    bool: 1,
    type(None): 0,
    ObjectId: 12,
    DatetimeMS: 8,
    Timestamp: 8,
    Int64: 8,
    Decimal128: 16,
    MinKey: 0,
    MaxKey: 0,
    uuid.UUID: 21,
}

#: Most levels of a document that is written or kept. MongoDB's own limit is 100 for what it stores. Beyond
#: some 130, orjson writes the ends of many arrays at once past its buffer, which nothing notices in time.
MAX_LEVELS: Final = 120

#: Size and levels of each array and object by its identity, and itself, so that no other takes its place.
Seen = dict[int, tuple[int, int, Value]]


def bson_size(value: Value) -> int:
    """Bytes of a value, without type and name; of an object as of a document.

    Raises RecursionError for one nested too deeply.
    """
    return _of(value, {})


def bounded_document(document: Value, seen: Seen | None = None) -> None:
    """Raises MQLError for a document that is too large, or nested too deeply, to be written or kept.

    ``seen``: of other documents that have parts in common with it.
    """
    if type(document) is dict and len(document) < _FEW:
        for value in document.values():
            kind = type(value)
            if kind is dict or kind is list or (kind is str and len(value) > _SHORT):
                break
        else:
            return
    seen = {} if seen is None else seen
    size = _of(document, seen)
    if seen.get(id(document), (0, 0))[1] > MAX_LEVELS:
        raise MQLError(f"the document is nested deeper than {MAX_LEVELS} levels", 15)
    if size > MAX_DOCUMENT:
        raise MQLError(f"the document has {size} bytes, more than {MAX_DOCUMENT}", 10334)


def _of(value: Value, seen: Seen) -> int:
    kind = type(value)
    if kind is str:
        return 5 + _bytes(value)
    if kind is int:
        return 4 if INT32_MIN <= value <= INT32_MAX else 8
    fixed = _BY_TYPE.get(kind)
    if fixed is not None:
        return fixed
    if kind is dict or kind is list or kind is tuple:
        return _of_many(value, seen)
    return _of_other(value, seen)


def _bytes(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode(errors="surrogatepass"))


def _of_many(value: Any, seen: Seen) -> int:
    known = seen.get(id(value))
    if known is None:
        if type(value) is dict:
            size = 5 + 2 * len(value) + sum(map(_bytes, value))
            items = value.values()
        else:
            size, items = 5 + 2 * len(value) + _digits(len(value)), value
        levels = 0
        for item in items:
            kind = type(item)
            if kind is str and item.isascii():
                size += 5 + len(item)
            elif kind is dict or kind is list:
                size += _of_many(item, seen)
                levels = max(levels, seen[id(item)][1])
            else:
                size += _of(item, seen)
        seen[id(value)] = known = (size, levels + 1, value)
    return known[0]


def _digits(count: int) -> int:
    """Characters of the names of so many items, which are their positions."""
    digits, least, most = 0, 0, 10
    while least < count:
        digits += (min(count, most) - least) * len(str(least))
        least, most = most, most * 10
    return digits


def _of_other(value: Value, seen: Seen) -> int:
    if isinstance(value, Code):
        text = 5 + _bytes(value)
        return text if value.scope is None else 4 + text + _of(dict(value.scope), seen)
    if isinstance(value, bytes):
        old = isinstance(value, Binary) and value.subtype == 2
        return 5 + len(value) + 4 * old
    if isinstance(value, Regex):
        pattern = value.pattern if isinstance(value.pattern, bytes) else value.pattern.encode()
        return 2 + len(pattern) + value.flags.bit_count()
    if isinstance(value, DBPointer):
        return 5 + _bytes(value.collection) + 12
    if isinstance(value, DBRef):
        return _of(dict(value.as_doc()), seen)
    if isinstance(value, str):
        return 5 + _bytes(value)
    if isinstance(value, dict):
        return _of(dict(value), seen)
    if isinstance(value, list):
        return _of(list(value), seen)
    return _FIXED.get(type_name(value), 0)
