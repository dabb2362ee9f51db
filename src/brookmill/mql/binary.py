"""Conversions from and to binary data. Reference: MongoDB manual, ``$convert``; streams know more of them.

Numbers are two's complement or IEEE 754, in 1, 2, 4 or 8 bytes; strings are read and written in a format.
"""

from __future__ import annotations

import base64
import binascii
import re
import struct
import uuid
from collections.abc import Callable
from typing import Final, Literal, NamedTuple

from bson import Binary, Int64
from bson.binary import UUID_SUBTYPE, VECTOR_SUBTYPE, BinaryVectorDtype

from brookmill.mql.errors import MQLError
from brookmill.mql.values import Value, type_name

ByteOrder = Literal["little", "big"]

_UUID: Final = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_URL_SAFE: Final = re.compile(r"[A-Za-z0-9_-]*={0,2}")


class Layout(NamedTuple):
    """How binary data is meant. ``format`` None: it was not said. ``subtype``: of the result."""

    format: str | None = None
    order: ByteOrder = "little"
    subtype: int = 0


def parts(value: Value) -> tuple[bytes, int]:
    """Bytes and subtype of binary data."""
    if isinstance(value, uuid.UUID):
        return value.bytes, UUID_SUBTYPE
    return bytes(value), value.subtype if isinstance(value, Binary) else 0


def vector(value: Value) -> list[Value]:
    """The items of a vector (subtype 9): bools, ints or doubles. Raises MQLError (code 241)."""
    raw, subtype = parts(value)
    if subtype != VECTOR_SUBTYPE:
        raise _failed(f"Only binData of the vector subtype has items, not of subtype {subtype}")
    try:
        packed = Binary(raw, VECTOR_SUBTYPE).as_vector()
    except (ValueError, IndexError, struct.error) as e:
        raise _failed(f"Invalid vector: {e}") from None
    if packed.dtype is not BinaryVectorDtype.PACKED_BIT:
        return list(packed.data)
    bits = [bool(byte >> (7 - place) & 1) for byte in map(int, packed.data) for place in range(8)]
    return bits[: len(bits) - packed.padding]


def _failed(text: str) -> MQLError:
    return MQLError(f"{text} in $convert with no onError value", 241)


def to_integer(value: Value, layout: Layout, widths: tuple[int, ...], to: str) -> int:
    """The two's complement integer of one of these widths in bytes. Raises MQLError (code 241)."""
    raw, _ = parts(value)
    if len(raw) not in widths:
        raise _failed(
            f"Failed to convert binData of {len(raw)} bytes to {to}: the length must be one of {widths}"
        )
    return int.from_bytes(raw, layout.order, signed=True)


def to_double(value: Value, layout: Layout) -> float:
    """The IEEE 754 number of 4 or 8 bytes. Raises MQLError (code 241)."""
    raw, _ = parts(value)
    if len(raw) not in {4, 8}:
        raise _failed(f"Failed to convert binData of {len(raw)} bytes to double: the length must be 4 or 8")
    sign = "<" if layout.order == "little" else ">"
    number: float = struct.unpack(f"{sign}{'f' if len(raw) == 4 else 'd'}", raw)[0]
    return number


def _utf8(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise _failed("Invalid UTF-8") from None


def to_text(value: Value, layout: Layout) -> str:
    """Binary data in the format of the layout. Raises MQLError (code 241, or 4341115 without a format)."""
    raw, subtype = parts(value)
    is_uuid = subtype == UUID_SUBTYPE and len(raw) == 16
    match layout.format:
        case None:
            raise MQLError("Format must be specified when converting from 'binData' to 'string'", 4341115)
        case "auto":
            return str(uuid.UUID(bytes=raw)) if is_uuid else base64.b64encode(raw).decode()
        case "uuid":
            if not is_uuid:
                raise _failed(
                    "Only binData of the UUID subtype can be converted to a string in the format uuid"
                )
            return str(uuid.UUID(bytes=raw))
        case "base64":
            return base64.b64encode(raw).decode()
        case "base64url":
            return base64.urlsafe_b64encode(raw).decode().rstrip("=")
        case "hex":
            return raw.hex().upper()
        case _:
            return _utf8(raw)


def _base64(text: str) -> bytes:
    return base64.b64decode(text.encode("ascii"), validate=True)


def _base64url(text: str) -> bytes:
    if not _URL_SAFE.fullmatch(text):
        raise ValueError
    return base64.b64decode(
        text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4), altchars=b"-_", validate=True
    )


def _hex(text: str) -> bytes:
    return binascii.unhexlify(text.encode("ascii"))


_READERS: dict[str, Callable[[str], bytes]] = {
    "base64": _base64,
    "base64url": _base64url,
    "hex": _hex,
    "utf8": str.encode,
}
FORMATS: Final = frozenset({*_READERS, "uuid", "auto"})


def from_text(text: str, layout: Layout) -> Binary:
    """The binary data that a string writes. Raises MQLError (code 241, or 4341115 without a format)."""
    if layout.format is None:
        raise MQLError("Format must be specified when converting from 'string' to 'binData'", 4341115)
    name = layout.format
    if name == "auto":
        name = "uuid" if layout.subtype == UUID_SUBTYPE else "base64"
    if (name == "uuid") is not (layout.subtype == UUID_SUBTYPE):
        raise _failed(f"Can only convert to: binData of the UUID subtype with the format uuid, not {name}")
    if name == "uuid":
        if not _UUID.fullmatch(text):
            raise _failed(f"Input is not a valid UUID string: {text[:100]}")
        return Binary(uuid.UUID(text).bytes, UUID_SUBTYPE)
    try:
        return Binary(_READERS[name](text), layout.subtype)
    except (ValueError, UnicodeError):
        raise _failed(f"Input is not a valid {name} string: {text[:100]}") from None


def from_value(value: Value, layout: Layout) -> Binary:
    """Binary data of an int, a long, a double, a bool, a string or of binary data of the same subtype."""
    match type_name(value):
        case "int":
            return Binary(int(value).to_bytes(4, layout.order, signed=True), layout.subtype)
        case "long":
            return Binary(Int64(value).to_bytes(8, layout.order, signed=True), layout.subtype)
        case "double":
            sign = "<" if layout.order == "little" else ">"
            return Binary(struct.pack(f"{sign}d", float(value)), layout.subtype)
        case "bool":
            return Binary(bytes([value]), layout.subtype)
        case "string":
            return from_text(value, layout)
        case "binData" if parts(value)[1] == layout.subtype:
            return Binary(*parts(value))
        case name:
            raise _failed(f"Unsupported conversion from {name} to binData of subtype {layout.subtype}")
