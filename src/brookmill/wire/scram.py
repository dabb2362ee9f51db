"""The server's side of a SCRAM-SHA-256 login: messages in, messages out. No I/O.

Reference: RFC 5802 and RFC 7677, without channel binding; passwords are prepared with SASLprep (RFC 4013),
as drivers do.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from brookmill.domain.secret import Secret
from brookmill.errors import BrookmillError

MECHANISM: Final = "SCRAM-SHA-256"
#: Rounds of PBKDF2; MongoDB's own number.
ITERATIONS: Final = 15_000
_SALT_SIZE: Final = 28
_NONCE_SIZE: Final = 24
#: Longest message of a client that is read at all, in bytes.
_MAX_MESSAGE: Final = 4096


class LoginFailed(BrookmillError):
    """Wrong user, wrong password or a broken message; which one is nobody's business but a log's."""


@dataclass(frozen=True, slots=True)
class Credential:
    """What a server keeps of a password: enough to check a proof, not enough to make one."""

    salt: bytes
    stored_key: bytes = field(repr=False)
    server_key: bytes = field(repr=False)
    iterations: int = ITERATIONS

    @classmethod
    def of(cls, password: str, *, salt: bytes | None = None, iterations: int = ITERATIONS) -> Credential:
        """Takes milliseconds. Raises ValueError for a password that SASLprep forbids, or too few rounds."""
        from pymongo.saslprep import saslprep  # late: all of pymongo comes with it

        if iterations < ITERATIONS:
            raise ValueError(f"at least {ITERATIONS} iterations are needed")
        salt = secrets.token_bytes(_SALT_SIZE) if salt is None else salt
        prepared = str(saslprep(password)).encode()
        salted = hashlib.pbkdf2_hmac("sha256", prepared, salt, iterations)
        return cls(salt, _hash(_hmac(salted, b"Client Key")), _hmac(salted, b"Server Key"), iterations)

    def kept(self) -> Secret:
        """As text, for a store."""
        keys = (self.salt, self.stored_key, self.server_key)
        return Secret(json.dumps([self.iterations, *(base64.b64encode(key).decode() for key in keys)]))

    @classmethod
    def of_kept(cls, text: Secret) -> Credential:
        """The inverse of ``kept``."""
        iterations, *keys = json.loads(text.reveal())
        salt, stored_key, server_key = map(base64.b64decode, keys)
        return cls(salt, stored_key, server_key, iterations)


class Exchange:
    """One login, of two messages each way; not to be used again after an error or its end.

    ``find``: the credential of a user; None for nobody. ``secret``: the server's own, always the same; it
    makes up the salts of users that do not exist, so that nobody can tell which ones do. ``nonce``: to test.
    """

    def __init__(
        self, find: Callable[[str], Credential | None], secret: bytes, *, nonce: str | None = None
    ) -> None:
        self._find = find
        self._secret = secret
        self._nonce = nonce or base64.b64encode(secrets.token_bytes(_NONCE_SIZE)).decode()
        self._header = b""
        self._said = ""
        self._credential: Credential | None = None
        self._known = False
        #: The name that was claimed; proven as soon as ``final`` has answered.
        self.user = ""

    def first(self, payload: bytes) -> bytes:
        """The answer to the client's first message. Raises LoginFailed."""
        if self._said:
            raise LoginFailed("the exchange has already begun")
        header, bare = _header(_text(payload))
        attributes = _attributes(bare, "n", "r")
        self.user, nonce = _name(attributes["n"]), attributes["r"] + self._nonce
        found = self._find(self.user)
        self._known, self._credential = found is not None, found or self._decoy(self.user)
        self._header = header.encode()
        salt = base64.b64encode(self._credential.salt).decode()
        answer = f"r={nonce},s={salt},i={self._credential.iterations}"
        self._said, self._nonce = f"{bare},{answer}", nonce
        return answer.encode()

    def final(self, payload: bytes) -> bytes:
        """The answer to the client's proof, which proves the server to the client. Raises LoginFailed."""
        credential, self._credential = self._credential, None
        if credential is None:
            raise LoginFailed("there is no exchange to go on with")
        without, _, proof = _text(payload).rpartition(",p=")
        attributes = _attributes(without, "c", "r")
        signed = f"{self._said},{without}".encode()
        signature = _hmac(credential.stored_key, signed)
        key = bytes(a ^ b for a, b in zip(signature, _decoded(proof, len(signature)), strict=True))
        proven = hmac.compare_digest(_hash(key), credential.stored_key)
        bound = _decoded(attributes["c"]) == self._header and attributes["r"] == self._nonce
        if not (proven and bound and self._known):
            raise LoginFailed("the proof is wrong")
        return b"v=" + base64.b64encode(_hmac(credential.server_key, signed))

    def _decoy(self, user: str) -> Credential:
        made_up = [_hmac(self._secret, f"{what} {user}".encode()) for what in ("salt", "stored", "server")]
        return Credential(made_up[0][:_SALT_SIZE], made_up[1], made_up[2])


def _hash(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def _hmac(key: bytes, data: bytes) -> bytes:
    return hmac.digest(key, data, "sha256")


def _text(payload: bytes) -> str:
    if len(payload) > _MAX_MESSAGE:
        raise LoginFailed("the message is too long")
    try:
        text = payload.decode()
    except UnicodeDecodeError:
        raise LoginFailed("the message is no valid UTF-8") from None
    if "\0" in text:
        raise LoginFailed("the message holds a null byte")
    return text


def _header(text: str) -> tuple[str, str]:
    """The GS2 header and what follows it. No channel binding, and nobody acts for somebody else."""
    for header in ("n,,", "y,,"):
        if text.startswith(header):
            return header, text.removeprefix(header)
    raise LoginFailed("only logins without channel binding and in one's own name are supported")


def _attributes(text: str, *names: str) -> dict[str, str]:
    """The attributes ``names``, with which the message must begin, in this order; those that follow may."""
    parts = text.split(",")
    found: dict[str, str] = {}
    for name, part in zip(names, parts, strict=False):
        if part[:2] != f"{name}=" or len(part) == 2:
            break
        found[name] = part[2:]
    if len(found) < len(names) or any(part[1:2] != "=" for part in parts):
        raise LoginFailed(f"the message does not begin with the attributes {', '.join(names)}")
    return found


def _name(escaped: str) -> str:
    """A user name as it is: ``=2C`` stands for a comma, ``=3D`` for an equals sign."""
    parts = escaped.split("=")
    for part in parts[1:]:
        if part[:2] not in ("2C", "3D"):
            raise LoginFailed("the user name is not escaped as it must be")
    return parts[0] + "".join({"2C": ",", "3D": "="}[part[:2]] + part[2:] for part in parts[1:])


def _decoded(text: str, size: int | None = None) -> bytes:
    try:
        data = base64.b64decode(text.encode("ascii"), validate=True)
    except (binascii.Error, ValueError):
        raise LoginFailed("the message holds no valid base64 text where it must") from None
    if size is not None and len(data) != size:
        raise LoginFailed("the proof has the wrong length")
    return data
