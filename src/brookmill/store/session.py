"""What one transaction can read and write: organizations, projects, workspaces and everything in them."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec
from msgspec import UNSET
from sqlalchemy import ColumnElement, RowMapping, Select, Table, delete, insert, select, update
from sqlalchemy import Connection as Transaction

from brookmill.domain.cluster import Cluster
from brookmill.domain.connection import Connection
from brookmill.domain.processor import Processor, State
from brookmill.domain.secret import Secret
from brookmill.domain.workspace import Group, Organization, Workspace
from brookmill.store import schema
from brookmill.store.access import Access
from brookmill.store.connections import connection_of, settings_of
from brookmill.store.rows import row_of, storable, struct_of
from brookmill.store.seal import Keyring
from brookmill.store.vault import CLUSTERS, CONNECTIONS, Vault

S = TypeVar("S", bound=msgspec.Struct)


class Session:
    """One transaction of a ``Store``. Lists come in the order of creation; None means no such row.

    ``add_…`` of a name or id that is taken and ``replace_…`` of what is not there are our bugs and raise: an
    operation looks first, in the same transaction. ``access`` holds keys, accounts, roles and tokens;
    ``transaction`` and ``vault`` are for the store's own modules.
    """

    def __init__(self, transaction: Transaction, keyring: Keyring) -> None:
        self.transaction = transaction
        self.vault = Vault(transaction, keyring)
        self.access = Access(transaction, self.vault)

    def _one(self, type: type[S], table: Table, *where: ColumnElement[bool]) -> S | None:
        row = self.transaction.execute(select(table).where(*where)).mappings().first()
        return None if row is None else struct_of(type, row)

    def _all(self, type: type[S], table: Table, *where: ColumnElement[bool]) -> list[S]:
        rows = self.transaction.execute(select(table).where(*where).order_by(table.c.serial))
        return [struct_of(type, row) for row in rows.mappings()]

    def _add(self, table: Table, struct: msgspec.Struct) -> None:
        self.transaction.execute(insert(table).values(row_of(struct)))

    def _replace(self, table: Table, struct: msgspec.Struct, id: str) -> None:
        done = self.transaction.execute(update(table).where(table.c.id == id).values(row_of(struct)))
        _expect_one(done.rowcount, table, id)

    # --- organizations and projects

    def organizations(self) -> list[Organization]:
        return self._all(Organization, schema.organizations)

    def organization(self, id: str) -> Organization | None:
        return self._one(Organization, schema.organizations, _is(schema.organizations, "id", id))

    def add_organization(self, organization: Organization) -> None:
        self._add(schema.organizations, organization)

    def groups(self, org_id: str | None = None) -> list[Group]:
        """The projects of one organization, or all."""
        t = schema.groups
        return self._all(Group, t, *([] if org_id is None else [_is(t, "org_id", org_id)]))

    def group(self, id: str) -> Group | None:
        return self._one(Group, schema.groups, _is(schema.groups, "id", id))

    def group_by_name(self, name: str, org_id: str | None = None) -> Group | None:
        """The project of that name; names are unique in an organization, so without ``org_id`` the oldest."""
        t = schema.groups
        inside = [] if org_id is None else [_is(t, "org_id", org_id)]
        return next(iter(self._all(Group, t, _is(t, "name", name), *inside)), None)

    def add_group(self, group: Group) -> None:
        self._add(schema.groups, group)

    def replace_group(self, group: Group) -> None:
        self._replace(schema.groups, group, group.id)

    def remove_group(self, id: str) -> None:
        """The project and all that is in it, roles held in it too."""
        self.transaction.execute(delete(schema.groups).where(schema.groups.c.id == id))

    # --- workspaces

    def workspaces(self, group_id: str) -> list[Workspace]:
        return self._all(Workspace, schema.workspaces, _is(schema.workspaces, "group_id", group_id))

    def workspace(self, group_id: str, name: str) -> Workspace | None:
        t = schema.workspaces
        return self._one(Workspace, t, _is(t, "group_id", group_id), _is(t, "name", name))

    def workspace_by_id(self, id: str) -> Workspace | None:
        return self._one(Workspace, schema.workspaces, _is(schema.workspaces, "id", id))

    def add_workspace(self, workspace: Workspace) -> None:
        self._add(schema.workspaces, workspace)

    def replace_workspace(self, workspace: Workspace) -> None:
        self._replace(schema.workspaces, workspace, workspace.id)

    def remove_workspace(self, workspace: Workspace) -> None:
        """The workspace with its connections, processors and checkpoints."""
        self.transaction.execute(delete(schema.workspaces).where(schema.workspaces.c.id == workspace.id))

    # --- connections

    def connections(self, workspace: Workspace) -> list[Connection]:
        """All of a workspace. Raises SealError when a row was tampered with."""
        t = schema.connections
        rows = self.transaction.execute(_in(t, workspace.id).order_by(t.c.serial)).mappings()
        return [self._opened(workspace, row) for row in rows]

    def connection(self, workspace: Workspace, name: str) -> Connection | None:
        """Raises SealError when the row was tampered with."""
        t = schema.connections
        row = self.transaction.execute(_in(t, workspace.id).where(_is(t, "name", name))).mappings().first()
        return None if row is None else self._opened(workspace, row)

    def add_connection(self, workspace: Workspace, connection: Connection) -> None:
        """``id`` and ``name`` must be set."""
        self.transaction.execute(insert(schema.connections).values(self._sealed(workspace, connection)))

    def replace_connection(self, workspace: Workspace, connection: Connection) -> None:
        """The connection with the same ``id``, whole; its place in the order stays."""
        t = schema.connections
        where = (t.c.workspace_id == workspace.id, t.c.id == connection.id)
        done = self.transaction.execute(update(t).where(*where).values(self._sealed(workspace, connection)))
        _expect_one(done.rowcount, t, str(connection.id))

    def remove_connection(self, workspace: Workspace, name: str) -> None:
        t = schema.connections
        self.transaction.execute(delete(t).where(t.c.workspace_id == workspace.id, t.c.name == name))

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
        t = schema.processors
        return self._all(Processor, t, _is(t, "workspace_id", workspace.id))

    def processor(self, workspace: Workspace, name: str) -> Processor | None:
        t = schema.processors
        return self._one(Processor, t, _is(t, "workspace_id", workspace.id), _is(t, "name", name))

    def processor_by_id(self, id: str) -> Processor | None:
        return self._one(Processor, schema.processors, _is(schema.processors, "id", id))

    def started_processors(self) -> list[Processor]:
        """Those that ought to run, of all workspaces."""
        return self._all(Processor, schema.processors, _is(schema.processors, "state", State.STARTED.value))

    def add_processor(self, processor: Processor) -> None:
        self._add(schema.processors, processor)

    def replace_processor(self, processor: Processor) -> None:
        self._replace(schema.processors, processor, processor.id)

    def remove_processor(self, id: str) -> None:
        """The processor and its checkpoint."""
        self.transaction.execute(delete(schema.processors).where(schema.processors.c.id == id))

    def checkpoint(self, processor_id: str) -> bytes | None:
        t = schema.checkpoints
        return self.transaction.execute(select(t.c.data).where(t.c.processor_id == processor_id)).scalar()

    def save_checkpoint(self, processor_id: str, generation: int, data: bytes) -> bool:
        """Keep ``data`` in place of what was there. False: the processor is gone or of a newer generation."""
        t, p = schema.checkpoints, schema.processors
        newest = self.transaction.execute(select(p.c.generation).where(p.c.id == processor_id)).scalar()
        if newest is None or newest > generation:
            return False
        row = {"generation": generation, "data": data}
        if not self.transaction.execute(
            update(t).where(t.c.processor_id == processor_id).values(row)
        ).rowcount:
            self.transaction.execute(insert(t).values(processor_id=processor_id, **row))
        return True

    def remove_checkpoint(self, processor_id: str) -> None:
        t = schema.checkpoints
        self.transaction.execute(delete(t).where(t.c.processor_id == processor_id))

    # --- clusters

    def clusters(self) -> list[Cluster]:
        t = schema.clusters
        return [self._cluster(r) for r in self.transaction.execute(select(t).order_by(t.c.serial)).mappings()]

    def cluster(self, name: str) -> Cluster | None:
        t = schema.clusters
        row = self.transaction.execute(select(t).where(_is(t, "name", name))).mappings().first()
        return None if row is None else self._cluster(row)

    def put_cluster(self, cluster: Cluster) -> None:
        """Add the cluster, or give the one of that name another URI; its id and date stay."""
        kept = self.cluster(cluster.name)
        row: dict[str, Any] = {"id": kept.id if kept else cluster.id, "name": cluster.name}
        row |= self.vault.seal(CLUSTERS, row, cluster.uri.reveal().encode())
        t = schema.clusters
        if kept:
            self.transaction.execute(update(t).where(t.c.id == kept.id).values(row))
        else:
            self.transaction.execute(insert(t).values(created=cluster.created, **row))

    def remove_cluster(self, name: str) -> bool:
        """Whether there was one."""
        t = schema.clusters
        return self.transaction.execute(delete(t).where(t.c.name == name)).rowcount == 1

    def _cluster(self, row: RowMapping) -> Cluster:
        uri = Secret(self.vault.open(CLUSTERS, row).decode())
        return Cluster(id=row["id"], name=row["name"], uri=uri, created=row["created"])


def _is(table: Table, column: str, value: str) -> ColumnElement[bool]:
    """``column`` equals ``value``; a value that no column can hold equals nothing."""
    return table.c[column] == (value if storable(value) else None)


def _in(table: Table, workspace_id: str) -> Select[tuple[object, ...]]:
    return select(table).where(table.c.workspace_id == workspace_id)


def _expect_one(count: int, table: Table, id: str) -> None:
    if count != 1:
        raise LookupError(f"{table.name} holds no {id} to replace")
