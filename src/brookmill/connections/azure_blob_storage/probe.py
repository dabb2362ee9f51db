"""The test of an Azure connection: the storage account, the login, a container that may be written to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import UNSET

from brookmill.connections import Opening
from brookmill.connections.azure_blob_storage.account import account_url, blob_client
from brookmill.connections.azure_blob_storage.options import AzureProbe
from brookmill.connections.azure_blob_storage.trouble import failing
from brookmill.connections.ladder import Ladder
from brookmill.connections.reach import place_of, reach

if TYPE_CHECKING:
    from brookmill.connections.azure_blob_storage import AzureBlobStorage

#: What would be written, and the id of its one block.
_BLOB, _BLOCK = "brookmill-connection-test", "MDAwMDAw"


def probe(connection: AzureBlobStorage, options: AzureProbe, opening: Opening, ladder: Ladder) -> None:
    """Stages a block and never commits it: that needs the right to write, and Azure forgets it after a week.

    Raises ConnectionFailed.
    """
    with ladder.step("settings") as seen:
        url = account_url(connection.azure, opening.outside)
        place = place_of(url)
        seen["login"] = "account key" if opening.outside.azure_account_key else "service principal"
    reach([place], opening, ladder)
    with ladder.step("authenticate"):
        client = blob_client(connection.azure, opening, 1)
        if opening.outside.azure_account_key:
            with failing("Could not log in to the Azure storage account"):
                client.get_account_information()
    with client:
        if options.container is UNSET:
            return
        with ladder.step("authorize") as seen:
            with failing(f"Could not find the Azure container {options.container}"):
                client.get_container_client(options.container).get_container_properties()
            with failing(f"Could not write to the Azure container {options.container}"):
                client.get_blob_client(options.container, _BLOB).stage_block(_BLOCK, b"{}")
            seen["container"] = options.container
