"""Writing to Azure Blob Storage: what arrives, in what pieces, as whom, and what is said when it cannot."""

from __future__ import annotations

import gzip
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
import pytest
from azure_server import ACCOUNT, SECRET, Azure
from servers import Endpoint, Reply, free_port

from brookmill.clock import VirtualClock
from brookmill.connections import Output
from brookmill.connections.azure_blob_storage import AzureBlobStorage, AzureConfig
from brookmill.connections.azure_blob_storage.options import CONTAINER, AzureSinkOptions
from brookmill.connections.azure_blob_storage.sink import azure_sink
from brookmill.connections.objects import PART
from brookmill.connections.objects.sink import ObjectSink
from brookmill.errors import ConnectionFailed

NOW = 1_790_000_000.123


@pytest.fixture(autouse=True)
def believed(azure: Azure, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(azure.authority))


@contextmanager
def opened(
    azure: Azure,
    container: str | None,
    path: str | None = "p",
    *,
    config: dict[str, Any] | None = None,
    account: AzureConfig | None = None,
    settings: dict[str, str | None] | None = None,
    **fields: Any,
) -> Iterator[ObjectSink]:
    given = {"connectionName": "a", "container": "", "path": "", "config": config or {}, **fields}
    options = msgspec.convert(given, AzureSinkOptions)
    constants = {k: v for k, v in (("bucket", container), ("path", path)) if v is not None}
    outside = azure.outside(**(settings or {}))
    opening = azure.opening(VirtualClock(NOW), constants=constants, outside=outside)
    sink = azure_sink(AzureBlobStorage(azure=account or azure.config), options, opening)
    try:
        yield sink
    finally:
        sink.close()


def texts(count: int, start: int = 0) -> list[bytes]:
    return [b'{"n":%d}' % n for n in range(start, start + count)]


def test_a_checkpoint_writes_one_blob_with_all_documents(azure: Azure) -> None:
    container = azure.container()
    with opened(azure, container, "in/day") as sink:
        assert sink.write(Output(texts(2))) == []
        assert sink.write(Output(texts(1, 2))) == []
        assert azure.blobs(container) == {}
        assert sink.flush() == []
        assert sink.flush() == []
    [(name, body)] = azure.blobs(container).items()
    assert re.fullmatch(r"in/day/20260921T141320\.123Z-[0-9a-f-]{36}\.json", name)
    assert body == b'{"n":0}\n{"n":1}\n{"n":2}'
    with azure.client() as client:
        properties = client.get_blob_client(container, name).get_blob_properties()
    assert properties.content_settings.content_type == "application/json"


def test_blobs_may_be_compressed_and_counted(azure: Azure) -> None:
    container = azure.container()
    with opened(azure, container, config={"compression": "gzip", "writeOptions": {"count": 2}}) as sink:
        sink.write(Output(texts(4)))
        blobs = azure.blobs(container)
    assert sorted(gzip.decompress(body) for body in blobs.values()) == [
        b'{"n":0}\n{"n":1}',
        b'{"n":2}\n{"n":3}',
    ]
    assert all(name.endswith(".json.gz") for name in blobs)


@pytest.mark.parametrize("rest", [b"", b"end"])
def test_a_large_blob_goes_in_blocks_and_is_seen_only_when_whole(azure: Azure, rest: bytes) -> None:
    container = azure.container()
    documents = [os.urandom(PART) for _ in range(3)] + [rest]
    config = {"delimiter": "|", "writeOptions": {"bytes": 1024**3}}
    with opened(azure, container, config=config) as sink:
        sink.write(Output(documents))
        assert azure.blobs(container) == {}
        sink.flush()
    assert [*azure.blobs(container).values()] == [b"|".join(documents)]


def test_documents_choose_container_and_path(azure: Azure) -> None:
    one, two = azure.container(), azure.container()
    columns: dict[str, list[Any]] = {
        "bucket": [one, two, one, 5, "Not-A-Container", one],
        "path": ["a", "b", "é/ü", "a", "a", "../x"],
        "meta": [{"i": i} for i in range(6)],
    }
    with opened(azure, None, None, parallelism=4) as sink:
        letters = sink.write(Output(texts(6), columns))
        sink.flush()
    assert [(letter.operator, letter.meta["i"]) for letter in letters] == [
        ("AzureBlobStorageEmitOperator", i) for i in (3, 4, 5)
    ]
    assert {n.rsplit("/", 1)[0]: b for n, b in azure.blobs(one).items()} == {
        "a": texts(1)[0],
        "é/ü": texts(1, 2)[0],
    }
    assert [*azure.blobs(two).values()] == texts(1, 1)


