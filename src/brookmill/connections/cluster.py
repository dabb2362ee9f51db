"""Cluster: a MongoDB deployment that the server's configuration knows by name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import msgspec
from msgspec import UNSET, UnsetType

from brookmill.connections import CONNECTIONS
from brookmill.domain.connection import Connection
from brookmill.domain.names import is_id


class DBRoleToExecute(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The database role under which a processor reads and writes."""

    role: str | UnsetType = UNSET
    type: Literal["BUILT_IN", "CUSTOM"] | UnsetType = UNSET


@CONNECTIONS("Cluster")
class Cluster(Connection, frozen=True, kw_only=True, tag="Cluster"):
    """``cluster_group_id`` is another project of the organization. Null clears it, and the role."""

    required = ("clusterName",)

    cluster_group_id: str | UnsetType | None = UNSET
    cluster_name: str | UnsetType = UNSET
    db_role_to_execute: DBRoleToExecute | UnsetType | None = UNSET

    def problems(self) -> Iterator[str]:
        if self.cluster_group_id and not is_id(self.cluster_group_id):
            yield "Invalid clusterGroupId"
        if self.cluster_name == "":
            yield "Invalid clusterName"
