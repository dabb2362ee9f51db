"""Small JSON replies of services that a connection needs besides its own system: tokens, schemas."""

from __future__ import annotations

import base64
from typing import Any, NamedTuple

import httpx
import orjson

from brookmill.clock import Clock

#: Most bytes of a reply, and most seconds that it may take to arrive.
LARGEST = 4 * 1024 * 1024
_PATIENCE = 60.0


class JSONReply(NamedTuple):
    """``body`` None: it is no JSON, or too large."""

    status: int
    body: Any


def basic(user: str, password: str) -> str:
    """The Authorization header of RFC 7617."""
    return f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"


def json_reply(client: httpx.Client, request: httpx.Request, clock: Clock) -> JSONReply:
    """What comes back. Raises what httpx raises, ReadTimeout also for a reply that drips."""
    end = clock.monotonic() + _PATIENCE
    read = bytearray()
    response = client.send(request, stream=True)
    try:
        for chunk in response.iter_bytes(64 * 1024):
            read += chunk
            if len(read) > LARGEST:
                return JSONReply(response.status_code, None)
            if clock.monotonic() > end:
                raise httpx.ReadTimeout("the reply takes too long", request=request)
    finally:
        response.close()
    try:
        return JSONReply(response.status_code, orjson.loads(read))
    except orjson.JSONDecodeError:
        return JSONReply(response.status_code, None)
