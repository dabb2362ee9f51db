"""The document of a dead letter as a collection can hold it."""

from __future__ import annotations

from typing import Any

import bson

from brookmill.connections import document_size
from brookmill.errors import DocumentError
from brookmill.mql import parse_json
from brookmill.mql.size import MAX_DOCUMENT

#: Stands for a document whose parts, shared in memory, would never end when written out.
_TOO_LARGE = "the document is too large to be shown"
_TEXT_LIMIT = 1 << 20
#: MongoDB's limit for a document, less room for what stands around it.
_SIZE_LIMIT = 16 * 1024 * 1024 - (1 << 16)


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
        size = document_size({"doc": document})
        if size >= MAX_DOCUMENT:
            return _TOO_LARGE
        fits = size < _SIZE_LIMIT and bool(bson.encode({"doc": document}))
    except (bson.errors.BSONError, OverflowError, ValueError, TypeError, RecursionError):
        fits = False
    return document if fits else repr(document)[:_TEXT_LIMIT]


def encoded(document: Any) -> bytes:
    return bson.encode({"doc": storable(document)})
