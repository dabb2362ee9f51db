"""References to secrets in HashiCorp Vault, or what speaks its protocol: the KV engine, version 2."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import httpx
import msgspec

from brookmill.config import Settings
from brookmill.connections.egress.http import client
from brookmill.connections.egress.trouble import failed
from brookmill.connections.references import LONGEST, PROVIDERS, allowed, unresolved
from brookmill.errors import ConnectionFailed

_NAME = re.compile(
    r"(?P<mount>[A-Za-z0-9_-]+)/(?P<path>[A-Za-z0-9_.-]+(?:/[A-Za-z0-9_.-]+)*)#(?P<field>[^#]{1,256})"
)
_TIMEOUT = 5.0
#: The secret with all its fields and versions' data.
_MOST = 16 * LONGEST


@PROVIDERS("vault")
def field(name: str, settings: Settings) -> str:
    """The field of the newest version of a secret: ``MOUNT/PATH#FIELD``."""
    match = _NAME.fullmatch(name)
    if match is None or ".." in match["path"].split("/") or "." in match["path"].split("/"):
        raise unresolved("a reference to the vault has the form ${vault:MOUNT/PATH#FIELD}")
    place = name.partition("#")[0]
    allowed(place, settings.references_vault, "a secret of the vault", "references_vault")
    secret = _secret(settings, f"{match['mount']}/data/{match['path']}", place)
    value = secret.get(match["field"])
    if not isinstance(value, str) or len(value) > LONGEST:
        raise unresolved(f"the secret {place} of the vault has no text in its field {match['field']}")
    return value


def _secret(settings: Settings, path: str, place: str) -> dict[str, Any]:
    """All fields. The vault's address is the operator's own, so it may be a private one."""
    if not settings.vault_address:
        raise unresolved("there is no vault: the setting vault_address is missing")
    headers = {"X-Vault-Token": _token(settings), "X-Vault-Request": "true"}
    if settings.vault_namespace:
        headers["X-Vault-Namespace"] = settings.vault_namespace
    outside = msgspec.structs.replace(settings.outside, allow_private=True)
    url = f"{settings.vault_address.rstrip('/')}/v1/{path}"
    try:
        with client(outside, connect_timeout=_TIMEOUT, timeout=_TIMEOUT, connections=1) as vault:
            status, body = _asked(vault, url, headers)
    except (httpx.TransportError, httpx.InvalidURL) as e:
        raise unresolved(_why(e), retry=True) from None
    except ConnectionFailed as e:
        raise unresolved(f"the vault cannot be asked: {e}", retry=e.retry) from None
    if status != httpx.codes.OK:
        raise _refused(status, place)
    try:
        return msgspec.json.decode(body, type=_Reply).data.data
    except msgspec.DecodeError:
        raise unresolved(f"the vault's answer for {place} is not that of a KV engine, version 2") from None


def _why(error: httpx.TransportError | httpx.InvalidURL) -> str:
    if isinstance(error, httpx.InvalidURL):
        return "the setting vault_address is no URL"
    return str(failed("asking the vault", error))


def _asked(vault: httpx.Client, url: str, headers: dict[str, str]) -> tuple[int, bytes]:
    with vault.stream("GET", url, headers=headers) as answer:
        body = b""
        for part in answer.iter_bytes():
            body += part
            if len(body) > _MOST:
                break
        return answer.status_code, body


class _Data(msgspec.Struct):
    data: dict[str, Any]


class _Reply(msgspec.Struct):
    data: _Data


def _refused(status: int, place: str) -> ConnectionFailed:
    match status:
        case 403:
            return unresolved(f"the vault denies the server's token the secret {place}")
        case 404:
            return unresolved(f"the vault has no secret {place}")
        case 400 | 405:
            return unresolved(f"the vault does not understand the request for {place} (status {status})")
    return unresolved(f"the vault does not serve {place} at the moment (status {status})", retry=True)


def _token(settings: Settings) -> str:
    if settings.vault_token:
        return settings.vault_token
    if not settings.vault_token_file:
        raise unresolved("the vault needs the setting vault_token or vault_token_file")
    try:
        token = Path(settings.vault_token_file).read_text("ascii").strip()
    except (OSError, UnicodeDecodeError):
        raise unresolved("the file that vault_token_file names cannot be read", retry=True) from None
    if not token.isprintable():
        raise unresolved("the file that vault_token_file names holds no token")
    return token
