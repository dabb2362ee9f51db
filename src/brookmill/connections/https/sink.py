"""Sends every document as a request of its own; the answer matters only by its status."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import httpx
from msgspec import UNSET

from brookmill.connections import DeadLetter, Form, Opening, Output
from brookmill.connections.egress.http import client
from brookmill.connections.https.options import HttpsOptions
from brookmill.connections.https.request import request_headers, request_url
from brookmill.errors import ConnectionFailed, DocumentError
from brookmill.mql.encoding import encoder
from brookmill.mql.values import MISSING

if TYPE_CHECKING:
    from brookmill.connections.https import Https

#: Answers that are the document's fault: ``onError`` says what follows.
DOCUMENT_FAULTS = frozenset({400, 404, 410, 413, 414, 431})
#: Answers that may be others a moment later, and the pauses before asking again, in seconds.
PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
_PAUSES = (0.2, 1.0, 3.0)
#: Bytes of a reply that are read so that its connection can be used again.
_REPLY = 64 * 1024
_NEVER = threading.Event()
_json = encoder()


class HttpsSink:
    """A ``Sink``. Columns or constants: ``path``, ``parameters.NAME``, ``headers.NAME``, ``payload``,
    ``meta`` (JSON text).
    """

    accepts: Form = "json"

    def __init__(self, connection: Https, options: HttpsOptions, opening: Opening) -> None:
        """Nothing is asked yet. Raises ConnectionFailed (420) when the URL is missing."""
        if not connection.url:
            raise ConnectionFailed(
                "url is missing", retry=False, code=420, name="StreamProcessorInvalidOptions"
            )
        self._url = httpx.URL(connection.url)
        self._headers = {} if connection.headers is UNSET else connection.headers
        self._options = options
        self._constants = opening.constants
        self._clock = opening.clock
        self._client = client(
            opening.outside,
            connect_timeout=options.config.connection_timeout_sec,
            timeout=options.config.request_timeout_sec,
        )

    def write(self, output: Output) -> list[DeadLetter]:
        letters = []
        for i, value in enumerate(output.values):
            given = {**self._constants, **{name: column[i] for name, column in output.columns.items()}}
            try:
                self._send(value, given)
            except DocumentError as e:
                letters.append(DeadLetter(str(e), HttpsOptions.operator, value, given.get("meta") or {}))
        return letters

    def flush(self) -> list[DeadLetter]:
        """Nothing waits: ``write`` returns when all requests are answered."""
        return []

    def close(self) -> None:
        self._client.close()

    def _send(self, document: bytes, given: dict[str, Any]) -> None:
        url = request_url(self._url, given.get("path"), _members(given, "parameters."))
        headers = request_headers(self._headers, _members(given, "headers."))
        payload = None if self._options.method == "GET" else document
        if "payload" in given:
            payload = _json(given["payload"])
        request = self._client.build_request(self._options.method, url, headers=headers, content=payload)
        status = self._answered(request)
        if 200 <= status < 300:
            return
        text = f"{_shown(request)} answered with status {status}"
        if status not in DOCUMENT_FAULTS:
            raise ConnectionFailed(text, retry=status not in (401, 403))
        if self._options.on_error == "fail":
            raise ConnectionFailed(text, retry=False)
        if self._options.on_error == "dlq":
            raise DocumentError(text)

    def _answered(self, request: httpx.Request) -> int:
        """The status, after a few tries if it may pass."""
        for pause in _PAUSES:
            try:
                status = self._ask(request)
                if status not in PASSING:
                    return status
            except httpx.TransportError:
                pass
            self._clock.wait(_NEVER, pause)
        try:
            return self._ask(request)
        except httpx.TransportError as e:
            raise ConnectionFailed(f"{_shown(request)} failed: {type(e).__name__}") from e

    def _ask(self, request: httpx.Request) -> int:
        response = self._client.send(request, stream=True)
        try:
            read = 0
            for chunk in response.iter_raw():
                read += len(chunk)
                if read > _REPLY:
                    break
        finally:
            response.close()
        return response.status_code


def _members(given: dict[str, Any], prefix: str) -> dict[str, Any]:
    return {
        name.removeprefix(prefix): None if value is MISSING else value
        for name, value in given.items()
        if name.startswith(prefix)
    }


def _shown(request: httpx.Request) -> str:
    """Without the query string, which may hold credentials."""
    url = request.url
    return f"{request.method} {url.scheme}://{url.netloc.decode('ascii')}{url.path}"
