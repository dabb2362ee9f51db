"""Answers: the bytes of results, lists and errors, in the forms a client may ask for.

Members are in alphabetical order, compact unless ``pretty=true``; ``envelope=true`` puts the status into
the body. Reference: Admin API contract, c.5, d.2, d.4 and d.5.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import msgspec

from brookmill import __version__
from brookmill.errors import UserError
from brookmill.http.digest import challenge
from brookmill.http.exchange import Exchange, Send
from brookmill.http.pages import links
from brookmill.http.pretty import pretty
from brookmill.http.routes import PREFIX
from brookmill.http.versions import Resolved
from brookmill.operations import Answered, File, Located, Operation, Page

JSON = "application/json"

_encode = msgspec.json.Encoder(order="sorted").encode

#: Of the authentication filter: its own member order, and always pretty.
_UNAUTHORIZED = b"""{
  "error" : 401,
  "reason" : "Unauthorized",
  "detail" : "You are not authorized for this resource.",
  "errorCode" : "UNEXPECTED_ERROR"
}"""

_ALWAYS = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"strict-origin-when-cross-origin"),
    (b"x-permitted-cross-domain-policies", b"none"),
    (b"x-brookmill-version", __version__.encode()),
)
_OVER_TLS = (b"strict-transport-security", b"max-age=31536000; includeSubDomains")


@dataclass(slots=True)
class Reply:
    """What goes back over the connection; ``media`` is the Content-Type, None for no body at all."""

    status: int
    body: bytes = b""
    media: str | None = JSON
    headers: list[tuple[str, str]] = field(default_factory=list)

    async def send(self, exchange: Exchange, send: Send) -> None:
        headers = [(b"x-request-id", exchange.id.encode()), *_ALWAYS]
        if exchange.base_url.startswith("https:"):
            headers.append(_OVER_TLS)
        if self.media is not None:
            headers.append((b"content-type", self.media.encode("latin-1")))
        if self.status != HTTPStatus.NO_CONTENT:
            headers.append((b"content-length", str(len(self.body)).encode()))
        headers += [
            (n.lower().encode("latin-1"), v.encode("latin-1")) for n, v in self.headers + exchange.added
        ]
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if exchange.method == "HEAD" else self.body})


def success(exchange: Exchange, operation: Operation, resolved: Resolved, answer: Any) -> Reply:
    """The reply to what an operation has answered."""
    headers, status = resolved.headers, operation.status
    if isinstance(answer, Located | Answered):
        if answer.path is not None:
            headers.append(("Location", f"{exchange.base_url}{PREFIX}{answer.path}"))
        if isinstance(answer, Answered):
            status = answer.status or status
            headers += [("ETag", f'"{answer.tag}"')] if answer.tag is not None else []
        answer = answer.value
    if status == HTTPStatus.NO_CONTENT:
        return Reply(status, media=None, headers=headers)
    if isinstance(answer, File):
        headers.append(("Content-Disposition", f'attachment; filename="{answer.name}"'))
        return Reply(status, answer.content, resolved.content_type, headers)
    if isinstance(answer, Page):
        body = _list(exchange, operation, answer)
    else:
        body = _object(exchange, {} if answer is None else answer, status)
    return Reply(status, body, resolved.content_type, headers)


def _list(exchange: Exchange, operation: Operation, page: Page) -> bytes:
    members: dict[str, Any] = {"links": links(exchange, page.total), "results": page.results}
    if (
        "includeCount" not in operation.query
        or exchange.parameters.get("includeCount", "").lower() != "false"
    ):
        members["totalCount"] = page.total
    if exchange.asks("envelope"):
        members["status"] = operation.status
    return _shown(exchange, members)


def _object(exchange: Exchange, members: Any, status: int) -> bytes:
    if exchange.asks("envelope"):
        members = {"content": members, "status": status}
    return _shown(exchange, members)


def _shown(exchange: Exchange, members: Any) -> bytes:
    body = _encode(members)
    return pretty(body) if exchange.asks("pretty") else body


def plain(exchange: Exchange, members: Any, status: int = 200) -> Reply:
    """An answer outside of the versioned resources."""
    return Reply(status, _object(exchange, members, status))


def failure(exchange: Exchange, error: UserError) -> Reply:
    """The error body that upstream sends."""
    members: dict[str, Any] = {
        "detail": error.detail,
        "error": error.status,
        "errorCode": error.code,
        "parameters": error.parameters,
        "reason": error.reason,
    }
    if error.fields:
        fields = [{"description": description, "field": name} for name, description in error.fields]
        members["badRequestDetail"] = {"fields": fields}
    body = _object(exchange, members, error.status)
    return Reply(error.status, body, headers=[("X-Error-Code", error.code), *error.headers])


def unauthorized(nonce: str, *, stale: bool) -> Reply:
    """The answer to missing or wrong credentials, byte for byte."""
    return Reply(401, _UNAUTHORIZED, headers=[("WWW-Authenticate", challenge(nonce, stale=stale))])
