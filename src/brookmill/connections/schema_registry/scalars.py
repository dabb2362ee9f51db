"""Avro's simple types, written: numbers, texts, bytes, instants, decimals, enums."""

from __future__ import annotations

import math
import struct
import uuid
from collections.abc import Callable
from typing import Any

import bson
from bson import Binary, Decimal128, ObjectId

from brookmill.connections.schema_registry.avro import Schema
from brookmill.mql.values import INT32_MAX, INT32_MIN, INT64_MAX, INT64_MIN, ms_from_date, type_name

_FLOAT = struct.Struct("<f")
_DOUBLE = struct.Struct("<d")
#: Units of an instant by logical type: milliseconds are multiplied, and divided, by these.
UNITS = {
    "date": (1, 86_400_000),
    "timestamp-millis": (1, 1),
    "timestamp-micros": (1000, 1),
    "timestamp-nanos": (1_000_000, 1),
    "local-timestamp-millis": (1, 1),
    "local-timestamp-micros": (1000, 1),
    "local-timestamp-nanos": (1_000_000, 1),
}


class Unfit(Exception):
    """``path``: names and positions that lead to the value, innermost first."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.path: list[str] = []


#: Appends a value to a body. Raises Unfit.
Write = Callable[[Any, bytearray], None]


def put_long(value: int, out: bytearray) -> None:
    value = (value << 1) ^ (value >> 63)
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)


def put_bytes(value: bytes, out: bytearray) -> None:
    put_long(len(value), out)
    out += value


def unfit(value: Any, wanted: str) -> Unfit:
    return Unfit(f"it is of type {type_name(value)}, where {wanted} is wanted")


def _null(value: Any, _: bytearray) -> None:
    if value is not None:
        raise unfit(value, "null")


def _boolean(value: Any, out: bytearray) -> None:
    if type(value) is not bool:
        raise unfit(value, "boolean")
    out.append(value)


def _whole(value: Any, low: int, high: int, wanted: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise unfit(value, wanted)
    if not low <= value <= high:
        raise Unfit(f"{value} is out of the range of {wanted}")
    return int(value)


def _int(value: Any, out: bytearray) -> None:
    put_long(_whole(value, INT32_MIN, INT32_MAX, "int"), out)


def _long(value: Any, out: bytearray) -> None:
    put_long(_whole(value, INT64_MIN, INT64_MAX, "long"), out)


def _real(value: Any, wanted: str) -> float:
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        raise unfit(value, wanted)
    return float(value)


def _float(value: Any, out: bytearray) -> None:
    number = _real(value, "float")
    try:
        out += _FLOAT.pack(number)
    except OverflowError:
        raise Unfit(f"{number} is out of the range of float") from None


def _double(value: Any, out: bytearray) -> None:
    out += _DOUBLE.pack(_real(value, "double"))


def _raw(value: Any, wanted: str) -> bytes:
    if isinstance(value, uuid.UUID):
        return value.bytes
    if not isinstance(value, bytes):
        raise unfit(value, wanted)
    return bytes(value)


def _bytes(value: Any, out: bytearray) -> None:
    put_bytes(_raw(value, "bytes"), out)


def _string(value: Any, out: bytearray) -> None:
    if isinstance(value, ObjectId):
        value = str(value)
    if not isinstance(value, str):
        raise unfit(value, "string")
    put_bytes(value.encode(), out)


def write_uuid(value: Any, out: bytearray) -> None:
    if isinstance(value, Binary) and value.subtype == bson.binary.UUID_SUBTYPE and len(value) == 16:
        value = uuid.UUID(bytes=bytes(value))
    _string(str(value) if isinstance(value, uuid.UUID) else value, out)


PRIMITIVE: dict[str, Write] = {
    "null": _null,
    "boolean": _boolean,
    "int": _int,
    "long": _long,
    "float": _float,
    "double": _double,
    "bytes": _bytes,
    "string": _string,
}


def instant_writer(write: Write, times: int, per: int) -> Write:
    def instant(value: Any, out: bytearray) -> None:
        write(ms_from_date(value) * times // per if type_name(value) == "date" else value, out)

    return instant


def enum_writer(symbols: list[str]) -> Write:
    places = {symbol: index for index, symbol in enumerate(symbols)}

    def enum(value: Any, out: bytearray) -> None:
        if not isinstance(value, str) or value not in places:
            raise Unfit(f"it is none of the enum's symbols {', '.join(symbols)[:100]}")
        put_long(places[value], out)

    return enum


def fixed_writer(size: int) -> Write:
    def fixed(value: Any, out: bytearray) -> None:
        raw = value.binary if isinstance(value, ObjectId) else _raw(value, f"fixed of {size} bytes")
        if len(raw) != size:
            raise Unfit(f"it has {len(raw)} bytes, where {size} are wanted")
        out += raw

    return fixed


def decimal_writer(put: Callable[[bytes, bytearray], None], schema: Schema, size: int | None) -> Write:
    """``size`` None: as many bytes as it takes; the precision of a checked schema fits its size."""
    scale, precision = int(schema.get("scale", 0)), int(schema.get("precision", 34))

    def decimal(value: Any, out: bytearray) -> None:
        unscaled = _unscaled(value, scale)
        if abs(unscaled) >= 10**precision:
            raise Unfit(f"it has more than {precision} digits")
        length = (unscaled + (unscaled < 0)).bit_length() // 8 + 1
        put(unscaled.to_bytes(size or length, "big", signed=True), out)

    return decimal


def _unscaled(value: Any, scale: int) -> int:
    """``value * 10**scale``, if that is whole."""
    if isinstance(value, bytes):
        return int.from_bytes(value, "big", signed=True)  # a default
    if isinstance(value, int) and not isinstance(value, bool):
        return int(value) * int(10**scale)
    if not isinstance(value, Decimal128) or not math.isfinite(value.to_decimal()):
        raise unfit(value, "a finite decimal")
    sign, digits, exponent = value.to_decimal().as_tuple()
    number: int = int("".join(map(str, digits)))
    shift: int = int(exponent) + scale
    whole, lost = (number * int(10**shift), 0) if shift >= 0 else divmod(number, int(10**-shift))
    if lost:
        raise Unfit(f"it has more than {scale} digits behind the point")
    return -whole if sign else whole
