"""Cursors: documents that clients fetch in batches."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from typing import Protocol

import bson
from bson import Int64
from bson.raw_bson import RawBSONDocument

from brookmill.mql.values import Document
from brookmill.testing.mongod.errors import CommandError
from brookmill.wire.message import CODEC

FIRST_BATCH = 101
#: Most bytes of documents in one reply.
_MAX_REPLY = 16 * 1024 * 1024


class Cursor(Protocol):
    """``finished``: nothing will ever come again. ``namespace``: as replies name it."""

    namespace: str

    @property
    def finished(self) -> bool: ...

    @property
    def awaits(self) -> bool:
        """Whether it is worth waiting for more when a batch is empty."""
        ...

    def batch(self, size: int | None) -> list[RawBSONDocument]:
        """The next documents, at most ``size``."""
        ...

    def tail(self) -> Document:
        """What else a reply tells of the cursor."""
        ...


class Found:
    """A cursor over documents at hand."""

    awaits = False

    def __init__(self, namespace: str, documents: Iterable[Document]) -> None:
        self.namespace = namespace
        self._waiting: Iterator[RawBSONDocument] = (written(document) for document in documents)
        self._next: RawBSONDocument | None = next(self._waiting, None)

    @property
    def finished(self) -> bool:
        return self._next is None

    def batch(self, size: int | None) -> list[RawBSONDocument]:
        found: list[RawBSONDocument] = []
        room = _MAX_REPLY
        while self._next is not None and (size is None or len(found) < size):
            room -= len(self._next.raw)
            if room < 0 and found:
                break
            found.append(self._next)
            self._next = next(self._waiting, None)
        return found

    def tail(self) -> Document:
        return {}


def written(document: Document) -> RawBSONDocument:
    """The document as bytes, which are written once only."""
    return RawBSONDocument(bson.encode(document, codec_options=CODEC))


class Cursors:
    """The open cursors by number."""

    def __init__(self) -> None:
        self._open: dict[int, Cursor] = {}
        self._numbers = itertools.count(1_000_000_007, 7919)

    def __len__(self) -> int:
        return len(self._open)

    def opened(self, cursor: Cursor, size: int | None) -> Document:
        """The reply to the command that made the cursor, with its first batch."""
        batch = cursor.batch(FIRST_BATCH if size is None else size)
        number = 0
        if not cursor.finished:
            number = next(self._numbers)
            self._open[number] = cursor
        return {"cursor": {"firstBatch": batch, "id": Int64(number), "ns": cursor.namespace, **cursor.tail()}}

    def find(self, number: int) -> Cursor:
        """Raises CommandError."""
        if number not in self._open:
            raise CommandError(f"cursor id {number} not found", 43)
        return self._open[number]

    def more(self, number: int, cursor: Cursor, batch: list[RawBSONDocument]) -> Document:
        """The reply to ``getMore``."""
        if cursor.finished:
            self._open.pop(number, None)
            number = 0
        return {"cursor": {"nextBatch": batch, "id": Int64(number), "ns": cursor.namespace, **cursor.tail()}}

    def kill(self, number: int) -> bool:
        """Whether there was such a cursor."""
        return self._open.pop(number, None) is not None
