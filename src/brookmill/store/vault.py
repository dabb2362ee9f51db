"""Sealed values of one transaction: which key seals, and which row each value belongs to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection as Transaction
from sqlalchemy import Select, Table, insert, select, update

from brookmill.store import schema
from brookmill.store.rows import Row
from brookmill.store.seal import Keyring


@dataclass(frozen=True)
class Shelf:
    """A table of sealed values: ``content`` says what they are, ``bound`` which columns they are bound to.

    ``rows`` reads the table together with those of the bound columns that stand in another one.
    """

    table: Table
    content: str
    bound: tuple[str, ...]
    rows: Select[Any]

    def place(self, row: Row) -> tuple[str, ...]:
        """What the value of ``row`` is bound to; a value under another row does not open."""
        return (self.table.name, self.content, *(str(row[column]) for column in self.bound))


CONNECTIONS = Shelf(
    schema.connections,
    "settings",
    ("group_id", "workspace_id", "id", "name", "type"),
    select(schema.connections, schema.workspaces.c.group_id).join(schema.workspaces),
)
REVISIONS = Shelf(
    schema.connection_revisions,
    "settings",
    ("group_id", "workspace_id", "connection_id", "name", "type", "number"),
    select(schema.connection_revisions, schema.workspaces.c.group_id).join(schema.workspaces),
)
REPLIES = Shelf(schema.replies, "reply", ("principal_id", "key"), select(schema.replies))
FAILOVER_CONNECTIONS = Shelf(
    schema.failover_connections,
    "settings",
    ("connection_id", "id", "type"),
    select(schema.failover_connections),
)
CLUSTERS = Shelf(schema.clusters, "uri", ("id", "name"), select(schema.clusters))
API_KEYS = Shelf(schema.api_keys, "ha1", ("org_id", "id", "public_key"), select(schema.api_keys))
DATABASE_USERS = Shelf(
    schema.database_users, "scram", ("group_id", "id", "name"), select(schema.database_users)
)

AUDIT_HEAD = Shelf(schema.audit_head, "hash", ("number",), select(schema.audit_head))

_CURRENT = select(schema.sealing.c.key_id)

SHELVES = (
    CONNECTIONS,
    REVISIONS,
    REPLIES,
    FAILOVER_CONNECTIONS,
    CLUSTERS,
    API_KEYS,
    DATABASE_USERS,
    AUDIT_HEAD,
)


class Vault:
    """Seals with the key that the database names at this moment, opens with whichever key a row names.

    Because writers are serialised, a row written after a rotation began is never sealed with the old key.
    """

    def __init__(self, transaction: Transaction, keyring: Keyring) -> None:
        self._transaction = transaction
        self._keyring = keyring
        self._current: str | None = None

    def current(self) -> str | None:
        """The id of the key that seals; None in a database that has none yet."""
        if self._current is None:
            self._current = self._transaction.execute(_CURRENT).scalar()
        return self._current

    def choose(self, id: str) -> None:
        """Seal with this key from now on, in every process."""
        change = insert(schema.sealing).values(one=1) if self.current() is None else update(schema.sealing)
        self._transaction.execute(change.values(key_id=id))
        self._current = id

    def seal(self, shelf: Shelf, row: Row, text: bytes) -> dict[str, Any]:
        """The columns ``key_id`` and ``sealed`` for ``row``. Raises SealError when the key is missing."""
        id = self.current() or self._keyring.ids[0]
        return {"key_id": id, "sealed": self._keyring.seal(id, text, shelf.place(row))}

    def open(self, shelf: Shelf, row: Row) -> bytes:
        """The text sealed in ``row``. Raises SealError when it was changed or belongs to another row."""
        return self._keyring.open(row["key_id"], row["sealed"], shelf.place(row))
