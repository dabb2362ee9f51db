"""Who is at the other end of a connection, as far as is known."""

from __future__ import annotations

from dataclasses import dataclass

from brookmill.wire.login import Login


@dataclass(slots=True)
class Peer:
    """``number``: of the connection. ``address``: the peer's. ``server_name``: what a TLS client called us.

    ``application``: what the client calls itself in its first hello, "" before. ``doomed``: the connection is
    to end after the answer.
    """

    number: int
    address: str
    login: Login
    server_name: str | None = None
    application: str = ""
    doomed: bool = False

    @property
    def is_mongosh(self) -> bool:
        return self.application.startswith("mongosh")
