"""Documents of a test as the JSON text that a message would carry."""

from __future__ import annotations

import datetime as dt
from typing import Any

from bson import Binary

from brookmill.mql import Encoding, MQLError, encoder, parse_json

_relaxed = encoder()
_canonical = encoder(Encoding("canonicalJson"))


def json_text(document: Any) -> bytes:
    """The text of ``document``: relaxed where that keeps every type, else canonical; text as it is."""
    if isinstance(document, bytes):
        return document
    if isinstance(document, str):
        return document.encode()
    exact = _canonical(document)
    relaxed = _relaxed(document)
    return relaxed if _canonical(parse_json(relaxed)) == exact else exact


def as_drivers_do(value: Any) -> Any:
    """``value`` in the types that pymongo gives: ordinary binary data as ``bytes``, dates in UTC."""
    if isinstance(value, Binary):
        return bytes(value) if value.subtype == 0 else value
    if isinstance(value, dt.datetime):
        return value.astimezone(dt.UTC)
    if isinstance(value, dict):
        return {name: as_drivers_do(member) for name, member in value.items()}
    return [as_drivers_do(item) for item in value] if isinstance(value, list) else value


def document_of(text: bytes) -> Any:
    """The document that ``text`` holds; the text itself if it holds none."""
    try:
        return as_drivers_do(parse_json(text))
    except MQLError:
        return text.decode(errors="replace")
