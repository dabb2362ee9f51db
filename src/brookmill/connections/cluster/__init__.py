"""Cluster: a MongoDB deployment that the server's configuration knows by name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import msgspec
from msgspec import UNSET, UnsetType

from brookmill.connections import CONNECTIONS, Asker, Opening, Sink, Source
from brookmill.connections.cluster.ask_options import CachedLookupOptions, LookupOptions
from brookmill.connections.cluster.probe_options import ClusterProbe
from brookmill.connections.cluster.source_options import ChangeStreamOptions
from brookmill.connections.cluster.write_options import MergeOptions, TimeSeriesOptions
from brookmill.domain.connection import Connection
from brookmill.domain.names import is_id

if TYPE_CHECKING:
    from brookmill.connections.cluster.dead_letters import ClusterDeadLetters
    from brookmill.connections.ladder import Ladder


class DBRoleToExecute(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The database role under which a processor reads and writes in Atlas.

    Kept and returned. Here the user in the cluster's URI, which the server's configuration holds, decides
    what a processor may do: grant that user the role meant.
    """

    role: str | UnsetType = UNSET
    type: Literal["BUILT_IN", "CUSTOM"] | UnsetType = UNSET


@CONNECTIONS("Cluster")
class Cluster(Connection, frozen=True, kw_only=True, tag="Cluster"):
    """``cluster_group_id`` is another project of the organization. Null clears it, and the role."""

    required = ("clusterName",)
    source_options: ClassVar[type[ChangeStreamOptions]] = ChangeStreamOptions
    sink_options: ClassVar[Mapping[str, type[Any]]] = {"$merge": MergeOptions, "$emit": TimeSeriesOptions}
    asker_options: ClassVar[Mapping[str, type[Any]]] = {
        "$lookup": LookupOptions,
        "$cachedLookup": CachedLookupOptions,
    }

    probe_options: ClassVar[type[ClusterProbe]] = ClusterProbe

    cluster_group_id: str | UnsetType | None = UNSET
    cluster_name: str | UnsetType = UNSET
    db_role_to_execute: DBRoleToExecute | UnsetType | None = UNSET

    def problems(self) -> Iterator[str]:
        if self.cluster_group_id and not is_id(self.cluster_group_id):
            yield "Invalid clusterGroupId"
        if self.cluster_name == "":
            yield "Invalid clusterName"

    def open_source(self, options: ChangeStreamOptions, opening: Opening) -> Source:
        """Raises ConnectionFailed."""
        from brookmill.connections.cluster.source import ClusterSource

        return ClusterSource(self, options, opening)

    def open_sink(self, options: MergeOptions | TimeSeriesOptions, opening: Opening) -> Sink:
        """Raises ConnectionFailed."""
        if isinstance(options, MergeOptions):
            from brookmill.connections.cluster.merge import MergeSink

            return MergeSink(self, options, opening)
        from brookmill.connections.cluster.time_series import TimeSeriesSink

        return TimeSeriesSink(self, options, opening)

    def open_asker(self, options: LookupOptions | CachedLookupOptions, opening: Opening) -> Asker:
        """Raises ConnectionFailed."""
        if isinstance(options, LookupOptions):
            from brookmill.connections.cluster.lookup import Lookup

            return Lookup(self, options, opening)
        from brookmill.connections.cluster.cached_lookup import CachedLookup

        return CachedLookup(self, options, opening)

    def probe(self, options: ClusterProbe, opening: Opening, ladder: Ladder) -> None:
        """Raises ConnectionFailed."""
        from brookmill.connections.cluster.probe import probe

        probe(self, options, opening, ladder)

    def open_dead_letters(
        self, db: str, coll: str, opening: Opening, *, processor: str, instance: str | None
    ) -> ClusterDeadLetters:
        """The dead letters of ``processor``, in a collection. ``instance``: its workspace's name if it has to
        be told. Raises ConnectionFailed.
        """
        from brookmill.connections.cluster.dead_letters import ClusterDeadLetters
        from brookmill.connections.cluster.namespace import Namespace

        return ClusterDeadLetters(self, Namespace(db, coll), opening, processor=processor, instance=instance)
