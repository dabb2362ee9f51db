"""The document of a dead letter as a collection can hold it."""

from __future__ import annotations

from typing import Any

import bson
from bson.binary import UuidRepresentation
from bson.codec_options import CodecOptions

from brookmill.connections import document_size
from brookmill.errors import DocumentError
from brookmill.mql import parse_json
from brookmill.mql.size import MAX_DOCUMENT
from brookmill.mql.values import Document, deeper_than

#: Stands for a document whose parts, shared in memory, would never end when written out.
_TOO_LARGE = "the document is too large to be shown"
_TEXT_LIMIT = 1 << 20
#: MongoDB's limit for a document, less room for what stands around it.
_SIZE_LIMIT = 16 * 1024 * 1024 - (1 << 16)
#: What a server keeps is nested 180 levels deep at most; some stand around it.
_DEPTH = 170

CODEC: CodecOptions[Document] = CodecOptions(uuid_representation=UuidRepresentation.STANDARD)


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


def storable(document: Any, limit: int = _SIZE_LIMIT) -> Any:
    """``document``, or its text where a collection cannot hold it: integers beyond 64 bits, broken text, more
    than ``limit`` bytes, many levels.
    """
    try:
        size = document_size({"doc": document})
        if size >= MAX_DOCUMENT:
            return _TOO_LARGE
        fits = size < limit and not deeper_than(document, _DEPTH) and bool(_encoded(document))
    except (bson.errors.BSONError, OverflowError, ValueError, TypeError, RecursionError):
        fits = False
    return document if fits else repr(document)[: min(limit, _TEXT_LIMIT)]


def encoded(document: Any) -> bytes:
    return _encoded(storable(document))


def _encoded(document: Any) -> bytes:
    return bson.encode({"doc": document}, codec_options=CODEC)
