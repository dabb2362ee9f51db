"""Documents of a test as the JSON text that a message would carry."""

from __future__ import annotations

from typing import Any

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


def document_of(text: bytes) -> Any:
    """The document that ``text`` holds; the text itself if it holds none."""
    try:
        return parse_json(text)
    except MQLError:
        return text.decode(errors="replace")
