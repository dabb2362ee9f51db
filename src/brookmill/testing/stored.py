"""Objects that a pipeline under test has written to a store of objects."""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from typing import Any

from brookmill.testing.written import document_of


@dataclass(frozen=True)
class StoredObject:
    """``bucket``: or container. ``key``: its full name. ``body``: as it was written, perhaps compressed."""

    bucket: str
    key: str
    body: bytes
    content_type: str = ""

    @property
    def text(self) -> bytes:
        """The body, decompressed if it is gzip."""
        return gzip.decompress(self.body) if self.body[:2] == b"\x1f\x8b" else self.body

    @property
    def documents(self) -> list[Any]:
        """The documents of its lines."""
        return [document_of(line) for line in self.text.split(b"\n") if line]

    def shown(self) -> dict[str, Any]:
        """As flow files write it."""
        return {"bucket": self.bucket, "key": self.key, "documents": self.documents}


class Stored:
    """An ``Upload`` into ``objects``."""

    def __init__(self, objects: list[StoredObject], bucket: str, key: str, content_type: str) -> None:
        self._objects = objects
        self._bucket = bucket
        self._key = key
        self._content_type = content_type
        self._parts: list[bytes] = []

    def part(self, data: bytes) -> None:
        self._parts.append(data)

    def finish(self, data: bytes) -> None:
        body = b"".join([*self._parts, data])
        self._objects.append(StoredObject(self._bucket, self._key, body, self._content_type))

    def abandon(self) -> None:
        """Nothing is kept yet."""
