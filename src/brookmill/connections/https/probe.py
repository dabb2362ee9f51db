"""The test of an Https connection: the host, what a GET with the connection's headers is answered."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
from msgspec import UNSET

from brookmill.connections import Opening
from brookmill.connections.egress.http import client
from brookmill.connections.egress.trouble import failed
from brookmill.connections.https.options import HttpsProbe, RequestConfig
from brookmill.connections.https.reply import Reply, UnusableError, received
from brookmill.connections.https.request import request_headers, request_url, shown
from brookmill.connections.ladder import Ladder
from brookmill.connections.reach import place_of, reach
from brookmill.errors import ConnectionFailed, DocumentError, Fault
from brookmill.mql.values import MISSING

if TYPE_CHECKING:
    from brookmill.connections.https import Https

_USUAL = RequestConfig()
_LOGIN: dict[int, Fault] = {401: "CREDENTIALS", 407: "CREDENTIALS"}
_RIGHT: dict[int, Fault] = {403: "DENIED", 404: "NOT_FOUND", 410: "NOT_FOUND", 429: "THROTTLED"}


def probe(connection: Https, options: HttpsProbe, opening: Opening, ladder: Ladder) -> None:
    """Asks with GET, which is to change nothing; without a path the connection's URL itself, whose answer
    tells of the login alone. Raises ConnectionFailed and DocumentError.
    """
    with ladder.step("settings") as seen:
        path = None if options.path is UNSET else options.path
        url = _url(connection, path)
        place = place_of(str(url))
        seen["url"] = shown(url)
    reach([place], opening, ladder)
    fixed = {} if connection.headers is UNSET else connection.headers
    http = client(
        opening.outside,
        connect_timeout=opening.patience(_USUAL.connection_timeout_sec),
        timeout=opening.patience(_USUAL.request_timeout_sec),
        connections=1,
    )
    with http:
        request = http.build_request("GET", url, headers=[*request_headers(fixed, {}).items()])
        _climb(http, request, ladder, opening, whole=path is not None)


def _climb(
    http: httpx.Client, request: httpx.Request, ladder: Ladder, opening: Opening, *, whole: bool
) -> None:
    what = f"GET {shown(request.url)}"
    with ladder.step("authenticate") as seen:
        try:
            response = http.send(request, stream=True)
        except httpx.TransportError as e:
            raise failed(what, e) from e
        seen["status"] = response.status_code
        _judge(what, response.status_code, _LOGIN)
        if response.is_redirect:
            text = f"{what} answered with a redirect ({response.status_code}), which is not followed"
            raise ConnectionFailed(text, retry=False, fault="REDIRECTED")
    try:
        if not whole:
            return
        with ladder.step("authorize") as seen:
            seen["status"] = response.status_code
            _judge(what, response.status_code, _RIGHT)
            if response.status_code == 405:
                seen["hint"] = "There is no GET here; other methods were not tried."
        if response.is_success:
            _read(response, what, ladder, opening)
    finally:
        response.close()


def _read(response: httpx.Response, what: str, ladder: Ladder, opening: Opening) -> None:
    with ladder.step("read") as seen:
        deadline = opening.clock.monotonic() + opening.patience(_USUAL.request_timeout_sec)
        try:
            reply = received(response, opening.clock, deadline, needed=True)
        except httpx.TransportError as e:
            raise failed(what, e) from e
        seen["bytes"] = len(reply.body)
    with ladder.step("decode") as seen:
        seen["type"] = _kind(reply, what)


def _kind(reply: Reply, what: str) -> str:
    try:
        value = reply.value(parse_strings=False)
    except UnusableError as e:
        raise DocumentError(f"{what} answered {e}") from e
    return "nothing" if value is MISSING else type(value).__name__


def _judge(what: str, status: int, faults: dict[int, Fault]) -> None:
    fault = faults.get(status) or ("SERVER_ERROR" if status >= 500 else None)
    if fault is not None:
        raise ConnectionFailed(f"{what} answered with status {status}", retry=status >= 500, fault=fault)


def _url(connection: Https, path: str | None) -> httpx.URL:
    try:
        return request_url(httpx.URL(connection.url or ""), path, {})
    except (httpx.InvalidURL, UnicodeError, DocumentError) as e:
        text = str(e) if isinstance(e, DocumentError) else "the connection's url is not valid"
        raise ConnectionFailed(text, retry=False, code=420) from e
