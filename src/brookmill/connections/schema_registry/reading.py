"""Avro bodies to documents. Bodies are hostile: whatever they hold ends in a value or a DocumentError.

int -> int, long -> long, float and double -> double, bytes and fixed -> binData, enum -> string, map and
record -> object, union -> the value in it; date and timestamps (whole milliseconds) -> date, decimal ->
decimal. Other logical types are what lies under them: times of day are numbers, uuid is a string.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from decimal import Decimal, DecimalException
from typing import Any

from bson import Decimal128, Int64

from brookmill.connections.schema_registry.avro import Avro, Schema, kind_of, logic
from brookmill.errors import DocumentError
from brookmill.mql.ejson import MAX_DEPTH
from brookmill.mql.values import (
    INT32_MAX,
    INT32_MIN,
    INT64_MAX,
    INT64_MIN,
    Document,
    date_from_ms,
    deeper_than,
)

_FLOAT = struct.Struct("<f")
_DOUBLE = struct.Struct("<d")
_DAY = 86_400_000
#: Items that a block may claim beyond the bytes that are left: items may take no bytes at all.
_GRACE = 16


class _Body:
    """``at``: the next byte to read."""

    __slots__ = ("at", "data")

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def take(self, count: int) -> bytes:
        """The next ``count`` bytes."""
        at = self.at
        if not 0 <= count <= len(self.data) - at:
            raise ValueError("it ends too early")
        self.at = at + count
        return self.data[at : at + count]


_Read = Callable[[_Body], Any]


def reader(avro: Avro) -> Callable[[bytes], Document]:
    """The function that reads one body; it raises DocumentError. An array becomes an object by position."""
    read = _Readers(avro).reader(avro.top)

    def document(data: bytes) -> Document:
        body = _Body(data)
        try:
            value = read(body)
        except IndexError as e:
            raise DocumentError(
                "the Avro body is broken: it ends too early, or names what is not there"
            ) from e
        except (ValueError, OverflowError, struct.error, DecimalException) as e:
            raise DocumentError(f"the Avro body is broken: {e}") from e
        except RecursionError as e:
            raise DocumentError("the Avro body is nested too deeply") from e
        if body.at != len(data):
            raise DocumentError("the Avro body is broken: it goes on behind its end")
        if isinstance(value, list):
            value = {str(i): item for i, item in enumerate(value)}
        if not isinstance(value, dict):
            raise DocumentError("the Avro value is neither a record nor a map nor an array")
        if deeper_than(value, MAX_DEPTH):
            raise DocumentError("the Avro body is nested too deeply")
        return value

    return document


def _long(body: _Body) -> int:
    data, at = body.data, body.at
    byte = data[at]
    found, shift = byte & 127, 0
    while byte & 128:
        at += 1
        byte, shift = data[at], shift + 7
        if shift > 63:
            raise ValueError("a number has more than 64 bits")
        found |= (byte & 127) << shift
    body.at = at + 1
    return (found >> 1) ^ -(found & 1)


def _int(body: _Body) -> int:
    found = _long(body)
    if not INT32_MIN <= found <= INT32_MAX:
        raise ValueError("an int has more than 32 bits")
    return found


def _int64(body: _Body) -> Int64:
    found = _long(body)
    if not INT64_MIN <= found <= INT64_MAX:
        raise ValueError("a long has more than 64 bits")
    return Int64(found)


def _boolean(body: _Body) -> bool:
    byte = body.data[body.at]
    body.at += 1
    if byte > 1:
        raise ValueError("a boolean is neither 0 nor 1")
    return byte == 1


def _bytes(body: _Body) -> bytes:
    return body.take(_long(body))


_PRIMITIVE: dict[str, _Read] = {
    "null": lambda _: None,
    "boolean": _boolean,
    "int": _int,
    "long": _int64,
    "float": lambda body: _FLOAT.unpack(body.take(4))[0],
    "double": lambda body: _DOUBLE.unpack(body.take(8))[0],
    "bytes": _bytes,
    "string": lambda body: _bytes(body).decode(),
}

_LOGICAL: dict[tuple[str, str | None], _Read] = {
    ("int", "date"): lambda body: date_from_ms(_int(body) * _DAY),
    ("long", "timestamp-millis"): lambda body: date_from_ms(_long(body)),
    ("long", "timestamp-micros"): lambda body: date_from_ms(_long(body) // 1000),
    ("long", "timestamp-nanos"): lambda body: date_from_ms(_long(body) // 1_000_000),
    ("long", "local-timestamp-millis"): lambda body: date_from_ms(_long(body)),
    ("long", "local-timestamp-micros"): lambda body: date_from_ms(_long(body) // 1000),
    ("long", "local-timestamp-nanos"): lambda body: date_from_ms(_long(body) // 1_000_000),
}


class _Readers:
    """Functions by schema. One of a name is made once, and found later: types may hold themselves."""

    def __init__(self, avro: Avro) -> None:
        self._types = avro.types
        self._made: dict[str, _Read] = {}

    def reader(self, schema: Schema) -> _Read:
        kind = kind_of(schema)
        if kind == "union":
            branches = [self.reader(branch) for branch in schema]
            return lambda body: _branch(branches, _long(body))(body)
        if kind in _PRIMITIVE:
            if kind == "bytes" and logic(schema) == "decimal":
                return _decimal(_bytes, schema)
            return _LOGICAL.get((kind, logic(schema)), _PRIMITIVE[kind])
        if kind == "array":
            return _array(self.reader(schema["items"]))
        if kind == "map":
            return _map(self.reader(schema["values"]))
        return self._named(schema["name"] if isinstance(schema, dict) else kind)

    def _named(self, name: str) -> _Read:
        if name not in self._made:
            self._made[name] = lambda body: self._made[name](body)  # noqa: PLW0108 - made in a moment
            self._made[name] = self._fresh(self._types[name])
        return self._made[name]

    def _fresh(self, schema: Schema) -> _Read:
        if schema["type"] == "enum":
            symbols = schema["symbols"]
            return lambda body: _branch(symbols, _int(body))
        if schema["type"] == "fixed":
            size = int(schema["size"])
            fixed: _Read = lambda body: body.take(size)  # noqa: E731
            return _decimal(fixed, schema) if logic(schema) == "decimal" else fixed
        fields = [(field["name"], self.reader(field["type"])) for field in schema["fields"]]
        return lambda body: {name: read(body) for name, read in fields}


def _branch(branches: list[Any], index: int) -> Any:
    if index < 0:
        raise IndexError
    return branches[index]


def _blocks(body: _Body) -> int:
    """How many items come next, 0 for no more. A negative count is followed by the block's size."""
    count = _long(body)
    if count < 0:
        count = -count
        _long(body)
    if count > len(body.data) - body.at + _GRACE:
        raise ValueError("it claims more items than it has bytes")
    return count


def _array(read: _Read) -> _Read:
    def array(body: _Body) -> list[Any]:
        items: list[Any] = []
        while count := _blocks(body):
            items += [read(body) for _ in range(count)]
        return items

    return array


def _map(read: _Read) -> _Read:
    def members(body: _Body) -> dict[str, Any]:
        found: dict[str, Any] = {}
        while count := _blocks(body):
            for _ in range(count):
                name = _bytes(body).decode()
                found[name] = read(body)
        return found

    return members


def _decimal(read: _Read, schema: Schema) -> _Read:
    """Big-endian two's complement, ``scale`` digits of it behind the point; at most 34 digits."""
    scale = int(schema.get("scale", 0))

    def decimal(body: _Body) -> Decimal128:
        unscaled = int.from_bytes(read(body), "big", signed=True)
        if abs(unscaled) >= 10**34:
            raise ValueError("a decimal has more than 34 digits")
        digits = tuple(map(int, str(abs(unscaled))))
        return Decimal128(Decimal((int(unscaled < 0), digits, -scale)))

    return decimal
