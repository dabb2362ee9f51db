"""From an Authorization header to a Principal: Digest for API keys, Bearer for service accounts."""

from __future__ import annotations

import secrets

from brookmill.domain.principal import Principal
from brookmill.domain.secret import Secret
from brookmill.errors import BrookmillError
from brookmill.http import digest
from brookmill.http.exchange import Exchange
from brookmill.http.nonces import Nonces
from brookmill.operations import Services, identity


class Unauthenticated(BrookmillError):
    """No credentials, or wrong ones. ``stale``: only the nonce of a Digest was wrong."""

    def __init__(self, *, stale: bool = False) -> None:
        self.stale = stale
        super().__init__("no valid credentials")


class Authentication:
    """Checks credentials against the store. Safe to use from many threads."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self.nonces = Nonces(services.clock)
        #: What an unknown user is checked against, so that he costs as much as a known one.
        self._nobody = Secret(secrets.token_hex(16))

    def principal(self, exchange: Exchange) -> Principal:
        """Who the request comes from; raises Unauthenticated."""
        scheme, _, rest = exchange.headers.get("authorization", "").partition(" ")
        match scheme.lower():
            case "digest":
                return self._by_digest(exchange, rest)
            case "bearer":
                return self._by_token(rest.strip())
        raise Unauthenticated

    def _by_digest(self, exchange: Exchange, parameters: str) -> Principal:
        credentials = digest.parse(parameters)
        if credentials is None or credentials.uri.removesuffix("?") != exchange.target:
            raise Unauthenticated
        known = identity.by_public_key(self._services, credentials.username)
        ha1 = known[1] if known else self._nobody
        if not digest.matches(credentials, ha1, exchange.method) or known is None:
            raise Unauthenticated
        if not self.nonces.use(credentials.nonce, credentials.count):
            raise Unauthenticated(stale=True)
        return known[0]

    def _by_token(self, token: str) -> Principal:
        principal = identity.by_token(self._services, Secret(token))
        if principal is None:
            raise Unauthenticated
        return principal
