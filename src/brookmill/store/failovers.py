"""Failover connections: each takes the place of one connection elsewhere, and has secrets of its own."""

from __future__ import annotations

from sqlalchemy import Connection as Transaction

from brookmill.domain.connection import Connection
from brookmill.store import schema
from brookmill.store.connections import connection_of, settings_of
from brookmill.store.rows import Row
from brookmill.store.tables import Tables
from brookmill.store.vault import FAILOVER_CONNECTIONS, Vault


class Failovers:
    """The part of a ``Session`` that keeps failover connections, in the order of creation.

    ``connection_id`` is the id of the connection whose place they take, which they live and die with.
    """

    def __init__(self, transaction: Transaction, vault: Vault) -> None:
        self._tables = Tables(transaction)
        self._vault = vault

    def all(self, connection_id: str) -> list[Connection]:
        """Raises SealError when a row was tampered with."""
        rows = self._tables.all(schema.failover_connections, connection_id=connection_id)
        return [self._opened(row) for row in rows]

    def one(self, connection_id: str, id: str) -> Connection | None:
        """Raises SealError when the row was tampered with."""
        row = self._tables.one(schema.failover_connections, connection_id=connection_id, id=id)
        return None if row is None else self._opened(row)

    def add(self, connection_id: str, failover: Connection) -> None:
        """Its ``id`` must be set."""
        self._tables.add(schema.failover_connections, self._sealed(connection_id, failover))

    def replace(self, connection_id: str, failover: Connection) -> None:
        """The one with the same ``id``, whole."""
        row, id = self._sealed(connection_id, failover), str(failover.id)
        if self._tables.change(schema.failover_connections, row, connection_id=connection_id, id=id) != 1:
            raise LookupError(f"there is no failover connection {id} to replace")

    def remove(self, connection_id: str, id: str) -> None:
        self._tables.remove(schema.failover_connections, connection_id=connection_id, id=id)

    def _sealed(self, connection_id: str, failover: Connection) -> dict[str, object]:
        row = {"id": failover.id, "connection_id": connection_id, "type": failover.type}
        return row | self._vault.seal(FAILOVER_CONNECTIONS, row, settings_of(failover))

    def _opened(self, row: Row) -> Connection:
        return connection_of(row["type"], self._vault.open(FAILOVER_CONNECTIONS, row))
