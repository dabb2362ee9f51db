"""The token endpoint: OAuth 2 client credentials for service accounts, and revocation of their tokens.

RFC 6749, section 4.4, and RFC 7009. Reference: Admin API contract, d.6. Errors here are not those of the
Admin API.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote_plus

from brookmill.domain.secret import Secret
from brookmill.errors import BrookmillError
from brookmill.http import reply
from brookmill.http.exchange import Exchange
from brookmill.http.reply import Reply
from brookmill.operations import Services, identity
from brookmill.operations.identity import TOKEN_LIFETIME

#: No form of this endpoint comes near this many bytes.
LONGEST_FORM = 16 * 1024

_NO_STORE = [("Cache-Control", "no-store"), ("Pragma", "no-cache")]
_BASIC = ("WWW-Authenticate", 'Basic realm="oauth"')


class Refused(BrookmillError):
    """An error of RFC 6749, 5.2: ``code`` is its name."""

    def __init__(self, code: str, description: str, *, status: int = 400, basic: bool = False) -> None:
        self.code = code
        self.description = description
        self.status = status
        self.headers = [_BASIC] if basic else []
        super().__init__(description)


@dataclass(frozen=True, slots=True)
class Client:
    """Who asks for a token. ``basic``: said so in an Authorization header and not in the form."""

    id: str
    secret: Secret
    basic: bool


def parse_form(content_type: str | None, body: bytes) -> dict[str, str]:
    """The form; raises Refused when it is none or names something twice."""
    media = (content_type or "").partition(";")[0].strip().lower()
    if media != "application/x-www-form-urlencoded":
        raise Refused("invalid_request", "The request body must be application/x-www-form-urlencoded.")
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, errors="strict")
    except UnicodeDecodeError:
        raise Refused("invalid_request", "The request body is not UTF-8.") from None
    form = dict(pairs)
    if len(form) != len(pairs):
        raise Refused("invalid_request", "A parameter occurs more than once.")
    return form


def parse_client(authorization: str | None, form: dict[str, str]) -> Client:
    """The client's credentials, from the header or the form; both at once are refused as the RFC demands."""
    if authorization is None:
        if "client_id" not in form or "client_secret" not in form:
            raise _invalid_client(basic=False)
        return Client(form["client_id"], Secret(form["client_secret"]), basic=False)
    if "client_secret" in form:
        raise Refused("invalid_request", "Client credentials must be sent in one way only.")
    scheme, _, encoded = authorization.partition(" ")
    try:
        id, colon, secret = base64.b64decode(encoded.strip(), validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        raise _invalid_client(basic=True) from None
    if scheme.lower() != "basic" or not colon:
        raise _invalid_client(basic=True)
    return Client(unquote_plus(id), Secret(unquote_plus(secret)), basic=True)


def _invalid_client(*, basic: bool) -> Refused:
    return Refused("invalid_client", "Invalid credentials provided.", status=401, basic=basic)


def token(services: Services, exchange: Exchange, body: bytes) -> Reply:
    """POST /api/oauth/token."""
    try:
        form = parse_form(exchange.headers.get("content-type"), body)
        if not form.get("grant_type"):
            raise Refused("invalid_request", "The parameter grant_type is missing.")
        if form["grant_type"] != "client_credentials":
            raise Refused("unsupported_grant_type", "The only grant type is client_credentials.")
        client = parse_client(exchange.headers.get("authorization"), form)
        issued = identity.issue_token(services, client.id, client.secret)
        if issued is None:
            raise _invalid_client(basic=client.basic)
        exchange.principal = client.id
    except Refused as e:
        return _refusal(exchange, e)
    answer = reply.plain(
        exchange,
        {"access_token": issued.reveal(), "expires_in": TOKEN_LIFETIME, "token_type": "Bearer"},
    )
    answer.headers += _NO_STORE
    return answer


def revoke(services: Services, exchange: Exchange, body: bytes) -> Reply:
    """POST /api/oauth/revoke: 200 without a body, whether there was such a token or not."""
    try:
        form = parse_form(exchange.headers.get("content-type"), body)
        client = parse_client(exchange.headers.get("authorization"), form)
        if not identity.authenticates(services, client.id, client.secret):
            raise _invalid_client(basic=client.basic)
        exchange.principal = client.id
        if not form.get("token"):
            raise Refused("invalid_request", "The parameter token is missing.")
        identity.revoke_token(services, client.id, Secret(form["token"]))
    except Refused as e:
        return _refusal(exchange, e)
    return Reply(200, media=None, headers=list(_NO_STORE))


def _refusal(exchange: Exchange, error: Refused) -> Reply:
    answer = reply.plain(
        exchange, {"error": error.code, "error_description": error.description}, error.status
    )
    answer.headers += [*_NO_STORE, *error.headers]
    return answer
