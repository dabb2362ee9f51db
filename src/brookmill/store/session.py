"""What one transaction can read and write: organizations, projects, workspaces and everything in them."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import suppress
from typing import Any, TypeVar

import msgspec
from msgspec import UNSET
from sqlalchemy import Connection as Transaction
from sqlalchemy import RowMapping, Table, bindparam, update

from brookmill.domain.cluster import Cluster
from brookmill.domain.connection import Connection
from brookmill.domain.processor import Processor, State
from brookmill.domain.revision import SERVER, Author, Revision
from brookmill.domain.secret import Secret
from brookmill.domain.workspace import Group, Organization, Workspace
from brookmill.store import schema
from brookmill.store.access import Access
from brookmill.store.audit import AuditLog
from brookmill.store.connections import connection_of, settings_of
from brookmill.store.database_users import DatabaseUsers
from brookmill.store.failovers import Failovers
from brookmill.store.known import Known, Recall
from brookmill.store.networks import Networks
from brookmill.store.operational import OperationalLog
from brookmill.store.replies import Replies
from brookmill.store.revisions import Revisions
from brookmill.store.rollouts import Rollouts
from brookmill.store.rows import row_of, struct_of
from brookmill.store.seal import Keyring, SealError
from brookmill.store.tables import Tables
from brookmill.store.vault import CLUSTERS, CONNECTIONS, Vault

S = TypeVar("S", bound=msgspec.Struct)

_T = schema.connections
_REPLACE = (
    update(_T)
    .where(_T.c.workspace_id == bindparam("of_workspace"), _T.c.id == bindparam("of_id"))
    .values(revision=_T.c.revision + 1)
    .returning(_T.c.revision)
)


class Session:
    """One transaction of a ``Store``. Lists come in the order of creation; None means no such row.

    ``add_…`` of a name or id that is taken and ``replace_…`` of what is not there are our bugs and raise: an
    operation looks first, in the same transaction. ``access`` holds keys, accounts, roles and tokens,
    ``database_users`` who may log in with the MongoDB protocol, ``failovers`` and ``networks`` failover
    connections and private networks, ``revisions`` what became of connections, ``replies`` what was answered
    to repeatable writes, ``audit`` who did what, ``operational`` what became of processors; ``transaction``
    and ``vault`` are for the store's own modules.
    """

    def __init__(self, transaction: Transaction, keyring: Keyring, known: Known | None = None) -> None:
        self.transaction = transaction
        self._tables = Tables(transaction)
        self.vault = Vault(transaction, keyring)
        self._recall = Recall(transaction, known)
        self.access = Access(transaction, self.vault, self._recall)
        self.database_users = DatabaseUsers(transaction, self.vault, self._recall)
        self.revisions = Revisions(transaction, self.vault)
        self.replies = Replies(transaction, self.vault)
        self.rollouts = Rollouts(transaction)
        self.failovers = Failovers(transaction, self.vault)
        self.networks = Networks(transaction)
        self.audit = AuditLog(transaction, self.vault)
        self.operational = OperationalLog(transaction)

    def _one(self, type: type[S], table: Table, **values: str) -> S | None:
        row = self._tables.one(table, **values)
        return None if row is None else struct_of(type, row)

    def _all(self, type: type[S], table: Table, **values: str) -> list[S]:
        return [struct_of(type, row) for row in self._tables.all(table, **values)]

    def _add(self, table: Table, struct: msgspec.Struct) -> None:
        self._tables.add(table, row_of(struct))

    def _replace(self, table: Table, struct: msgspec.Struct, id: str) -> None:
        _expect_one(self._tables.change(table, row_of(struct), id=id), table, id)

    # --- organizations and projects

    def organizations(self) -> list[Organization]:
        return self._all(Organization, schema.organizations)

    def organization(self, id: str) -> Organization | None:
        return self._one(Organization, schema.organizations, id=id)

    def add_organization(self, organization: Organization) -> None:
        self._add(schema.organizations, organization)

    def groups(self, org_id: str | None = None) -> list[Group]:
        """The projects of one organization, or all."""
        return self._all(Group, schema.groups, **({} if org_id is None else {"org_id": org_id}))

    def group(self, id: str) -> Group | None:
        return self._recall.get(("group", id), lambda: self._one(Group, schema.groups, id=id))

    def group_by_name(self, name: str, org_id: str | None = None) -> Group | None:
        """The project of that name; names are unique in an organization, so without ``org_id`` the oldest."""
        inside = {} if org_id is None else {"org_id": org_id}
        return self._one(Group, schema.groups, name=name, **inside)

    def add_group(self, group: Group) -> None:
        self._add(schema.groups, group)

    def replace_group(self, group: Group) -> None:
        self._recall.forget()
        self._replace(schema.groups, group, group.id)

    def remove_group(self, id: str) -> None:
        """The project and all that is in it, roles held in it too."""
        self._recall.forget()
        self._tables.remove(schema.groups, id=id)

    # --- workspaces

    def workspaces(self, group_id: str) -> list[Workspace]:
        return self._all(Workspace, schema.workspaces, group_id=group_id)

    def workspace(self, group_id: str, name: str) -> Workspace | None:
        return self._one(Workspace, schema.workspaces, group_id=group_id, name=name)

    def workspace_by_id(self, id: str) -> Workspace | None:
        return self._one(Workspace, schema.workspaces, id=id)

    def add_workspace(self, workspace: Workspace) -> None:
        self._add(schema.workspaces, workspace)

    def replace_workspace(self, workspace: Workspace) -> None:
        self._replace(schema.workspaces, workspace, workspace.id)

    def remove_workspace(self, workspace: Workspace) -> None:
        """The workspace with its connections, processors and checkpoints."""
        self._tables.remove(schema.workspaces, id=workspace.id)

    # --- connections

    def connections(self, workspace: Workspace) -> list[Connection]:
        """All of a workspace. Raises SealError when a row was tampered with."""
        rows = self._tables.all(schema.connections, workspace_id=workspace.id)
        return [self._opened(workspace, row) for row in rows]

    def connection(self, workspace: Workspace, name: str) -> Connection | None:
        """Raises SealError when the row was tampered with."""
        found = self.revised_connection(workspace, name)
        return None if found is None else found[0]

    def connections_of(self, types: Collection[str]) -> Iterator[tuple[Workspace, Connection]]:
        """All of these types, of all workspaces; what was tampered with is left out."""
        workspaces: dict[str, Workspace | None] = {}
        rows = self.transaction.execute(CONNECTIONS.rows.where(_T.c.type.in_(types))).mappings()
        for row in rows.all():
            id = row["workspace_id"]
            if id not in workspaces:
                workspaces[id] = self.workspace_by_id(id)
            workspace = workspaces[id]
            with suppress(SealError):
                if workspace is not None:
                    yield workspace, self._opened(workspace, row)

    def revised_connection(self, workspace: Workspace, name: str) -> tuple[Connection, int] | None:
        """The connection and the number of its newest revision. Raises SealError likewise."""
        row = self._tables.one(schema.connections, workspace_id=workspace.id, name=name)
        return None if row is None else (self._opened(workspace, row), row["revision"])

    def add_connection(
        self,
        workspace: Workspace,
        connection: Connection,
        author: Author = SERVER,
        *,
        restored: int | None = None,
    ) -> int:
        """``id`` and ``name`` must be set. ``restored``: the revision that comes back, after a deletion.

        Like the other writes of connections it makes a revision, and answers its number.
        """
        number = self.revisions.newest(workspace, str(connection.name)) + 1
        row = self._sealed(workspace, connection)
        self._tables.add(schema.connections, row | {"revision": number})
        self.revisions.add(workspace, Revision.of(connection, number, author, "CREATE", restored))
        return number

    def replace_connection(
        self,
        workspace: Workspace,
        connection: Connection,
        author: Author = SERVER,
        *,
        restored: int | None = None,
    ) -> int:
        """The connection with the same ``id``, whole; its place in the order stays."""
        row = self._sealed(workspace, connection)
        where = {"of_workspace": workspace.id, "of_id": connection.id}
        number = self.transaction.execute(_REPLACE, row | where).scalar()
        if number is None:
            raise LookupError(f"connections holds no {connection.id} to replace")
        self.revisions.add(workspace, Revision.of(connection, number, author, "UPDATE", restored))
        return int(number)

    def remove_connection(self, workspace: Workspace, name: str, author: Author = SERVER) -> None:
        """Nothing happens if there is none."""
        found = self.revised_connection(workspace, name)
        if found is not None:
            self._tables.remove(schema.connections, workspace_id=workspace.id, name=name)
            self.revisions.add(workspace, Revision.of(found[0], found[1] + 1, author, "DELETE"))

    def _sealed(self, workspace: Workspace, connection: Connection) -> dict[str, object]:
        if connection.id is UNSET or connection.name is UNSET:
            raise TypeError("a connection is kept under an id and a name")
        row = {name: getattr(connection, name) for name in ("id", "name", "type")}
        row["workspace_id"] = workspace.id
        bound = row | {"group_id": workspace.group_id}
        return row | self.vault.seal(CONNECTIONS, bound, settings_of(connection))

    def _opened(self, workspace: Workspace, row: RowMapping) -> Connection:
        bound = {**row, "group_id": workspace.group_id}
        return connection_of(row["type"], self.vault.open(CONNECTIONS, bound))

    # --- processors and their checkpoints

    def processors(self, workspace: Workspace) -> list[Processor]:
        return self._all(Processor, schema.processors, workspace_id=workspace.id)

    def processor(self, workspace: Workspace, name: str) -> Processor | None:
        return self._one(Processor, schema.processors, workspace_id=workspace.id, name=name)

    def processor_by_id(self, id: str) -> Processor | None:
        return self._one(Processor, schema.processors, id=id)

    def started_processors(self) -> list[Processor]:
        """Those that ought to run, of all workspaces."""
        return self._all(Processor, schema.processors, state=State.STARTED.value)

    def add_processor(self, processor: Processor) -> None:
        self._add(schema.processors, processor)
        self.operational.note(None, processor)

    def replace_processor(self, processor: Processor) -> None:
        before = self.processor_by_id(processor.id)
        self._replace(schema.processors, processor, processor.id)
        self.operational.note(before, processor)

    def remove_processor(self, id: str) -> None:
        """The processor and its checkpoint."""
        self._tables.remove(schema.processors, id=id)

    def checkpoint(self, processor_id: str) -> bytes | None:
        row = self._tables.one(schema.checkpoints, processor_id=processor_id)
        return None if row is None else row["data"]

    def save_checkpoint(self, processor_id: str, generation: int, data: bytes) -> bool:
        """Keep ``data`` in place of what was there. False: the processor is gone or of a newer generation."""
        processor = self._tables.one(schema.processors, id=processor_id)
        if processor is None or processor["generation"] > generation:
            return False
        t, row = schema.checkpoints, {"generation": generation, "data": data}
        if not self._tables.change(t, row, processor_id=processor_id):
            self._tables.add(t, {"processor_id": processor_id, **row})
        return True

    def remove_checkpoint(self, processor_id: str) -> None:
        self._tables.remove(schema.checkpoints, processor_id=processor_id)

    # --- clusters

    def clusters(self) -> list[Cluster]:
        return [self._cluster(row) for row in self._tables.all(schema.clusters)]

    def cluster(self, name: str) -> Cluster | None:
        row = self._tables.one(schema.clusters, name=name)
        return None if row is None else self._cluster(row)

    def put_cluster(self, cluster: Cluster) -> None:
        """Add the cluster, or give the one of that name another URI; its id and date stay."""
        kept = self.cluster(cluster.name)
        row: dict[str, Any] = {"id": kept.id if kept else cluster.id, "name": cluster.name}
        row |= self.vault.seal(CLUSTERS, row, cluster.uri.reveal().encode())
        if kept:
            self._tables.change(schema.clusters, row, id=kept.id)
        else:
            self._tables.add(schema.clusters, {"created": cluster.created, **row})

    def remove_cluster(self, name: str) -> bool:
        """Whether there was one."""
        return self._tables.remove(schema.clusters, name=name) == 1

    def _cluster(self, row: RowMapping) -> Cluster:
        uri = Secret(self.vault.open(CLUSTERS, row).decode())
        return Cluster(id=row["id"], name=row["name"], uri=uri, created=row["created"])


def _expect_one(count: int, table: Table, id: str) -> None:
    if count != 1:
        raise LookupError(f"{table.name} holds no {id} to replace")
