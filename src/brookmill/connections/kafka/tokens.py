"""Access tokens for OAUTHBEARER: client credentials to an OpenID provider, over our own way out.

librdkafka could fetch them itself, but would follow names and redirects to any address (ADR 0010).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import httpx
import structlog
from msgspec import UNSET

from brookmill.connections.egress.http import client
from brookmill.connections.json_reply import JSONReply, basic, json_reply
from brookmill.domain.token import expiry
from brookmill.errors import ConnectionFailed, Fault

if TYPE_CHECKING:
    from brookmill.clock import Clock
    from brookmill.config import Outside
    from brookmill.connections.kafka import Authentication

log = structlog.get_logger(__name__)

#: Seconds that a token is good for whose provider does not say.
_UNTOLD = 300.0
#: A token with fewer seconds left is as good as none.
_SHORT = 5.0
#: Seconds until the next try when the provider does not answer.
_RETRY = 30.0
_TIMEOUT = 10.0
#: What of a refusal may be shown: the error code of RFC 6749; a description might repeat what was sent.
_CODE = re.compile(r"[a-z_]{1,40}")


class Token(NamedTuple):
    """``expires``: seconds since the epoch."""

    text: str
    expires: float


class Tokens:
    """librdkafka's ``oauth_cb``. It runs in threads of the client, and raises nothing there."""

    def __init__(
        self,
        authentication: Authentication,
        outside: Outside,
        clock: Clock,
        failed: Callable[[ConnectionFailed], None],
    ) -> None:
        """``failed`` is told when no token can be had any more. Raises ConnectionFailed."""
        self._authentication = authentication
        self._outside = outside
        self._clock = clock
        self._failed = failed
        self._extensions = extensions(authentication.sasl_oauthbearer_extensions or "")
        self._kept = self._fetch()
        self._fresh = True

    def __call__(self, _: str | None) -> tuple[str, float, str, dict[str, str]]:
        """Token, when it expires, whose it is, SASL extensions. The client asks again before it expires."""
        token = self._kept if self._fresh else self._renewed()
        self._fresh = False
        return token.text, token.expires, str(self._authentication.client_id), self._extensions

    def _renewed(self) -> Token:
        try:
            self._kept = self._fetch()
        except ConnectionFailed as e:
            log.warning("no new token for Kafka", error=str(e))
            now = self._clock.now()
            if self._kept.expires - now < _SHORT:
                self._failed(e)
                return self._kept._replace(expires=now + _RETRY)  # of no use, but the client takes no less
        return self._kept

    def _fetch(self) -> Token:
        url = httpx.URL(str(self._authentication.token_endpoint_url))
        secret = self._authentication.client_secret
        login = (str(self._authentication.client_id), "" if secret is UNSET else secret.reveal())
        form = {"grant_type": "client_credentials"}
        if self._authentication.scope:
            form["scope"] = self._authentication.scope
        headers = {"authorization": basic(*login), "accept": "application/json"}
        with client(self._outside, connect_timeout=_TIMEOUT, timeout=_TIMEOUT, connections=1) as http:
            try:
                request = http.build_request("POST", url, data=form, headers=headers)
                reply = json_reply(http, request, self._clock)
            except httpx.HTTPError as e:
                text = f"the token endpoint at {url.host} cannot be reached: {type(e).__name__}"
                # The request, credentials and all, hangs on the error.
                raise ConnectionFailed(text, fault="NO_ANSWER") from None
        return self._token(reply)

    def _token(self, reply: JSONReply) -> Token:
        body = reply.body if isinstance(reply.body, dict) else {}
        text = body.get("access_token")
        if reply.status != 200:
            raise refusal(reply.status, body.get("error"))
        if not isinstance(text, str) or not text or not text.isascii() or not text.isprintable():
            raise ConnectionFailed("the token endpoint's answer holds no access_token", retry=False)
        now = self._clock.now()
        lifetime = body.get("expires_in")
        if isinstance(lifetime, (int, float)) and 0 < lifetime < 1e9:
            expires = now + lifetime
        else:
            expires = expiry(text) or now + _UNTOLD
        if expires <= now:
            raise ConnectionFailed("the token endpoint's answer holds a token that has expired")
        return Token(text, expires)


def refusal(status: int, code: object) -> ConnectionFailed:
    """The failure that a token endpoint's answer other than 200 is."""
    fault: Fault = "SERVER_ERROR"
    shown = f", {code}" if isinstance(code, str) and _CODE.fullmatch(code) else ""
    if 300 <= status < 400:
        text = f"the token endpoint answers with a redirect ({status}), which is not followed"
        fault = "REDIRECTED"
    elif status in (400, 401, 403):
        text = f"the token endpoint refuses the client's credentials ({status}{shown})"
        fault = "CREDENTIALS"
    else:
        text = f"the token endpoint answers with an error ({status}{shown})"
    return ConnectionFailed(text, retry=status == 429 or status >= 500, fault=fault)


def extensions(text: str) -> dict[str, str]:
    """SASL extensions as ``saslOauthbearerExtensions`` writes them: ``name=value`` with commas between.

    Raises ConnectionFailed (420).
    """
    found: dict[str, str] = {}
    for part in filter(None, map(str.strip, text.split(","))):
        name, equals, value = part.partition("=")
        if not equals or not re.fullmatch(r"[A-Za-z]+", name) or name == "auth":
            raise ConnectionFailed(
                "saslOauthbearerExtensions must be written as name=value,name=value",
                retry=False,
                code=420,
                name="StreamProcessorInvalidOptions",
            )
        found[name] = value
    return found
