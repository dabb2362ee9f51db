"""Writes blobs to Azure: small ones whole, large ones in blocks."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from brookmill.connections import Opening
from brookmill.connections.azure_blob_storage.account import blob_client
from brookmill.connections.azure_blob_storage.options import CONTAINER, AzureSinkOptions
from brookmill.connections.azure_blob_storage.trouble import failing
from brookmill.connections.objects.sink import ObjectSink

if TYPE_CHECKING:
    from azure.storage.blob import BlobServiceClient

    from brookmill.connections.azure_blob_storage import AzureBlobStorage


def azure_sink(connection: AzureBlobStorage, options: AzureSinkOptions, opening: Opening) -> ObjectSink:
    """Raises ConnectionFailed, also when there is no container of a name that is the same for all
    documents.
    """
    client = blob_client(connection.azure, opening, options.parallelism)
    container = opening.constants.get("bucket")
    if container is not None:
        with failing(f"Could not find the Azure container {container}"):
            client.get_container_client(container).get_container_properties()
    return ObjectSink(
        operator=options.operator,
        config=options.config,
        parallelism=options.parallelism,
        bucket=CONTAINER,
        begin=lambda container, name, content_type: BlobUpload(client, container, name, content_type),
        opening=opening,
    )


class BlobUpload:
    """An ``Upload``. Blocks that are never committed vanish by themselves after a week."""

    def __init__(self, client: BlobServiceClient, container: str, name: str, content_type: str) -> None:
        self._blob = client.get_blob_client(container, name)
        self._what = f"Could not write to the Azure container {container}"
        self._content_type = content_type
        self._blocks: list[str] = []

    def part(self, data: bytes) -> None:
        with failing(self._what):
            self._stage(data)

    def finish(self, data: bytes) -> None:
        from azure.storage.blob import BlobBlock, ContentSettings

        settings = ContentSettings(content_type=self._content_type)
        with failing(self._what):
            if not self._blocks:
                # The name is unique: what is there already is the same blob, of a try whose answer was lost.
                self._blob.upload_blob(data, overwrite=True, content_settings=settings)
                return
            if data:
                self._stage(data)
            self._blob.commit_block_list([BlobBlock(i) for i in self._blocks], content_settings=settings)

    def abandon(self) -> None:
        """Nothing to take back."""

    def _stage(self, data: bytes) -> None:
        block = base64.b64encode(f"{len(self._blocks):06}".encode()).decode()
        self._blob.stage_block(block, data)
        self._blocks.append(block)
