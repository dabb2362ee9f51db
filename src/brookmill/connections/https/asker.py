"""Asks an endpoint about every document, by a request of its own, and reads the answer."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import httpx
from msgspec import UNSET

from brookmill.connections import Answer, Opening, Output
from brookmill.connections.egress.http import client
from brookmill.connections.egress.trouble import failed
from brookmill.connections.https.options import HttpsOptions
from brookmill.connections.https.reply import Reply, UnusableError, received
from brookmill.connections.https.request import request_headers, request_url, shown
from brookmill.errors import ConnectionFailed, DocumentError
from brookmill.mql.encoding import encoder
from brookmill.mql.values import MISSING, Document

if TYPE_CHECKING:
    from brookmill.connections.https import Https

#: Answers that are the document's fault: ``onError`` says what follows.
DOCUMENT_FAULTS = frozenset({400, 404, 410, 413, 414, 431})
#: Answers that may be others a moment later, beside all from 500 on.
_PASSING = frozenset({408, 425, 429})
#: Seconds to wait before asking again; the server may ask for more, up to the longest.
_PAUSES = (0.2, 1.0, 3.0)
_LONGEST = 20.0
#: The part of a worker's memory that the replies to one batch may take, as bytes on the way.
_SHARE = 4
_NEVER = threading.Event()
_json = encoder()


class HttpsAsker:
    """An ``Asker``. Columns or constants: ``path``, ``parameters.NAME``, ``headers.NAME``, ``payload``."""

    def __init__(self, connection: Https, options: HttpsOptions, opening: Opening) -> None:
        """Nothing is asked yet. Raises ConnectionFailed (420) when the URL is missing or is none."""
        try:
            self._url = httpx.URL(connection.url or "")
        except (httpx.InvalidURL, UnicodeError) as e:
            raise _invalid("the connection's url is not valid") from e
        if not self._url.host:
            raise _invalid("the connection's url is missing")
        self._headers = {} if connection.headers is UNSET else connection.headers
        self._options = options
        self._constants = opening.constants
        self._clock = opening.clock
        self._most_held = opening.memory // _SHARE
        self._held = 0
        self._lock = threading.Lock()
        parallel = options.parallelism
        self._threads = ThreadPoolExecutor(parallel, "https") if parallel > 1 else None
        self._client = client(
            opening.outside,
            connect_timeout=options.config.connection_timeout_sec,
            timeout=options.config.request_timeout_sec,
            connections=parallel,
        )

    def ask(self, questions: Output) -> Sequence[Answer]:
        """Raises ConnectionFailed, and MemoryError where the replies together are too large."""
        self._held = 0
        columns = questions.columns.items()
        given = [
            {**self._constants, **{name: column[i] for name, column in columns}}
            for i in range(len(questions))
        ]
        run = map if self._threads is None else self._threads.map
        return list(run(self._answer, questions.values, given))

    def stats(self) -> Document:
        return {}

    def close(self) -> None:
        if self._threads is not None:
            self._threads.shutdown(cancel_futures=True)
        self._client.close()

    def _answer(self, document: Document, given: Mapping[str, Any]) -> Answer:
        try:
            request = self._request(document, given)
        except DocumentError as e:
            return Answer(refused=str(e))
        what = f"{request.method} {shown(request.url)}"
        begun = self._clock.monotonic()
        reply = self._asked(request, what)
        self._hold(len(reply.body))
        meta = {
            "https": {
                "url": shown(request.url),
                "method": request.method,
                "httpStatusCode": reply.status,
                "responseTimeMs": round((self._clock.monotonic() - begun) * 1000),
            }
        }
        return self._judged(reply, what, meta)

    def _hold(self, size: int) -> None:
        """Raises MemoryError when the replies are too much for the worker."""
        with self._lock:
            self._held += size
            if self._held > self._most_held:
                raise MemoryError

    def _judged(self, reply: Reply, what: str, meta: Document) -> Answer:
        if not 200 <= reply.status < 300:
            problem = f"{what} answered with status {reply.status}"
            if reply.status in DOCUMENT_FAULTS:
                return self._at_fault(problem, meta)
            if reply.status in (401, 403):
                raise ConnectionFailed(f"{problem}: check the connection's headers", retry=False)
            raise ConnectionFailed(problem)
        if self._options.as_ is UNSET:
            return Answer(meta=meta)
        try:
            return Answer(reply.value(self._options.config.parse_json_strings), meta)
        except UnusableError as e:
            return self._at_fault(f"{what} answered {e}", meta)

    def _at_fault(self, problem: str, meta: Document) -> Answer:
        if self._options.on_error == "fail":
            raise ConnectionFailed(problem, retry=False)
        return Answer(meta=meta, refused=problem if self._options.on_error == "dlq" else None)

    def _request(self, document: Document, given: Mapping[str, Any]) -> httpx.Request:
        """Raises DocumentError for a document of which no request can be made."""
        url = request_url(self._url, given.get("path"), _members(given, "parameters."))
        headers = request_headers(self._headers, _members(given, "headers."))
        body = None
        if "payload" in given:
            body = _json(given["payload"])
        elif self._options.method != "GET":
            body = _json(document)
        return self._client.build_request(self._options.method, url, headers=[*headers.items()], content=body)

    def _asked(self, request: httpx.Request, what: str) -> Reply:
        """The reply, after a few tries where another may be better. Raises ConnectionFailed."""
        for pause in _PAUSES:
            asked_for = 0.0
            try:
                reply = self._sent(request)
            except httpx.TransportError as e:
                failure = failed(what, e)
                if not failure.retry:
                    raise failure from e
            else:
                if reply.status < 500 and reply.status not in _PASSING:
                    return reply
                asked_for = min(reply.retry_after, _LONGEST)
            self._clock.wait(_NEVER, max(pause, asked_for))
        try:
            return self._sent(request)
        except httpx.TransportError as e:
            raise failed(what, e) from e

    def _sent(self, request: httpx.Request) -> Reply:
        deadline = self._clock.monotonic() + self._options.config.request_timeout_sec
        response = self._client.send(request, stream=True)
        try:
            return received(response, self._clock, deadline, needed=self._options.as_ is not UNSET)
        finally:
            response.close()


def _invalid(text: str) -> ConnectionFailed:
    return ConnectionFailed(text, retry=False, code=420, name="StreamProcessorInvalidOptions")


def _members(given: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    return {
        name.removeprefix(prefix): None if value is MISSING else value
        for name, value in given.items()
        if name.startswith(prefix)
    }
