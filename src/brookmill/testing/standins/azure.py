"""Azure containers in memory."""

from __future__ import annotations

from brookmill.connections import Opening, Sink
from brookmill.connections.azure_blob_storage import AzureBlobStorage
from brookmill.connections.azure_blob_storage.options import CONTAINER, AzureSinkOptions
from brookmill.connections.objects.sink import ObjectSink
from brookmill.testing.standins import STANDINS
from brookmill.testing.stored import Stored
from brookmill.testing.world import World


@STANDINS("AzureBlobStorage")
class PlayedAzure(AzureBlobStorage, frozen=True, kw_only=True, tag="AzureBlobStorage"):
    """``world``: of the test."""

    world: World

    def open_sink(self, options: AzureSinkOptions, opening: Opening) -> Sink:
        return ObjectSink(
            operator=options.operator,
            config=options.config,
            parallelism=options.parallelism,
            bucket=CONTAINER,
            begin=lambda container, name, kind: Stored(self.world.objects, container, name, kind),
            opening=opening,
        )
