"""Revisions of a connection: what each write made of it, by whom, when and from where."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, Self

import msgspec
from msgspec import UNSET

from brookmill.domain.connection import Connection
from brookmill.domain.secret import Secret

Action = Literal["CREATE", "UPDATE", "DELETE", "ROLLBACK"]


class Author(msgspec.Struct, frozen=True, kw_only=True):
    """Who writes, when and from where.

    ``at``: seconds since the epoch. ``kind``, ``id`` and ``name`` are those of a ``Principal``, or "SERVER"
    for what nobody asked for. ``address`` is the caller's, ``client`` what it calls itself (User-Agent); ""
    where that is not known.
    """

    at: float = 0.0
    kind: str = "SERVER"
    id: str = ""
    name: str = ""
    address: str = ""
    client: str = ""


#: The author of what the server does by itself.
SERVER = Author()


class Revision(msgspec.Struct, frozen=True, kw_only=True):
    """One write. ``number`` counts up from 1 for a name in a workspace, past deletions.

    ``connection``: what it was from then on, None: deleted. ``restored``: the revision that a rollback
    brought back.
    """

    name: str
    number: int
    action: Action
    author: Author
    connection_id: str
    type: str
    restored: int | None = None
    connection: Connection | None = None

    @classmethod
    def of(
        cls, connection: Connection, number: int, author: Author, action: Action, restored: int | None = None
    ) -> Self:
        """The revision that a write of ``connection`` makes."""
        return cls(
            name=str(connection.name),
            number=number,
            action=action if restored is None else "ROLLBACK",
            author=author,
            connection_id=str(connection.id),
            type=connection.type,
            restored=restored,
            connection=None if action == "DELETE" else connection,
        )


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """A member, by its dotted wire path, before and after: UNSET where it was not there.

    Of a ``secret`` one both are UNSET: only that it changed is told.
    """

    path: str
    before: Any = UNSET
    after: Any = UNSET
    secret: bool = False


def changes(before: Connection | None, after: Connection | None) -> list[Change]:
    """How ``after`` differs from ``before``, by path; None is a connection that is not there.

    ``state`` does not count: it is not written by anybody.
    """
    old, new = dict(_members(before)), dict(_members(after))
    return [
        _change(path, old.get(path, UNSET), new.get(path, UNSET))
        for path in sorted({*old, *new})
        if old.get(path, UNSET) != new.get(path, UNSET)
    ]


def _change(path: str, before: Any, after: Any) -> Change:
    if isinstance(before, Secret) or isinstance(after, Secret):
        return Change(path=path, secret=True)
    return Change(path=path, before=before, after=after)


def _members(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Leaves by path: of structs and of mappings, whose every entry is one."""
    if isinstance(value, msgspec.Struct):
        pairs = zip(value.__struct_encode_fields__, value.__struct_fields__, strict=True)
        members = {wire: getattr(value, name) for wire, name in pairs}
        if isinstance(value, Connection):
            members = {"type": value.type, **members, "state": UNSET}
    elif isinstance(value, dict):
        members = value
    else:
        if path and value is not UNSET:
            yield path, value
        return
    for name, member in members.items():
        yield from _members(member, f"{path}.{name}".lstrip("."))
