"""What came back: a status, and a body of bounded size that becomes a value."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Any, NamedTuple

import httpx

from brookmill.clock import Clock
from brookmill.mql.ejson import MAX_DEPTH, parse_json
from brookmill.mql.errors import MQLError
from brookmill.mql.values import MISSING, Value

#: Most bytes of a reply, unpacked: the most that a document can hold.
LARGEST = 16 * 1024 * 1024
#: Bytes of a reply that nobody needs which are read so that its connection can be used again.
_UNNEEDED = 64 * 1024
#: Encodings of texts; Python knows others that take for ever.
_CHARSETS = frozenset({"utf-8", "utf8", "us-ascii", "ascii", "iso-8859-1", "latin1", "windows-1252"})


class UnusableError(Exception):
    """The reply is one that nothing can be done with; the text says why."""


class Reply(NamedTuple):
    """``problem``: why the body could not be read. ``retry_after``: seconds to wait, as the server says."""

    status: int
    content_type: str = ""
    body: bytes = b""
    problem: str | None = None
    retry_after: float = 0.0

    def value(self, parse_strings: bool) -> Value:
        """The body as JSON or as text; MISSING when it is empty. Raises UnusableError."""
        if self.problem is not None:
            raise UnusableError(self.problem)
        media, _, parameters = self.content_type.partition(";")
        media = media.strip().lower()
        if not self.body:
            return MISSING
        if media == "text/plain":
            text = _text(self.body, parameters)
            return _parsed(text) if parse_strings else text
        if media not in ("", "application/json"):
            raise UnusableError(f"with the content type {media[:80]}, which is not supported")
        try:
            value = parse_json(self.body.removeprefix(b"\xef\xbb\xbf"))
        except MQLError as e:
            raise UnusableError("with a body that is not valid JSON") from e
        return _parsed(value) if parse_strings else value


def received(response: httpx.Response, clock: Clock, deadline: float, *, needed: bool) -> Reply:
    """The reply of a response that was opened as a stream. ``needed``: its body is, if it is a success.

    Raises httpx.TransportError, also when it is not complete at ``deadline`` (monotonic seconds).
    """
    reply = Reply(
        response.status_code,
        response.headers.get("content-type", ""),
        retry_after=_seconds(response.headers.get("retry-after", "")),
    )
    chunks = _timely(response, clock, deadline)
    if not needed or not 200 <= reply.status < 300:
        _drain(chunks)
        return reply
    try:
        return reply._replace(body=_whole(chunks, response.headers.get("content-encoding", "")))
    except UnusableError as e:
        return reply._replace(problem=str(e))


def _timely(response: httpx.Response, clock: Clock, deadline: float) -> Iterator[bytes]:
    for chunk in response.iter_raw():
        if clock.monotonic() > deadline:
            raise httpx.ReadTimeout("the reply takes too long", request=response.request)
        yield chunk


def _drain(chunks: Iterator[bytes]) -> None:
    read = 0
    for chunk in chunks:
        read += len(chunk)
        if read > _UNNEEDED:
            break


def _whole(chunks: Iterator[bytes], packed: str) -> bytes:
    """No more of it is unpacked than may be kept, however well it is packed."""
    if packed.strip().lower() not in ("", "identity", "gzip"):
        raise UnusableError(f"with the content encoding {packed[:40]}, which was not asked for")
    unpack = zlib.decompressobj(zlib.MAX_WBITS | 16) if packed.strip().lower() == "gzip" else None
    body = bytearray()
    for chunk in chunks:
        try:
            body += unpack.decompress(chunk, LARGEST + 1 - len(body)) if unpack else chunk
        except zlib.error as e:
            raise UnusableError("with a body that is not valid gzip") from e
        if len(body) > LARGEST:
            raise UnusableError(f"with more than {LARGEST} bytes")
    if unpack and not unpack.eof and body:
        raise UnusableError("with a body that is not valid gzip")
    return bytes(body)


def _seconds(text: str) -> float:
    """``Retry-After`` where it is a number; a date would be by the server's clock."""
    return float(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0.0


def _text(body: bytes, parameters: str) -> str:
    names = (parameter.strip().lower().partition("=") for parameter in parameters.split(";"))
    charset = next((value.strip('"') for name, _, value in names if name == "charset"), "utf-8")
    if charset not in _CHARSETS:
        raise UnusableError("with a text in an encoding that is not supported")
    try:
        return str(body, charset)
    except ValueError as e:
        raise UnusableError("with a body that is no text of the encoding it names") from e


def _parsed(value: Value, depth: int = 0) -> Any:
    """``value`` with every text that holds a JSON object or array replaced by that, again and again."""
    if depth > MAX_DEPTH:
        raise UnusableError("with a body that is nested too deeply")
    if isinstance(value, dict):
        return {name: _parsed(member, depth + 1) for name, member in value.items()}
    if isinstance(value, list):
        return [_parsed(item, depth + 1) for item in value]
    if isinstance(value, str) and value.lstrip()[:1] in ("{", "["):
        try:
            return _parsed(parse_json(value), depth + 1)
        except MQLError:
            return value
    return value
