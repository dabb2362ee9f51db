"""Digest access authentication on the server side, RFC 7616 with MD5 and qop=auth: text in, text out.

Reference: Admin API contract, d.5.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass

from brookmill.domain.secret import Secret
from brookmill.operations.identity import REALM

_PARAMETER = re.compile(r'\s*([A-Za-z]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s",]*))\s*(?:,|$)')
_ESCAPE = re.compile(r"\\(.)")
_COUNT = re.compile(r"[0-9a-fA-F]{8}")
_LONGEST = 16 * 1024  # the parameters repeat the request target


@dataclass(frozen=True, slots=True)
class Credentials:
    """The parameters of an Authorization header that are needed to check it; ``nc`` as it was written."""

    username: str
    nonce: str
    uri: str
    nc: str
    cnonce: str
    response: str

    @property
    def count(self) -> int:
        """How often the client has used the nonce, this time included."""
        return int(self.nc, 16)


def challenge(nonce: str, *, stale: bool) -> str:
    """The WWW-Authenticate header; ``stale``: the credentials were right, only the nonce was not."""
    return (
        f'Digest realm="{REALM}", domain="", nonce="{nonce}", algorithm=MD5, qop="auth", '
        f"stale={'true' if stale else 'false'}"
    )


def parse(parameters: str) -> Credentials | None:
    """What follows ``Digest`` in an Authorization header; None when it is no answer to the challenge."""
    given = _parameters(parameters)
    if given is None:
        return None
    if (
        given.get("realm") != REALM
        or given.get("qop") != "auth"
        or given.get("algorithm", "MD5").upper() != "MD5"
    ):
        return None
    try:
        credentials = Credentials(*(given[name] for name in Credentials.__slots__))
    except KeyError:
        return None
    return credentials if _COUNT.fullmatch(credentials.nc) and credentials.cnonce else None


def _parameters(text: str) -> dict[str, str] | None:
    """None when there is anything else in the text, or a name occurs twice."""
    found: dict[str, str] = {}
    position = 0
    while position < len(text) <= _LONGEST:
        match = _PARAMETER.match(text, position)
        if match is None or match[1].lower() in found:
            return None
        quoted, token = match[2], match[3]
        found[match[1].lower()] = token if quoted is None else _ESCAPE.sub(r"\1", quoted)
        position = match.end()
    return found or None


def matches(credentials: Credentials, ha1: Secret, method: str) -> bool:
    """Whether the response proves knowledge of the password. Right or wrong, it takes as long."""
    expected = response(ha1, method, credentials)
    return hmac.compare_digest(expected.encode(), credentials.response.lower().encode("utf-8", "replace"))


def response(ha1: Secret, method: str, credentials: Credentials) -> str:
    """The response that a client with this HA1 gives; RFC 7616, 3.4.1."""
    c = credentials
    ha2 = _md5(f"{method}:{c.uri}")
    return _md5(f"{ha1.reveal()}:{c.nonce}:{c.nc}:{c.cnonce}:auth:{ha2}")


def _md5(text: str) -> str:
    return hashlib.md5(text.encode("latin-1", "replace"), usedforsecurity=False).hexdigest()
