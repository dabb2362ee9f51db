"""Tokens that connections carry and that say of themselves when they end (JWT)."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator

import msgspec

from brookmill.domain.certificate import DAY, SOON, Standing
from brookmill.domain.connection import Connection, at

#: Characters of a header that is looked at.
_LONGEST = 16_384


class Token(msgspec.Struct, frozen=True, kw_only=True):
    """``not_after``: seconds since the epoch."""

    member: str
    not_after: float

    def standing(self, now: float) -> Standing:
        """Whether it serves at ``now``."""
        if now >= self.not_after:
            return "EXPIRED"
        return "EXPIRES_SOON" if self.not_after - now < SOON * DAY else "VALID"


def tokens(connection: Connection) -> Iterator[Token]:
    """Those whose end can be read, by member; a reference to a token elsewhere is none."""
    for path in connection.headers_at:
        headers = at(connection, path)
        for name, value in headers.items() if isinstance(headers, dict) else ():
            end = expiry(value.rpartition(" ")[2]) if len(value) <= _LONGEST else None
            if end is not None:
                yield Token(member=f"{path}.{name}", not_after=end)


def expiry(token: str) -> float | None:
    """What a JWT says of itself, unverified: seconds since the epoch; None where it says nothing."""
    body = token.split(".")[1:2]
    try:
        claims = msgspec.json.decode(base64.urlsafe_b64decode(body[0] + "=="))
    except (IndexError, ValueError, binascii.Error, msgspec.DecodeError, RecursionError):
        return None
    found = claims.get("exp") if isinstance(claims, dict) else None
    return float(found) if isinstance(found, (int, float)) else None
