"""The endpoints of a test: what ``$https`` asks is written down and answered by the test."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

import httpx

from brookmill.mql import encoder
from brookmill.testing.timeline import InvalidFlow, bson_value


@dataclass(frozen=True)
class Request:
    """An HTTP request of ``$https``. ``body``: what its JSON says, else its text; None: there is none.

    ``query``: parameters by name; ``headers``: by name in lower case.
    """

    method: str
    url: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any = None

    def __getitem__(self, name: str) -> Any:
        """The member of that name."""
        return vars(self)[name]

    def shown(self) -> dict[str, Any]:
        """As flow files write it."""
        return dict(vars(self))


#: Answers a request: with a JSON value, a text, ``(status, value)``, ``(status, value, headers)``, an object
#: with ``status`` and perhaps ``body`` and ``headers``, an ``httpx.Response``, or None for an empty reply.
Endpoint = Callable[[Request], Any]

_REPLY = frozenset({"status", "body", "headers"})
_json = encoder()


class Web:
    """``requests``: all that came, in their order."""

    def __init__(
        self, endpoint: Endpoint | Mapping[str, Any] | None, urls: Mapping[str, str] | None = None
    ) -> None:
        """``endpoint``: answers everything; or replies, or endpoints, by ``"/path"``, ``"POST /path"`` or
        URL, "*" for all others; or all this by connection. None: every reply is empty. ``urls``: of the
        connections, by name.
        """
        self.requests: list[Request] = []
        self._endpoint = endpoint
        self._urls = urls or {}

    def answer(self, sent: httpx.Request) -> httpx.Response:
        """The reply, as httpx's ``MockTransport`` wants it."""
        request = _request(sent)
        self.requests.append(request)
        return response(self._made(self._endpoint, request))

    def _made(self, endpoint: Any, request: Request) -> Any:
        if callable(endpoint):
            return endpoint(request)
        if not isinstance(endpoint, Mapping) or (
            endpoint is not self._endpoint and not _are_routes(endpoint)
        ):
            return endpoint
        url = request.url.partition("?")[0]
        for name, reply in endpoint.items():
            method, _, place = name.rpartition(" ")
            if name in self._urls:
                if request.url.startswith(self._urls[name]):
                    return self._made(reply, request)
            elif method in ("", request.method) and (place in (url, request.path, "*") or _ends(url, place)):
                return reply(request) if callable(reply) else reply
        return 404, {"error": f"the test has no reply for {request.method} {request.path}"}


def _are_routes(endpoint: Mapping[str, Any]) -> bool:
    """Whether what stands for one connection is by path, and no reply."""
    places = [name.rpartition(" ")[2] for name in endpoint]
    return bool(places) and all(place == "*" or place.startswith(("/", "http")) for place in places)


def _ends(url: str, place: str) -> bool:
    return place.startswith("/") and url.endswith(place)


def _request(sent: httpx.Request) -> Request:
    content = sent.read()
    try:
        body = json.loads(content) if content else None
    except ValueError:
        body = content.decode(errors="replace")
    return Request(
        method=sent.method,
        url=str(sent.url),
        path=sent.url.path,
        query=dict(parse_qsl(sent.url.query.decode(), keep_blank_values=True)),
        headers={name.lower(): value for name, value in sent.headers.items()},
        body=body,
    )


def response(reply: Any) -> httpx.Response:
    """What ``reply`` means; see ``Endpoint``. Raises InvalidFlow."""
    if isinstance(reply, httpx.Response):
        return _streamed(reply.status_code, dict(reply.headers), reply.content)
    status, body, headers = 200, reply, {}
    if isinstance(reply, Mapping) and "status" in reply and reply.keys() <= _REPLY:
        status, body, headers = reply["status"], reply.get("body"), dict(reply.get("headers") or {})
    elif isinstance(reply, tuple) and reply and type(reply[0]) is int:
        status, body, headers = (*reply, None, None)[:3]
    if type(status) is not int or not 100 <= status < 600:
        raise InvalidFlow(f"an endpoint answered {reply!r:.100}: {status!r:.20} is no HTTP status")
    if body is None:
        return _streamed(status, headers or {}, b"")
    if isinstance(body, str | bytes):
        usual, content = "text/plain", body if isinstance(body, bytes) else body.encode()
    else:
        usual, content = "application/json", _json(bson_value(body))
    return _streamed(status, {"content-type": usual, **(headers or {})}, content)


def _streamed(status: int, headers: Mapping[str, str], content: bytes) -> httpx.Response:
    """A response that is still to be read, as those from the network are."""
    return httpx.Response(status, headers=headers, stream=httpx.ByteStream(content))
