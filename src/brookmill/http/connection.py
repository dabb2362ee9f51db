"""A client connection: uvicorn's own, with bounds on the head of a request, for which it has none."""

from __future__ import annotations

import asyncio
from http import HTTPStatus

import msgspec
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

#: Bytes of request line and headers; the piece of data that they begin in does not count.
LONGEST_HEAD = 64 * 1024
#: Seconds from the first byte of a request, or from the start of the connection, to the end of the headers.
PATIENCE = 30.0


def _error(status: int, code: str, detail: str) -> bytes:
    """A whole answer, in the shape of all other errors, after which the connection ends."""
    reason = HTTPStatus(status).phrase
    members = {"detail": detail, "error": status, "errorCode": code, "parameters": [], "reason": reason}
    body = msgspec.json.encode(members)
    head = (
        f"HTTP/1.1 {status} {reason}\r\ncontent-type: application/json\r\nx-error-code: {code}\r\n"
        f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
    )
    return head.encode() + body


_MALFORMED = _error(400, "MALFORMED_REQUEST", "The request is not valid HTTP.")
_TOO_LONG = _error(431, "REQUEST_HEADER_FIELDS_TOO_LARGE", "The request line and headers are too long.")


class Connection(HttpToolsProtocol):
    """Answers what is no HTTP, or too much of it, and hangs up."""

    _in_head = False
    _head = 0
    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._deadline = self.loop.call_later(PATIENCE, self.timeout_keep_alive_handler)

    def connection_lost(self, exc: Exception | None) -> None:
        self._met()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._in_head:
            self._head += len(data)
            if self._head > LONGEST_HEAD:
                self._refuse(_TOO_LONG)
                return
        super().data_received(data)

    def on_message_begin(self) -> None:
        self._in_head, self._head = True, 0
        if self._deadline is None:
            self._deadline = self.loop.call_later(PATIENCE, self.timeout_keep_alive_handler)
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._met()
        super().on_headers_complete()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 -- uvicorn's own words
        self._refuse(_MALFORMED)

    def _met(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _refuse(self, answer: bytes) -> None:
        if not self.transport.is_closing():
            self.transport.write(answer)
            self.transport.close()
