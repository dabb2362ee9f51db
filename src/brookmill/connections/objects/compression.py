"""What the bytes of an object are: plain, gzip or snappy, compressed as they come."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

from msgspec import UNSET

from brookmill.connections.objects.options import Compression, ObjectConfig


class Compressor(Protocol):
    """``state``: about how many bytes of memory it holds itself."""

    state: int

    def add(self, data: bytes) -> bytes:
        """What is ready after ``data``."""
        ...

    def end(self) -> bytes:
        """The rest."""
        ...


class Kind(NamedTuple):
    """``suffix`` of the name and ``content_type`` of an object."""

    suffix: str
    content_type: str


KINDS: Mapping[Compression, Kind] = {
    "none": Kind(".json", "application/json"),
    "gzip": Kind(".json.gz", "application/gzip"),
    "snappy": Kind(".json.snappy", "application/x-snappy-framed"),
}


class Plain:
    state = 0

    def add(self, data: bytes) -> bytes:
        return data

    def end(self) -> bytes:
        return b""


class Gzip:
    state = 300 * 1024

    def __init__(self, level: int) -> None:
        self._deflate = zlib.compressobj(level, wbits=31)  # 31: with gzip's header and checksum

    def add(self, data: bytes) -> bytes:
        return self._deflate.compress(data)

    def end(self) -> bytes:
        return self._deflate.flush()


class Snappy:
    """Snappy's framing format, the one that can be read as it comes and has checksums."""

    state = 64 * 1024

    def __init__(self) -> None:
        import cramjam

        self._frames: Any = cramjam.snappy.Compressor()
        self._waiting: list[bytes] = []
        self._size = 0

    def add(self, data: bytes) -> bytes:
        """A frame is never larger than 64 KiB, and small ones compress badly: texts are put together."""
        self._waiting.append(data)
        self._size += len(data)
        return self._framed() if self._size >= self.state else b""

    def end(self) -> bytes:
        return self._framed() + bytes(self._frames.finish())

    def _framed(self) -> bytes:
        self._frames.compress(b"".join(self._waiting))
        self._waiting, self._size = [], 0
        return bytes(self._frames.flush())


def compressor(config: ObjectConfig) -> Compressor:
    """A fresh one for each object."""
    match config.compression:
        case "gzip":
            return Gzip(6 if config.compression_level is UNSET else config.compression_level)
        case "snappy":
            return Snappy()
    return Plain()
