"""Private networks of projects: private links, VPC peerings, private endpoints.

What is being deleted stays for a while and then is gone without anybody's doing: readers leave it out, and
who next adds something to its table takes it away.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import msgspec
from sqlalchemy import Connection as Transaction
from sqlalchemy import Table, delete

from brookmill.domain import private_endpoint, private_link, vpc_peering
from brookmill.domain.private_endpoint import PrivateEndpoint
from brookmill.domain.private_link import PrivateLink
from brookmill.domain.progress import STEP
from brookmill.domain.vpc_peering import VpcPeering
from brookmill.store import schema
from brookmill.store.rows import row_of, struct_of
from brookmill.store.tables import Tables

S = TypeVar("S", bound=msgspec.Struct)


class Networks:
    """The part of a ``Session`` that keeps private networks. Lists come in the order of creation.

    ``now`` is the time at which they are looked at, in seconds since the epoch.
    """

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction
        self._tables = Tables(transaction)

    def links(self, group_id: str, now: float) -> list[PrivateLink]:
        """The private links of a project."""
        found = self._all(PrivateLink, schema.private_links, group_id)
        return [link for link in found if link.state(now) is not None]

    def add_link(self, link: PrivateLink) -> None:
        self._add(schema.private_links, link, link.created, private_link.DELETING)

    def replace_link(self, link: PrivateLink) -> None:
        self._replace(schema.private_links, link, link.group_id, link.id)

    def peerings(self, group_id: str, now: float) -> list[VpcPeering]:
        """The VPC peerings of a project, whatever became of them."""
        found = self._all(VpcPeering, schema.vpc_peerings, group_id)
        return [peering for peering in found if peering.status(now) is not None]

    def add_peering(self, peering: VpcPeering) -> None:
        self._add(schema.vpc_peerings, peering, peering.created, vpc_peering.DELETING)

    def replace_peering(self, peering: VpcPeering) -> None:
        self._replace(schema.vpc_peerings, peering, peering.group_id, peering.id)

    def endpoints(self, group_id: str, now: float) -> list[PrivateEndpoint]:
        """The private endpoints of a project."""
        found = self._all(PrivateEndpoint, schema.private_endpoints, group_id)
        return [endpoint for endpoint in found if endpoint.status(now) is not None]

    def add_endpoint(self, endpoint: PrivateEndpoint) -> None:
        self._add(schema.private_endpoints, endpoint, endpoint.created, private_endpoint.DELETING)

    def replace_endpoint(self, endpoint: PrivateEndpoint) -> None:
        self._replace(schema.private_endpoints, endpoint, endpoint.group_id, endpoint.id)

    def _all(self, type: type[S], table: Table, group_id: str) -> list[S]:
        return [struct_of(type, row) for row in self._tables.all(table, group_id=group_id)]

    def _add(self, table: Table, struct: msgspec.Struct, now: float, deleting: Sequence[object]) -> None:
        """Keep a new one; ``deleting``: the states of what is being deleted, the last of them is gone."""
        gone = now - STEP * (len(deleting) - 1)
        self._transaction.execute(delete(table).where(table.c.deleted <= gone))
        self._tables.add(table, row_of(struct))

    def _replace(self, table: Table, struct: msgspec.Struct, group_id: str, id: str) -> None:
        if self._tables.change(table, row_of(struct), group_id=group_id, id=id) != 1:
            raise LookupError(f"there is no {table.name} row {id} to replace")
