"""One HTTP request as it came over the connection."""

from __future__ import annotations

import asyncio
import re
import uuid
from collections.abc import Awaitable, Callable, Collection, MutableMapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from brookmill.errors import BrookmillError, UserError

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

#: Seconds between two pieces of a body.
PATIENCE = 30.0

_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,64}")
_HOST = re.compile(r"[A-Za-z0-9._~-]{1,253}(:[0-9]{1,5})?|\[[0-9A-Fa-f:.]{2,45}\](:[0-9]{1,5})?")


class Disconnected(BrookmillError):
    """The client went away before its request was complete."""


@dataclass(slots=True)
class Exchange:
    """A request, and what becomes known of it on the way to its answer.

    ``path`` is raw: percent-encoded as the client wrote it, without the query. ``query`` is raw too.
    ``headers``: names in lower case; equal ones are joined by commas (RFC 9110, 5.3), so that two
    Authorization headers are no valid one. ``operation`` and ``principal`` are names for logs and metrics.
    ``added``: headers of the answer that do not depend on how it ends.
    """

    method: str
    path: str
    query: str
    headers: dict[str, str]
    base_url: str
    remote: str
    id: str
    receive: Receive
    operation: str = "none"
    principal: str | None = None
    added: list[tuple[str, str]] = field(default_factory=list)

    @classmethod
    def of(cls, scope: Message, receive: Receive, *, trust_forwarded: bool) -> Exchange:
        """``trust_forwarded``: believe what a proxy in front says about client, scheme and host."""
        headers = _joined(scope["headers"])
        forwarded = headers if trust_forwarded else {}
        raw_path = scope.get("raw_path") or scope["path"].encode()
        return cls(
            method=scope["method"],
            path=raw_path.decode("latin-1"),
            query=scope["query_string"].decode("latin-1"),
            headers=headers,
            base_url=_base_url(scope, headers.get("host"), forwarded),
            remote=_remote(scope, forwarded),
            id=_request_id(headers.get("x-request-id")),
            receive=receive,
        )

    @property
    def target(self) -> str:
        """Path and query as they stood in the request line."""
        return f"{self.path}?{self.query}" if self.query else self.path

    @property
    def parameters(self) -> dict[str, str]:
        """The query by name, decoded; of equal names the first counts."""
        found: dict[str, str] = {}
        for name, value in parse_qsl(self.query, keep_blank_values=True) if self.query else ():
            found.setdefault(name, value)
        return found

    def asks(self, flag: str) -> bool:
        """Whether a query parameter that changes the form of the answer is on."""
        return flag in self.query and self.parameters.get(flag, "").lower() == "true"

    @property
    def declared(self) -> int | None:
        """How long the body is said to be, None when that is not known before its end."""
        if "transfer-encoding" in self.headers:
            return None
        length = self.headers.get("content-length", "0")
        return int(length) if length.isdecimal() and length.isascii() else None

    async def body(self, limit: int) -> bytes:
        """The whole body.

        Raises REQUEST_BODY_TOO_LARGE as soon as that is known, REQUEST_TIMEOUT when no more of it comes for
        ``PATIENCE`` seconds, and Disconnected.
        """
        if (self.declared or 0) > limit:
            raise UserError("REQUEST_BODY_TOO_LARGE", limit)
        chunks, size, more = [], 0, True
        while more:
            message = await self._more()
            if message["type"] == "http.disconnect":
                raise Disconnected
            chunks.append(message.get("body", b""))
            size += len(chunks[-1])
            if size > limit:
                raise UserError("REQUEST_BODY_TOO_LARGE", limit)
            more = message.get("more_body", False)
        return b"".join(chunks)

    async def _more(self) -> Message:
        try:
            async with asyncio.timeout(PATIENCE):
                return await self.receive()
        except TimeoutError:
            raise UserError("REQUEST_TIMEOUT", headers=[("Connection", "close")]) from None


def not_allowed(exchange: Exchange, methods: Collection[str]) -> UserError:
    """405 for a path that other methods are for; whatever takes GET takes HEAD."""
    allowed = {*methods} | ({"HEAD"} if "GET" in methods else set())
    headers = [("Allow", ", ".join(sorted(allowed)))]
    return UserError("METHOD_NOT_ALLOWED", exchange.method, headers=headers)


def _joined(raw: list[tuple[bytes, bytes]]) -> dict[str, str]:
    headers: dict[str, str] = {}
    for raw_name, raw_value in raw:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers


def _base_url(scope: Message, host: str | None, forwarded: dict[str, str]) -> str:
    scheme = str(forwarded.get("x-forwarded-proto") or scope["scheme"]).lower()
    host = forwarded.get("x-forwarded-host") or host
    if host is None or not _HOST.fullmatch(host):
        name, port = scope.get("server") or ("localhost", None)
        host = f"[{name}]" if ":" in name else name
        host = f"{host}:{port}" if port else host
    return f"{scheme if scheme in ('http', 'https') else scope['scheme']}://{host}"


def _remote(scope: Message, forwarded: dict[str, str]) -> str:
    """The last address that the proxy in front has added; those before it are the client's own claim."""
    if "x-forwarded-for" in forwarded:
        return forwarded["x-forwarded-for"].rpartition(",")[2].strip()
    client = scope.get("client")
    return client[0] if client else ""


def _request_id(given: str | None) -> str:
    return given if given and _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex
