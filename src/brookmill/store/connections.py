"""A connection as bytes to be sealed, and back; nothing here knows a connection type by name."""

from __future__ import annotations

from typing import Any

import msgspec

from brookmill.connections import CONNECTIONS
from brookmill.domain.connection import Connection
from brookmill.domain.secret import Secret


def reveal(value: Any) -> str:
    """``enc_hook`` for what is written where nobody else reads: sealed, or in a file for its owner only."""
    if isinstance(value, Secret):
        return value.reveal()
    raise NotImplementedError(f"the store cannot keep a {type(value).__name__}")


def hide(type: type, value: Any) -> Any:
    """``dec_hook``: the inverse of ``reveal``."""
    if type is Secret and isinstance(value, str):
        return Secret(value)
    raise NotImplementedError(f"the store cannot keep a {type.__name__}")


_encoder = msgspec.json.Encoder(enc_hook=reveal)


def settings_of(connection: Connection) -> bytes:
    """All members that are set, secrets in clear: only to be sealed."""
    return _encoder.encode(connection)


def connection_of(type: str, settings: bytes) -> Connection:
    """The connection that ``settings_of`` wrote. Taking a member away needs a migration."""
    return msgspec.json.decode(settings, type=CONNECTIONS[type], dec_hook=hide)


def kept(settings: bytes) -> Connection:
    """The same, where only the settings themselves tell the type."""
    return connection_of(msgspec.json.decode(settings)["type"], settings)
