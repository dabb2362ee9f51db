"""Database users and what is kept of their passwords: enough to check a login, and that sealed."""

from __future__ import annotations

from sqlalchemy import Connection as Transaction
from sqlalchemy import RowMapping

from brookmill.domain.database_user import DatabaseUser
from brookmill.domain.secret import Secret
from brookmill.store import schema
from brookmill.store.known import Recall
from brookmill.store.rows import row_of, struct_of
from brookmill.store.tables import Tables
from brookmill.store.vault import DATABASE_USERS, Vault


class DatabaseUsers:
    """The part of a ``Session`` that keeps database users. Lists come in the order of creation.

    A ``credential`` is what the wire door makes of a password; nothing here looks into it.
    """

    def __init__(self, transaction: Transaction, vault: Vault, recall: Recall) -> None:
        self._tables = Tables(transaction)
        self._vault = vault
        self._recall = recall

    def all(self) -> list[DatabaseUser]:
        return [_user(row) for row in self._tables.all(schema.database_users)]

    def add(self, user: DatabaseUser, credential: Secret) -> None:
        row = row_of(user)
        row |= self._vault.seal(DATABASE_USERS, row, credential.reveal().encode())
        self._tables.add(schema.database_users, row)

    def replace(self, user: DatabaseUser, credential: Secret | None = None) -> None:
        """Roles and workspaces; ``credential`` None: the password stays."""
        self._recall.forget()
        row = {name: value for name, value in row_of(user).items() if name in ("roles", "workspaces")}
        if credential is not None:
            row |= self._vault.seal(DATABASE_USERS, row_of(user), credential.reveal().encode())
        if self._tables.change(schema.database_users, row, id=user.id) != 1:
            raise LookupError(f"there is no database user {user.id} to replace")

    def remove(self, name: str) -> bool:
        """Whether there was one. Whoever is logged in as him may do nothing any more."""
        self._recall.forget()
        return self._tables.remove(schema.database_users, name=name) == 1

    def by_name(self, name: str) -> tuple[DatabaseUser, Secret] | None:
        """The user and his credential, read anew each time. Raises SealError for a row tampered with."""
        row = self._tables.one(schema.database_users, name=name)
        if row is None:
            return None
        return _user(row), Secret(self._vault.open(DATABASE_USERS, row).decode())

    def by_id(self, id: str) -> DatabaseUser | None:
        """As the user is now; remembered until something changes."""
        return self._recall.get(("database user", id), lambda: self._found(id))

    def _found(self, id: str) -> DatabaseUser | None:
        row = self._tables.one(schema.database_users, id=id)
        return None if row is None else _user(row)


def _user(row: RowMapping) -> DatabaseUser:
    return struct_of(DatabaseUser, row)
