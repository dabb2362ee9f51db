"""Conditions of a write: the ETag of what is to be changed, and ``If-Match``. Reference: RFC 9110, 13.1.1."""

from __future__ import annotations

from brookmill.domain.connection import Connection
from brookmill.errors import UserError
from brookmill.operations import Call


def tag(connection: Connection, revision: int) -> str:
    """The strong entity tag of a connection, without quotes; the id tells apart what had the name before."""
    return f"{connection.id}-{revision}"


def check_match(call: Call, name: str, now: str | None) -> None:
    """Refuse the write unless ``If-Match``, if sent, names the tag ``now``; None: there is nothing.

    Weak tags match nothing. Raises PRECONDITION_FAILED.
    """
    sent = call.headers.get("if-match")
    if sent is None:
        return
    named = {word.strip() for word in sent.split(",")}
    if now is None or not named & {"*", f'"{now}"'}:
        raise UserError("PRECONDITION_FAILED", name, "none" if now is None else f'"{now}"')
