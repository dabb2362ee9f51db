"""AzureBlobStorage: containers that ``$emit`` writes blobs to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, ClassVar

import msgspec
from msgspec import UNSET, UnsetType

from brookmill.connections import CONNECTIONS, Opening, Sink
from brookmill.connections.azure_blob_storage.options import AzureProbe, AzureSinkOptions
from brookmill.connections.networking import (
    IMMUTABLE_PUBLIC_PRIVATE,
    PublicPrivateNetworking,
    is_private,
    networking_problems,
)
from brookmill.domain.connection import Connection

if TYPE_CHECKING:
    from brookmill.connections.ladder import Ladder


class AzureConfig(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Upstream's ``AzureConnection``. ``region`` is deprecated there, yet Terraform wants it back as sent."""

    region: str | UnsetType = UNSET
    service_principal_id: str | UnsetType = UNSET
    storage_account_name: str | UnsetType = UNSET


@CONNECTIONS("AzureBlobStorage")
class AzureBlobStorage(Connection, frozen=True, kw_only=True, tag="AzureBlobStorage"):
    """Acts under the service principal of ``azure``."""

    immutable = IMMUTABLE_PUBLIC_PRIVATE
    probe_options: ClassVar[type[AzureProbe]] = AzureProbe
    sink_options: ClassVar[Mapping[str, type[AzureSinkOptions]]] = {"$emit": AzureSinkOptions}

    azure: AzureConfig | UnsetType = UNSET
    public_private_networking: PublicPrivateNetworking | UnsetType = UNSET

    @property
    def private(self) -> bool:
        return is_private(self.public_private_networking)

    def problems(self) -> Iterator[str]:
        yield from networking_problems(self.public_private_networking)

    def open_sink(self, options: AzureSinkOptions, opening: Opening) -> Sink:
        """Raises ConnectionFailed."""
        from brookmill.connections.azure_blob_storage.sink import azure_sink

        return azure_sink(self, options, opening)

    def probe(self, options: AzureProbe, opening: Opening, ladder: Ladder) -> None:
        """Raises ConnectionFailed."""
        from brookmill.connections.azure_blob_storage.probe import probe

        probe(self, options, opening, ladder)
