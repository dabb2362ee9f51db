"""Making credentials in Atlas' forms, and the hashes that are kept in place of them."""

from __future__ import annotations

import hashlib
import secrets
import string
import uuid

from brookmill.domain.secret import Secret

#: Part of every Digest hash, so it can never change. Contract d.5.
REALM = "MMS Public API"

_LETTERS = string.ascii_lowercase


def new_public_key() -> str:
    """The user name of an API key: eight lower-case letters."""
    return "".join(secrets.choice(_LETTERS) for _ in range(8))


def new_private_key() -> Secret:
    """The password of an API key."""
    return Secret(str(uuid.UUID(bytes=secrets.token_bytes(16), version=4)))


def new_client_id() -> str:
    """The id of a service account."""
    return f"mdb_sa_id_{secrets.token_hex(12)}"


def new_client_secret() -> Secret:
    """A secret of a service account: 40 characters of 240 random bits."""
    return Secret(f"mdb_sa_sk_{secrets.token_urlsafe(30)}")


def new_password() -> Secret:
    """The password of a database user: letters and digits, so that it needs no escaping in a URI."""
    return Secret("".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(24)))


def new_token() -> Secret:
    """An access token; clients must not look into it, so there is nothing in it."""
    return Secret(f"mdb_at_{secrets.token_urlsafe(32)}")


def ha1(public_key: str, private_key: Secret) -> Secret:
    """What Digest needs of a key pair: MD5 of user, realm and password, by RFC 7616 as Atlas uses it."""
    text = f"{public_key}:{REALM}:{private_key.reveal()}"
    return Secret(hashlib.md5(text.encode(), usedforsecurity=False).hexdigest())


def hashed(secret: Secret) -> str:
    """SHA-256 in hex: enough for texts of 240 random bits, which no list of guesses can hold."""
    return hashlib.sha256(secret.reveal().encode("utf-8", "surrogatepass")).hexdigest()


def masked(secret: Secret) -> str:
    """What may be shown of a client secret: its prefix and its last four characters."""
    return f"mdb_sa_sk_...{secret.reveal()[-4:]}"
