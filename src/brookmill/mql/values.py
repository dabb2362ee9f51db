"""What a BSON value is in Python, and which BSON type each one has.

=============  ==========================================================================================
double         ``float``
string         ``str``
object         ``dict`` (member order counts)
array          ``list``
binData        ``bytes`` (subtype 0), ``bson.Binary``, ``uuid.UUID`` (subtype 4)
objectId       ``bson.ObjectId``
bool           ``bool``
date           ``datetime.datetime``, aware, UTC, whole milliseconds; ``DatetimeMS`` outside the years 1-9999
null           ``None``
regex          ``bson.Regex``
javascript     ``bson.Code``
int (32 bit)   ``int`` within 32 bits
timestamp      ``bson.Timestamp``
long (64 bit)  ``bson.Int64``, or an ``int`` that needs more than 32 bits
decimal        ``bson.Decimal128``
minKey/maxKey  ``bson.MinKey``, ``bson.MaxKey``
undefined      ``UNDEFINED``; ``bson`` itself reads null
symbol         ``Symbol``, a ``str``; ``bson`` itself reads and writes a string
dbPointer      ``DBPointer``; ``bson`` itself reads and writes a ``DBRef``
=============  ==========================================================================================

An ``int`` that needs more than 64 bits can only come from JSON text and counts as the nearest double.
"""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any, Final, TypeAlias, final

from bson import Binary, Code, DatetimeMS, Decimal128, Int64, MaxKey, MinKey, ObjectId, Regex, Timestamp
from bson.dbref import DBRef

from brookmill.mql.errors import MQLError

Value: TypeAlias = Any
Document: TypeAlias = dict[str, Any]


@final
class Missing:
    """The type of ``MISSING``."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "MISSING"

    def __bool__(self) -> bool:
        return False

    def __reduce__(self) -> str:
        return "MISSING"


#: No value at all: a path that leads nowhere, ``$$REMOVE``. Never stored in a document; not the same as null.
MISSING: Final = Missing()


@final
class Undefined:
    """The type of ``UNDEFINED``."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "UNDEFINED"

    def __bool__(self) -> bool:
        return False

    def __reduce__(self) -> str:
        return "UNDEFINED"


#: The value of a deprecated BSON type; operators take it for null.
UNDEFINED: Final = Undefined()


@final
class Symbol(str):
    """A string of a deprecated BSON type: equal to a string that says the same."""

    __slots__ = ()


@final
class DBPointer(DBRef):
    """A namespace and an ObjectId, of a deprecated BSON type."""


INT32_MIN, INT32_MAX = -(2**31), 2**31 - 1
INT64_MIN, INT64_MAX = -(2**63), 2**63 - 1
EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
#: Milliseconds since the epoch of the first and of the last moment that ``datetime`` can hold.
DATETIME_MIN_MS, DATETIME_MAX_MS = -62_135_596_800_000, 253_402_300_799_999
_MS: Final = dt.timedelta(milliseconds=1)


def _number_type(value: int) -> str:
    if INT32_MIN <= value <= INT32_MAX:
        return "int"
    return "long" if INT64_MIN <= value <= INT64_MAX else "double"


_TYPES: dict[type, str] = {
    float: "double",
    str: "string",
    dict: "object",
    DBRef: "object",
    list: "array",
    tuple: "array",
    bytes: "binData",
    Binary: "binData",
    uuid.UUID: "binData",
    ObjectId: "objectId",
    bool: "bool",
    dt.datetime: "date",
    DatetimeMS: "date",
    type(None): "null",
    Regex: "regex",
    Code: "javascript",
    Timestamp: "timestamp",
    Int64: "long",
    Decimal128: "decimal",
    MinKey: "minKey",
    MaxKey: "maxKey",
    Missing: "missing",
    Undefined: "undefined",
    Symbol: "symbol",
    DBPointer: "dbPointer",
}


def type_name(value: Value) -> str:
    """The BSON type as ``$type`` names it; "missing" for MISSING. Raises TypeError on no BSON value."""
    kind = type(value)
    if kind is int:
        return _number_type(value)
    if kind is Code and value.scope is not None:
        return "javascriptWithScope"
    name = _TYPES.get(kind)
    if name is not None:
        return name
    for base, name in _TYPES.items():
        if isinstance(value, base):
            return name
    raise TypeError(f"{kind.__name__} is no BSON value")


#: Numbers of the BSON types, as ``$type`` queries may write them.
TYPE_NUMBERS = {
    1: "double",
    2: "string",
    3: "object",
    4: "array",
    5: "binData",
    6: "undefined",
    7: "objectId",
    8: "bool",
    9: "date",
    10: "null",
    11: "regex",
    12: "dbPointer",
    13: "javascript",
    14: "symbol",
    15: "javascriptWithScope",
    16: "int",
    17: "timestamp",
    18: "long",
    19: "decimal",
    -1: "minKey",
    127: "maxKey",
}


def nullish(value: Value) -> bool:
    """Null, undefined or missing."""
    return value is None or value is MISSING or value is UNDEFINED


def truthy(value: Value) -> bool:
    """Whether an expression's result counts as true: all but false, null, missing and numeric zero."""
    if value is True or value is False:
        return value is True
    if value is None or value is MISSING or value is UNDEFINED:
        return False
    if isinstance(value, (int, float)):
        return value != 0
    return not (isinstance(value, Decimal128) and not value.to_decimal())


def date_from_ms(ms: int) -> Value:
    """The date that lies ``ms`` milliseconds after the epoch. Raises MQLError beyond 64 bits."""
    if DATETIME_MIN_MS <= ms <= DATETIME_MAX_MS:
        return EPOCH + ms * _MS
    if not INT64_MIN <= ms <= INT64_MAX:
        raise MQLError(f"date overflow: {ms} milliseconds need more than 64 bits", 15)
    return DatetimeMS(ms)


def ms_from_date(date: Value) -> int:
    """Milliseconds since the epoch of a date. A ``datetime`` without time zone counts as UTC."""
    if isinstance(date, DatetimeMS):
        return int(date)
    if date.tzinfo is None:
        date = date.replace(tzinfo=dt.UTC)
    return (date - EPOCH) // _MS  # type: ignore[no-any-return]


def deeper_than(value: Value, limit: int) -> bool:
    """Whether objects and arrays are nested deeper than ``limit``; shared parts are seen once."""
    level: list[Value] = [value]
    for _ in range(limit + 1):
        parts: dict[int, Value] = {}
        for one in level:
            if isinstance(one, (dict, list)):
                for part in one.values() if isinstance(one, dict) else one:
                    parts[id(part)] = part
        if not parts:
            return False
        level = list(parts.values())
    return True


def rounded(value: Value) -> Value:
    """``value`` with the doubles that integers beyond 64 bits count as in their places."""
    return _changed(value, {})


def storable(value: Value) -> Value:
    """``value`` as ``bson`` can write it: ``rounded``, and undefined is null."""
    return _changed(value, {Undefined: None})


def _changed(value: Value, others: dict[type, Value]) -> Value:
    kind = type(value)
    if kind is int:
        return value if INT64_MIN <= value <= INT64_MAX else float(value)
    if kind is dict:
        return {name: _changed(member, others) for name, member in value.items()}
    if kind is list:
        return [_changed(item, others) for item in value]
    return others.get(kind, value)
