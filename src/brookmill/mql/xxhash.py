"""XXH64, which ``$hash`` knows beside what ``hashlib`` has. Reference: xxHash specification, 0.1.1."""

from __future__ import annotations

import struct

_MASK = 2**64 - 1
_P1, _P2, _P3 = 0x9E3779B185EBCA87, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9
_P4, _P5 = 0x85EBCA77C2B2AE63, 0x27D4EB2F165667C5


def _left(value: int, by: int) -> int:
    return (value << by | value >> (64 - by)) & _MASK


def _round(lane: int, word: int) -> int:
    return _left((lane + word * _P2) & _MASK, 31) * _P1 & _MASK


def _stripes(data: bytes) -> int:
    """Four lanes over all whole blocks of 32 bytes, joined."""
    lanes = [(_P1 + _P2) & _MASK, _P2, 0, -_P1 & _MASK]
    for block in struct.iter_unpack("<4Q", data):
        lanes = [_round(lane, word) for lane, word in zip(lanes, block, strict=True)]
    found = sum(_left(lane, by) for lane, by in zip(lanes, (1, 7, 12, 18), strict=True)) & _MASK
    for lane in lanes:
        found = ((found ^ _round(0, lane)) * _P1 + _P4) & _MASK
    return found


def xxh64(data: bytes) -> bytes:
    """The checksum of ``data`` with seed 0: eight bytes, the most significant first."""
    whole = len(data) - len(data) % 32
    found = (_stripes(data[:whole]) if whole else _P5) + len(data) & _MASK
    words = whole + (len(data) - whole) // 8 * 8
    for (word,) in struct.iter_unpack("<Q", data[whole:words]):
        found = (_left(found ^ _round(0, word), 27) * _P1 + _P4) & _MASK
    if len(data) - words >= 4:
        (half,) = struct.unpack_from("<I", data, words)
        found = (_left(found ^ half * _P1 & _MASK, 23) * _P2 + _P3) & _MASK
        words += 4
    for byte in data[words:]:
        found = _left(found ^ byte * _P5 & _MASK, 11) * _P1 & _MASK
    for shift, factor in ((33, _P2), (29, _P3), (32, 1)):
        found = (found ^ found >> shift) * factor & _MASK
    return found.to_bytes(8, "big")
