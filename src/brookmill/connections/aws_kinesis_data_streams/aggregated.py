"""Records that the Kinesis Producer Library packed into one: found and taken apart.

Reference: "KPL Aggregated Record Format" of awslabs/amazon-kinesis-producer. A magic number, a message of
protocol buffers (1: partition keys, 3: records of {1: number of the key, 3: data}), and its MD5.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import NamedTuple

_MAGIC = b"\xf3\x89\x9a\xc2"
_DIGEST = 16


class Packed(NamedTuple):
    key: str
    data: bytes


def unpacked(data: bytes) -> list[Packed] | None:
    """What ``data`` was packed from; None: it is a record like any other."""
    if not data.startswith(_MAGIC):
        return None
    message, digest = data[len(_MAGIC) : -_DIGEST], data[-_DIGEST:]
    if hashlib.md5(message, usedforsecurity=False).digest() != digest:
        return None
    try:
        fields = list(_fields(message))
        keys = [value.decode() for number, value in fields if number == 1 and isinstance(value, bytes)]
        return [_record(value, keys) for number, value in fields if number == 3 and isinstance(value, bytes)]
    except (ValueError, LookupError):
        return None


def _record(message: bytes, keys: list[str]) -> Packed:
    fields = dict(_fields(message))
    match fields.get(1), fields.get(3):
        case int(key), bytes(data):
            return Packed(keys[key], data)
    raise ValueError("not a record")


def _fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Number and value of each field. Raises ValueError and IndexError."""
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        value, at = _varint(message, at)
        if tag & 7 == 0:
            yield tag >> 3, value
        elif tag & 7 == 2 and at + value <= len(message):
            yield tag >> 3, message[at : at + value]
            at += value
        else:
            raise ValueError("a kind of field that such records do not have")


def _varint(message: bytes, at: int) -> tuple[int, int]:
    """A number of seven bits a byte, and where the next begins."""
    value = shift = 0
    while True:
        byte = message[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at
        if shift > 63:
            raise ValueError("a number too long")