def test_a_service_principal_logs_in_by_its_secret(azure: Azure) -> None:
    container = azure.container()
    azure.login.requests.clear()
    with opened(azure, container, settings=azure.principal) as sink:
        sink.write(Output(texts(1)))
        sink.flush()
    assert [*azure.blobs(container).values()] == texts(1)
    assert [r.method for r in azure.login.requests] == ["GET", "POST"]


WRONG: list[tuple[dict[str, str | None], str, bool]] = [
    (
        {"azure_account_key": "d3Jvbmc="},
        ": the login in Brookmill's settings is not valid there",
        False,
    ),
    ({"azure_account_key": None}, "hold neither azure_account_key nor", False),
    ({"azure_endpoint_url": "https://169.254.169.254/{account}"}, "is at a link-local address", False),
    ({"azure_endpoint_url": f"http://127.0.0.1:{free_port()}/x"}, "Azure does not answer", True),
    ({"azure_endpoint_url": "https://nowhere.invalid/x"}, "nowhere.invalid has no address", True),
]


@pytest.mark.parametrize(("settings", "text", "retry"), WRONG, ids=[w[1] for w in WRONG])
def test_who_may_not_or_cannot_is_told_why(
    azure: Azure, settings: dict[str, str | None], text: str, retry: bool
) -> None:
    with pytest.raises(ConnectionFailed) as failure, opened(azure, azure.container(), settings=settings):
        pass
    assert text in str(failure.value)
    assert failure.value.retry is retry
    for secret in ("d3Jvbmc", azure.key, "Signature", "SharedKey"):
        assert secret not in str(failure.value)


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"azure_client_secret": "wr0ng-s3cret"}, "Microsoft Entra ID answered AADSTS7000215: the client id"),
        ({"azure_client_id": "somebody"}, "AADSTS7000215"),
        ({"azure_tenant_id": "no tenant/"}, "azure_tenant_id or azure_authority_url"),
        ({"azure_authority_url": "https://169.254.169.254"}, "is at a link-local address"),
        ({"azure_authority_url": "https://127.0.0.1:1"}, "Azure does not answer"),
        ({"azure_endpoint_url": "http://127.0.0.1:1/x"}, "needs an azure_endpoint_url with https"),
    ],
)
def test_a_principal_that_cannot_log_in_is_told_why(azure: Azure, settings: Any, text: str) -> None:
    with (
        pytest.raises(ConnectionFailed) as failure,
        opened(azure, azure.container(), settings=azure.principal | settings),
    ):
        pass
    assert text in str(failure.value)
    assert failure.value.retry is text.endswith("not answer")
    assert "wr0ng" not in str(failure.value)
    assert SECRET not in str(failure.value)


def test_the_certificate_must_be_believed(azure: Azure, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    with pytest.raises(ConnectionFailed, match="signed by an unknown authority"), opened(azure, "c-1"):
        pass


def test_a_container_must_be_there(azure: Azure) -> None:
    with (
        pytest.raises(ConnectionFailed, match="c-none: Azure answered ContainerNotFound") as failure,
        opened(azure, "c-none"),
    ):
        pass
    assert not failure.value.retry
    with opened(azure, None) as sink:
        sink.write(Output(texts(1), {"bucket": ["c-none"], "meta": [{}]}))
        with pytest.raises(
            ConnectionFailed, match="write to the Azure container c-none: Azure answered Cont"
        ):
            sink.flush()


@pytest.mark.parametrize("account", ["", "evil.example/", "evil.example#", "UPPER", "a@b"])
def test_an_account_name_leads_to_no_other_host(azure: Azure, account: str) -> None:
    with (
        pytest.raises(ConnectionFailed, match="is not the name of a storage account"),
        opened(azure, "c-1", account=AzureConfig(storage_account_name=account)),
    ):
        pass


def test_a_busy_account_is_asked_again(azure: Azure, endpoint: Endpoint) -> None:
    answers = iter([Reply(503, b""), Reply(200, b"")])
    endpoint.answer = lambda _: next(answers)
    with opened(azure, "c-1", settings={"azure_endpoint_url": endpoint.url}):
        pass
    assert len(endpoint.requests) == 2


@pytest.mark.parametrize(
    ("name", "right"),
    [("abc", True), ("a-b-c", True), ("$root", True), ("a" * 63, True), ("1a2", True)]
    + [(n, False) for n in ("ab", "a" * 64, "Abc", "a--b", "-ab", "ab-", "a_b", "a.b", "abc\n", "a/b", "")],
)
def test_names_of_containers(name: str, right: bool) -> None:
    assert bool(CONTAINER.fullmatch(name)) is right


def test_the_account_is_the_connections(azure: Azure) -> None:
    assert ACCOUNT in azure.url
    with (
        pytest.raises(ConnectionFailed, match="Azure answered"),
        opened(azure, "c-1", account=AzureConfig(storage_account_name="otheraccount")),
    ):
        pass
