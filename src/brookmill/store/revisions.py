"""Revisions of connections, each sealed as a whole and bound to its number."""

from __future__ import annotations

from contextlib import suppress

import msgspec
from sqlalchemy import Connection as Transaction
from sqlalchemy import RowMapping, bindparam, delete, func, select, update

from brookmill.domain.revision import SERVER, Author, Revision
from brookmill.domain.workspace import Workspace
from brookmill.store import schema
from brookmill.store.connections import connection_of, settings_of
from brookmill.store.rows import storable, struct_of
from brookmill.store.seal import SealError
from brookmill.store.tables import Tables
from brookmill.store.vault import CONNECTIONS, REVISIONS, Vault

#: Revisions of one name that are kept, and how many more there may be before the oldest go.
_KEPT, _SPARE = 1000, 100

_T = schema.connection_revisions
_OF_ONE = (_T.c.workspace_id == bindparam("of_workspace")) & (_T.c.name == bindparam("of_name"))
_NEWEST = select(func.max(_T.c.number)).where(_OF_ONE)
_COUNT = select(func.count()).select_from(_T).where(_OF_ONE)
_SOME = (
    select(_T)
    .where(_OF_ONE, _T.c.number <= bindparam("most"))
    .order_by(_T.c.number.desc())
    .limit(bindparam("count"))
    .offset(bindparam("skip"))
)
_OLD = delete(_T).where(_OF_ONE, _T.c.number <= bindparam("last"))
_LARGEST = 2**31 - 1
_COLUMNS = ("name", "number", "connection_id", "type", "action", "restored", "author")


class Revisions:
    """The part of a ``Session`` that keeps revisions. The session's own methods write them, nobody else."""

    def __init__(self, transaction: Transaction, vault: Vault) -> None:
        self._transaction = transaction
        self._tables = Tables(transaction)
        self._vault = vault

    def newest(self, workspace: Workspace, name: str) -> int:
        """The number of the last write of a connection of that name; 0 when there never was one."""
        return self._transaction.execute(_NEWEST, _of(workspace, name)).scalar() or 0

    def count(self, workspace: Workspace, name: str) -> int:
        return int(self._transaction.execute(_COUNT, _of(workspace, name)).scalar_one())

    def some(
        self, workspace: Workspace, name: str, *, count: int, skip: int = 0, most: int = _LARGEST
    ) -> list[Revision]:
        """Up to ``count`` revisions, newest first, after ``skip``; ``most``: the largest number wanted.

        Raises SealError when a row was tampered with.
        """
        wanted = _of(workspace, name) | {"most": most, "count": count, "skip": skip}
        rows = self._transaction.execute(_SOME, wanted).mappings().all()
        return [self._opened(workspace, row) for row in rows]

    def one(self, workspace: Workspace, name: str, number: int) -> Revision | None:
        """Raises SealError when the row was tampered with."""
        found = self.some(workspace, name, count=1, most=number)
        return found[0] if found and found[0].number == number else None

    def add(self, workspace: Workspace, revision: Revision) -> None:
        """The next one of its name; the oldest go when there are very many."""
        row = {name: getattr(revision, name) for name in _COLUMNS} | {"workspace_id": workspace.id}
        row["author"] = msgspec.to_builtins(revision.author)
        settings = b"" if revision.connection is None else settings_of(revision.connection)
        bound = row | {"group_id": workspace.group_id}
        self._tables.add(_T, row | self._vault.seal(REVISIONS, bound, settings))
        if revision.number > _KEPT and revision.number % _SPARE == 0:
            last = {"last": revision.number - _KEPT}
            self._transaction.execute(_OLD, _of(workspace, revision.name) | last)

    def begin(self) -> None:
        """Make a first revision of every connection from before there were any; once, after an upgrade."""
        t = schema.connections
        for row in self._transaction.execute(CONNECTIONS.rows.where(t.c.revision == 0)).mappings().all():
            kept = self._tables.one(schema.workspaces, id=row["workspace_id"])
            assert kept is not None, "a connection lives and dies with its workspace"
            with suppress(SealError):  # whoever asks for it will hear
                connection = connection_of(row["type"], self._vault.open(CONNECTIONS, row))
                self.add(struct_of(Workspace, kept), Revision.of(connection, 1, SERVER, "CREATE"))
                self._transaction.execute(update(t).where(t.c.serial == row["serial"]).values(revision=1))

    def _opened(self, workspace: Workspace, row: RowMapping) -> Revision:
        settings = self._vault.open(REVISIONS, {**row, "group_id": workspace.group_id})
        columns = {name: row[name] for name in _COLUMNS}
        columns["author"] = msgspec.convert(row["author"], Author)
        return Revision(**columns, connection=connection_of(row["type"], settings) if settings else None)


def _of(workspace: Workspace, name: str) -> dict[str, str | int | None]:
    return {"of_workspace": workspace.id, "of_name": name if storable(name) else None}
