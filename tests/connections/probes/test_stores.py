"""Azure, Pub/Sub and Sample connections with a fault each: where their tests end, and why."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest
from azure_server import Azure
from probes import (
    CANARY,
    CERTIFICATES,
    Fault,
    authority,
    black_hole,
    climbed,
    closed,
    context,
    found,
    rows,
    steps,
)
from pub_sub_server import OTHER, PROJECT, PubSub, key_file, pub_sub
from servers import endpoint

from brookmill.config import Outside
from brookmill.connections.azure_blob_storage import AzureBlobStorage, AzureConfig
from brookmill.connections.gcp_pub_sub import GCPConfig, GCPPubSub
from brookmill.connections.sample import Sample

Made = tuple[Any, dict[str, Any], dict[str, Any]]


def azure_made(
    tried: Callable[[Azure], dict[str, Any]] = lambda _: {},
    settings: Callable[[Azure], dict[str, Any]] = lambda _: {},
    config: AzureConfig | None = None,
) -> Any:
    def make(azure: Azure, _: ExitStack) -> Made:
        connection = AzureBlobStorage(azure=config or azure.config)
        return connection, tried(azure), {"outside": azure.outside(**settings(azure))}

    return make


WRONG = base64.b64encode(CANARY.encode()).decode()
AZURE = {
    "account's name": Fault(
        "settings", "SETTINGS", azure_made(config=AzureConfig(storage_account_name="no/name"))
    ),
    "closed port": Fault(
        "connect",
        "REFUSED",
        azure_made(settings=lambda _: {"azure_endpoint_url": f"https://127.0.0.1:{closed()}/{{account}}"}),
    ),
    "no login in the settings": Fault(
        "authenticate", "SETTINGS", azure_made(settings=lambda _: {"azure_account_key": None})
    ),
    "account's key": Fault(
        "authenticate", "CREDENTIALS", azure_made(settings=lambda _: {"azure_account_key": WRONG})
    ),
    "client's secret": Fault(
        "authenticate",
        "CREDENTIALS",
        azure_made(settings=lambda azure: azure.principal | {"azure_client_secret": CANARY}),
    ),
    "missing container": Fault("authorize", "NOT_FOUND", azure_made(lambda _: {"container": "never-there"})),
}


@pytest.mark.parametrize("fault", AZURE)
def test_a_fault_of_azure_is_seen_where_it_is(
    azure: Azure, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(azure.authority))
    found(AZURE[fault], azure)


def test_an_unknown_authority(azure: Azure) -> None:
    found(Fault("tls", "CERTIFICATE_UNTRUSTED", azure_made()), azure)


@pytest.mark.parametrize("principal", [False, True])
def test_azure_is_climbed_to_the_end(azure: Azure, monkeypatch: pytest.MonkeyPatch, principal: bool) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(azure.authority))
    settings = azure.principal if principal else {}
    container = azure.container()
    made = azure_made(lambda _: {"container": container}, lambda _: settings)
    connection, tried, told = made(azure, ExitStack())
    lowest = ["settings", "resolve", "connect", "tls", "authenticate"]
    assert steps(climbed(connection, {}, **told)) == lowest
    assert steps(climbed(connection, tried, **told)) == [*lowest, "authorize"]
    assert azure.blobs(container) == {}


@dataclass
class Google:
    """A project, and what tests change about this machine."""

    project: PubSub
    directory: Path
    environment: pytest.MonkeyPatch


@pytest.fixture
def google(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Google]:
    with pub_sub(tmp_path) as running:
        yield Google(running, tmp_path, monkeypatch)


def topic(name: Callable[[PubSub], str], account: str | None = None) -> Any:
    def make(google: Google, _: ExitStack) -> Made:
        connection = GCPPubSub(gcp=GCPConfig(service_account_id=account)) if account else GCPPubSub()
        tried = {"projectId": PROJECT, "topic": name(google.project)}
        return connection, tried, {"outside": google.project.outside()}

    return make


def set_to(settings: Callable[[Google, ExitStack], dict[str, Any]]) -> Any:
    def make(google: Google, stack: ExitStack) -> Made:
        return GCPPubSub(), {}, {"outside": google.project.outside(**settings(google, stack))}

    return make


def certified(wrong: str) -> Any:
    def make(google: Google, stack: ExitStack) -> dict[str, Any]:
        ca, file = authority(google.directory)
        google.environment.setenv("SSL_CERT_FILE", file)
        return {"gcp_endpoint_url": stack.enter_context(endpoint(context(ca, wrong))).url}

    return set_to(make)


def stranger(google: Google, _: ExitStack) -> dict[str, Any]:
    """The key of somebody whom Google does not know."""
    file = google.directory / "stranger.json"
    key_file(file, google.project.url)
    return {"gcp_credentials_file": str(file)}


def denied(project: PubSub) -> str:
    name = project.topic()
    project.denied.add(name)
    return name


PUB_SUB = {
    "closed port": Fault(
        "connect", "REFUSED", set_to(lambda _, __: {"gcp_endpoint_url": f"http://127.0.0.1:{closed()}"})
    ),
    "black hole": Fault(
        "connect",
        "NO_ANSWER",
        set_to(lambda _, s: {"gcp_endpoint_url": f"http://127.0.0.1:{s.enter_context(black_hole())}"}),
        2.0,
    ),
    "metadata": Fault(
        "resolve", "FORBIDDEN_ADDRESS", set_to(lambda _, __: {"gcp_endpoint_url": "http://169.254.169.254"})
    ),
    **{name: Fault("tls", code, certified(name)) for name, code in CERTIFICATES.items()},
    "no key file": Fault(
        "authenticate", "SETTINGS", set_to(lambda _, __: {"gcp_credentials_file": "/never/there"})
    ),
    "key": Fault("authenticate", "CREDENTIALS", set_to(stranger)),
    "account": Fault(
        "authenticate", "CREDENTIALS", topic(lambda project: project.topic(), "x@y.iam.gserviceaccount.com")
    ),
    "missing topic": Fault("authorize", "NOT_FOUND", topic(lambda _: "never-there")),
    "denied topic": Fault("authorize", "DENIED", topic(denied)),
    "topic of nothing": Fault(
        "settings", "SETTINGS", lambda google, _: (GCPPubSub(), {"topic": "some-topic"}, {})
    ),
}


@pytest.mark.parametrize("fault", rows(PUB_SUB, ["black hole"]))
def test_a_fault_of_pub_sub_is_seen_where_it_is(google: Google, fault: str) -> None:
    found(PUB_SUB[fault], google)


@pytest.mark.parametrize("account", [None, OTHER])
def test_pub_sub_is_climbed_to_the_end(google: Google, account: str | None) -> None:
    connection, tried, told = topic(lambda project: project.topic(), account)(google, ExitStack())
    assert steps(climbed(connection, tried, **told)) == [
        *("settings", "resolve", "connect", "authenticate", "authorize")
    ]
    assert google.project.publishers == []


def test_a_sample_is_read() -> None:
    report = climbed(Sample(name="sample_stream_solar"), {}, outside=Outside())
    assert steps(report) == ["read", "decode"]


def test_what_no_type_knows_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError):
        climbed(AzureBlobStorage(), {"container": "No Container"})
