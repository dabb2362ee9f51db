"""GCPPubSub: topics that ``$emit`` publishes to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, ClassVar

import msgspec
from msgspec import UNSET, UnsetType

from brookmill.connections import CONNECTIONS, Opening, Sink
from brookmill.connections.gcp_pub_sub.options import PubSubProbe, PubSubSinkOptions
from brookmill.connections.networking import (
    IMMUTABLE_PUBLIC_PRIVATE,
    PublicPrivateNetworking,
    is_private,
    networking_problems,
)
from brookmill.domain.connection import Connection

if TYPE_CHECKING:
    from brookmill.connections.ladder import Ladder


class GCPConfig(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Upstream's ``StreamsGCPConnectionConfig``."""

    service_account_id: str | UnsetType = UNSET


@CONNECTIONS("GCPPubSub")
class GCPPubSub(Connection, frozen=True, kw_only=True, tag="GCPPubSub"):
    """Acts under the service account of ``gcp``."""

    immutable = IMMUTABLE_PUBLIC_PRIVATE
    probe_options: ClassVar[type[PubSubProbe]] = PubSubProbe
    sink_options: ClassVar[Mapping[str, type[PubSubSinkOptions]]] = {"$emit": PubSubSinkOptions}

    gcp: GCPConfig | UnsetType = UNSET
    public_private_networking: PublicPrivateNetworking | UnsetType = UNSET

    @property
    def private(self) -> bool:
        return is_private(self.public_private_networking)

    def problems(self) -> Iterator[str]:
        yield from networking_problems(self.public_private_networking)

    def open_sink(self, options: PubSubSinkOptions, opening: Opening) -> Sink:
        """Raises ConnectionFailed."""
        from brookmill.connections.gcp_pub_sub.sink import PubSubSink

        return PubSubSink(self, options, opening)

    def probe(self, options: PubSubProbe, opening: Opening, ladder: Ladder) -> None:
        """Raises ConnectionFailed."""
        from brookmill.connections.gcp_pub_sub.probe import probe

        probe(self, options, opening, ladder)
