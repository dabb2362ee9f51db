"""Kafka keys and header values: bytes to values and back, as ``keyFormat`` says (Java's own serializers)."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

from bson import Int64

from brookmill.errors import DocumentError
from brookmill.mql.ejson import parse_json
from brookmill.mql.encoding import encoder

Headers = list[tuple[str, str | bytes | None]]

_INT = struct.Struct(">i")
_LONG = struct.Struct(">q")
_DOUBLE = struct.Struct(">d")
_json = encoder()

_READERS: dict[str, Callable[[bytes], Any]] = {
    "binData": lambda raw: raw,
    "string": lambda raw: raw.decode(),
    "json": parse_json,
    "int": lambda raw: _INT.unpack(raw)[0],
    "long": lambda raw: Int64(_LONG.unpack(raw)[0]),
    "double": lambda raw: _DOUBLE.unpack(raw)[0],
}


def read_key(raw: bytes, key_format: str) -> Any:
    """The value of a message's key. Raises DocumentError."""
    try:
        return _READERS[key_format](raw)
    except (ValueError, struct.error, DocumentError) as e:
        raise DocumentError(f"the Kafka key cannot be read as {key_format}: {e}") from e


def key_writer(key_format: str) -> Callable[[Any], bytes]:
    """The function that gives the bytes of a key. It raises DocumentError for one of another type."""
    write = _WRITERS[key_format]

    def key(value: Any) -> bytes:
        try:
            return write(value)
        except (TypeError, UnicodeEncodeError, struct.error) as e:
            raise DocumentError(f"the Kafka key cannot be written as {key_format}: {e}") from e

    return key


def _bytes(value: Any) -> bytes:
    if isinstance(value, bytes):  # Binary too
        return bytes(value)
    raise TypeError(f"it is of type {type(value).__name__}")


def _text(value: Any) -> bytes:
    if isinstance(value, str):
        return value.encode()
    raise TypeError(f"it is of type {type(value).__name__}")


def _number(value: Any, pack: Callable[[Any], bytes], kinds: type | tuple[type, ...]) -> bytes:
    if isinstance(value, bool) or not isinstance(value, kinds):
        raise TypeError(f"it is of type {type(value).__name__}")
    return pack(value)


_WRITERS: dict[str, Callable[[Any], bytes]] = {
    "binData": _bytes,
    "string": _text,
    "json": _json,
    "int": lambda value: _number(value, _INT.pack, int),
    "long": lambda value: _number(value, _LONG.pack, int),
    "double": lambda value: _number(value, _DOUBLE.pack, (int, float)),
}


def write_headers(value: Any) -> Headers:
    """Headers of a message from an object, or from an array of ``{k, v}``. Raises DocumentError."""
    if value is None:
        return []
    if isinstance(value, dict):
        return [(name, _header(member)) for name, member in value.items()]
    if isinstance(value, list):
        return [_pair(item) for item in value]
    raise DocumentError("Kafka headers must be an object or an array of {k, v}")


def _pair(item: Any) -> tuple[str, str | bytes | None]:
    if not isinstance(item, dict) or item.keys() != {"k", "v"} or not isinstance(item["k"], str):
        raise DocumentError("an array of Kafka headers must hold {k: string, v: value}")
    return item["k"], _header(item["v"])


def _header(value: Any) -> bytes | None:
    """Types that upstream takes: binData, string, object, int, long, double, null."""
    if value is None:
        return None
    if isinstance(value, bytes):
        return bytes(value)
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, dict):
        return _json(value)
    if isinstance(value, float):
        return _DOUBLE.pack(value)
    if isinstance(value, int) and not isinstance(value, bool):
        wide = isinstance(value, Int64) or not -(2**31) <= value < 2**31
        return (_LONG if wide else _INT).pack(value)
    raise DocumentError(f"a Kafka header cannot hold a {type(value).__name__}")
