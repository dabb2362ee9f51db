"""What a request body makes of a connection: a new one, or a kept one with changes."""

from __future__ import annotations

from functools import cache
from typing import Any

import msgspec

from brookmill.connections import CONNECTIONS
from brookmill.domain.connection import Connection, merged, missing
from brookmill.errors import UserError
from brookmill.operations.body import Body

_READ_ONLY = frozenset({"id", "state"})


def created(body: Body, required: tuple[str, ...]) -> Connection:
    """A new connection as the body describes it, checked; ``required``: members that every type needs.

    Raises UserError: MISSING_ATTRIBUTE(S), INVALID_ENUM_VALUE, VALIDATION_ERROR and what bodies raise.
    """
    absent = [name for name in required if body.members.get(name) is None]
    if absent:
        code = "MISSING_ATTRIBUTE" if len(absent) == 1 else "MISSING_ATTRIBUTES"
        raise UserError(code, ", ".join(absent))
    shape = _shape(body.members.get("type"))
    connection: Connection = merged(shape(), _sent(body, shape)).filled()
    if lacking := missing(connection):
        raise UserError("MISSING_ATTRIBUTE", lacking[0], fields=[(path, "is required") for path in lacking])
    _validate(connection)
    return connection


def updated(kept: Connection, body: Body) -> Connection:
    """``kept`` with the body merged into it, checked; raises UserError in the order of c.2, steps 2 to 5."""
    type_ = body.members.get("type")
    if type_ is not None and type_ != kept.type:
        _shape(type_)
        raise UserError("VALIDATION_ERROR", "The type of a connection cannot be changed")
    sent = _sent(body, type(kept))
    if sent.name not in (msgspec.UNSET, kept.name):
        raise UserError("VALIDATION_ERROR", "The name of a connection cannot be changed")
    now: Connection = merged(kept, sent)
    _validate(now)
    return now


def _shape(type_: Any) -> type[Connection]:
    if not isinstance(type_, str):
        raise UserError("INVALID_JSON_ATTRIBUTE", "type", fields=[("type", "must be a string")])
    if type_ not in CONNECTIONS:
        known = ", ".join(sorted(CONNECTIONS))
        raise UserError("INVALID_ENUM_VALUE", type_[:120], fields=[("type", f"must be one of {known}")])
    return CONNECTIONS[type_]


def _sent(body: Body, shape: type[Connection]) -> Connection:
    return body.into(shape, read_only=_READ_ONLY, foreign=_members_of_others(shape))


@cache
def _members_of_others(shape: type[Connection]) -> frozenset[str]:
    """Members that others have and ``shape`` has not: clients send them empty (Terraform: ``headers``)."""
    return frozenset().union(*map(_members, CONNECTIONS.values())) - _members(shape)


def _members(shape: type[Connection]) -> frozenset[str]:
    return frozenset(shape.__struct_encode_fields__)


def _validate(connection: Connection) -> None:
    for problem in connection.problems():
        raise UserError("VALIDATION_ERROR", problem)
