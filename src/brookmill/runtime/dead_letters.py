"""Where documents go that could not go on: a collection, or nowhere but the statistics."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import bson

from brookmill.connections import DeadLetter
from brookmill.errors import DocumentError
from brookmill.mql import parse_json

_TEXT_LIMIT = 1 << 20
#: MongoDB's limit for a document, less room for what stands around it.
_SIZE_LIMIT = 16 * 1024 * 1024 - (1 << 16)


class DeadLetters(Protocol):
    """Takes dead letters and counts them."""

    def write(self, letters: Sequence[DeadLetter]) -> int:
        """Take ``letters``; answer their size in bytes."""
        ...

    def flush(self) -> None:
        """Return when all that were taken are safe. Raises ConnectionFailed."""
        ...

    def close(self) -> None: ...


class Dropped:
    """For processors without a dead letter queue."""

    def write(self, letters: Sequence[DeadLetter]) -> int:
        return sum(len(encoded(shown(letter.document))) for letter in letters)

    def flush(self) -> None:
        """Nothing waits."""

    def close(self) -> None:
        """Nothing is open."""


def shown(document: Any) -> Any:
    """Undecoded input as a document if it is one, else as text, else as bytes."""
    if not isinstance(document, bytes):
        return document
    try:
        return parse_json(document)
    except DocumentError:
        pass
    try:
        return document.decode()
    except UnicodeDecodeError:
        return document


def storable(document: Any) -> Any:
    """``document``, or its text where BSON cannot hold it (integers beyond 64 bits, more than 16 MB)."""
    try:
        fits = len(bson.encode({"doc": document})) < _SIZE_LIMIT
    except (bson.errors.BSONError, OverflowError, ValueError, TypeError):
        fits = False
    return document if fits else repr(document)[:_TEXT_LIMIT]


def encoded(document: Any) -> bytes:
    return bson.encode({"doc": storable(document)})
