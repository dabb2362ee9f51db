"""Processors that write to Azure Blob Storage, from a real worker."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from azure_server import Azure
from mill import Mill
from servers import wait_until

from brookmill.connections.azure_blob_storage import AzureBlobStorage
from brookmill.errors import ConnectionFailed

Make = Callable[..., Mill]


def emit(container: Any, **fields: Any) -> dict[str, Any]:
    return {
        "$emit": {"connectionName": "a", "container": container, "path": {"$concat": ["n/", "$k"]}, **fields}
    }


SOURCE = {"$source": {"documents": [{"n": n, "k": "ab"[n % 2]} for n in range(10)]}}


@pytest.mark.parametrize("parallelism", [1, 3])
def test_documents_become_blobs(
    mill: Make, azure: Azure, parallelism: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(azure.authority))
    container = azure.container()
    here = mill(azure_endpoint_url=azure.outside().azure_endpoint_url, **azure.principal)
    here.connect("a", AzureBlobStorage(azure=azure.config))
    partition = {"partitionBy": "$k"} if parallelism > 1 else {}
    here.process(SOURCE, emit(container, parallelism=parallelism, **partition))
    here.stats(outputMessageCount=10)
    here.supervisor.stop(here.processor.id)
    blobs = wait_until(lambda: azure.blobs(container), what="blobs")
    texts = {name.rsplit("/", 1)[0]: body for name, body in blobs.items()}
    numbers = {path: [json.loads(line)["n"] for line in body.splitlines()] for path, body in texts.items()}
    assert numbers == {"n/a": [0, 2, 4, 6, 8], "n/b": [1, 3, 5, 7, 9]}


def test_a_wrong_secret_fails_the_processor_and_stays_secret(
    mill: Make, azure: Azure, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(azure.authority))
    settings = azure.principal | {"azure_client_secret": "hush-hush"}
    here = mill(azure_endpoint_url=azure.outside().azure_endpoint_url, **settings)
    here.connect("a", AzureBlobStorage(azure=azure.config))
    with pytest.raises(ConnectionFailed, match="Microsoft Entra ID answered AADSTS7000215"):
        here.process(SOURCE, emit(azure.container()))
    assert "hush" not in here.failed()
    assert "hush" not in repr(here.settings)


def test_a_server_without_a_login_says_so(mill: Make, azure: Azure) -> None:
    here = mill(azure_endpoint_url=azure.outside().azure_endpoint_url)
    here.connect("a", AzureBlobStorage(azure=azure.config))
    with pytest.raises(ConnectionFailed, match="neither azure_account_key nor azure_tenant_id") as failure:
        here.process(SOURCE, emit(azure.container()))
    assert failure.value.code == 420
