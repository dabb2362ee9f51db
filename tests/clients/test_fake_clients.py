"""What clients that are not at hand send, message by message. Admin API contract, section (e)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from served import Bearer, Served


class ChallengedEveryTime(httpx.DigestAuth):
    """Go's Digest client: every request goes out bare first, then once more with the answer."""

    def auth_flow(self, request: httpx.Request) -> Any:
        self._last_challenge = None
        yield from super().auth_flow(request)


@dataclass
class GoSDK:
    """Terraform, Atlas CLI, the Kubernetes operator: resource version in Accept and Content-Type."""

    client: httpx.Client
    version: str = "2023-02-01"

    def __call__(self, method: str, path: str, body: Any = None) -> Any:
        media = f"application/vnd.atlas.{self.version}+json"
        headers = {"Accept": media, "User-Agent": "go-atlas-sdk-admin/v20250312023.0.0"}
        if body is not None:
            headers["Content-Type"] = media
        answer = self.client.request(method, path, json=body, headers=headers)
        assert answer.headers["content-type"] in {f"{media};charset=utf-8", "application/json"}
        return answer

    def ok(self, method: str, path: str, body: Any = None) -> Any:
        answer = self(method, path, body)
        assert answer.is_success, answer.text
        return answer.json()


@pytest.fixture
def digest(served: Served) -> httpx.Client:
    return served.client(ChallengedEveryTime(*served.api_key()))


@pytest.fixture
def streams(served: Served) -> str:
    return f"/groups/{served.own.id}/streams"


#: Plans of ``mongodbatlas_stream_connection``, before and after.
TERRAFORM: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "Cluster": (
        {"clusterName": "Cluster0", "dbRoleToExecute": {"role": "atlasAdmin", "type": "BUILT_IN"}},
        {"clusterName": "Cluster1", "dbRoleToExecute": {"role": "readAnyDatabase", "type": "BUILT_IN"}},
    ),
    "Kafka": (
        {
            "authentication": {"mechanism": "PLAIN", "username": "user", "password": "canary-1"},
            "bootstrapServers": "localhost:9092,localhost:9092",
            "config": {"auto.offset.reset": "earliest"},
            "networking": {"access": {"type": "PUBLIC"}},
            "security": {"protocol": "SASL_PLAINTEXT"},
        },
        {
            "authentication": {"mechanism": "PLAIN", "username": "other", "password": "canary-2"},
            "bootstrapServers": "localhost:9093",
            "config": {"auto.offset.reset": "latest"},
            "networking": {"access": {"type": "PUBLIC"}},
            "security": {"protocol": "SASL_PLAINTEXT"},
        },
    ),
    "Https": (
        {"url": "https://example.com", "headers": {"a": "1", "b": "2"}},
        {"url": "https://example.org", "headers": {"a": "1"}},
    ),
    "AWSLambda": (
        {"aws": {"roleArn": "arn:aws:iam::1:role/a"}},
        {"aws": {"roleArn": "arn:aws:iam::1:role/b"}},
    ),
    "Sample": ({}, {}),
}


@pytest.mark.parametrize("type_", sorted(TERRAFORM))
def test_terraform(served: Served, digest: httpx.Client, streams: str, type_: str) -> None:
    call, (before, after) = GoSDK(digest), TERRAFORM[type_]
    connections = f"{streams}/{served.workspace().name}/connections"
    name = "sample_stream_solar" if type_ == "Sample" else f"{type_}-it"
    one, plan = f"{connections}/{name}", {"name": name, "type": type_}
    call.ok("POST", connections, plan | before)
    state = call.ok("GET", one)
    assert state["state"] == "READY", "it waits for READY and takes no answer without a state"
    assert not {key for key in state if key not in plan | before} - {"id", "region", "state"}
    call.ok("PATCH", one, plan | {"headers": {}} | after)
    state = call.ok("GET", one)
    planned = {key: value for key, value in after.items() if key != "authentication"}
    assert {key: state[key] for key in planned} == planned, "no drift"
    assert "canary" not in str(state)
    call.ok("PATCH", one, plan | {"headers": {}} | after)
    assert call.ok("GET", one) == state, "a second apply changes nothing"
    imported = call.ok("GET", f"{connections}?itemsPerPage=100&pageNum=1")
    assert (imported["results"], imported["totalCount"]) == ([state], 1)
    assert call.ok("DELETE", one) == {}
    gone = call("GET", one)
    assert (gone.status_code, gone.json()["errorCode"]) == (404, "STREAM_CONNECTION_NOT_FOUND_FOR_NAME")


def test_terraform_clears_headers(served: Served, digest: httpx.Client, streams: str) -> None:
    call, connections = GoSDK(digest), f"{streams}/{served.workspace().name}/connections"
    plan = {"name": "h", "type": "Https", "url": "https://example.com"}
    call.ok("POST", connections, plan | {"headers": {"a": "1"}})
    assert call.ok("PATCH", f"{connections}/h", plan | {"headers": {}})["headers"] == {}


def test_go_sdk_with_a_service_account(served: Served, streams: str) -> None:
    account, form = served.account(), {"grant_type": "client_credentials"}
    got = httpx.post(f"{served.url}/api/oauth/token", data=form, auth=account)
    token = got.json()
    assert token["token_type"] == "Bearer"
    assert token["expires_in"] > 600, "Terraform refreshes a token that has less than ten minutes left"
    call = GoSDK(served.client(Bearer(token["access_token"])))
    one = f"{streams}/{served.workspace().name}/connections"
    call.ok("POST", one, {"name": "k", "type": "Kafka", "bootstrapServers": "a:1"})
    changed = call.ok("PATCH", f"{one}/k", {"name": "k", "type": "Kafka", "bootstrapServers": "b:1"})
    assert changed["bootstrapServers"] == "b:1"
    for _ in range(2):  # the second time it is unknown, which is no error either
        revoked = httpx.post(
            f"{served.url}/api/oauth/revoke", data={"token": token["access_token"]}, auth=account
        )
        assert (revoked.status_code, revoked.content) == (200, b"")
    assert call("GET", f"{one}/k").status_code == 401


def test_atlas_cli(served: Served, digest: httpx.Client, streams: str) -> None:
    call = GoSDK(digest)
    region = {"cloudProvider": "AWS", "region": "VIRGINIA_USA", "links": []}
    workspace = call.ok(
        "POST",
        streams,
        {
            "name": "cli",
            "groupId": served.own.id,
            "dataProcessRegion": region,
            "streamConfig": {"tier": "SP30", "links": []},
            "connections": [],
            "links": [],
        },
    )
    assert workspace["streamConfig"] == {"tier": "SP30"}
    assert "links" not in workspace
    call.ok("PATCH", f"{streams}/cli", {"cloudProvider": "AWS", "region": "OHIO_USA", "links": []})
    connections = f"{streams}/cli/connections"
    file: dict[str, Any] = {
        "type": "Kafka",
        "authentication": {"mechanism": "SCRAM-256", "username": "admin", "password": "canary", "links": []},
        "bootstrapServers": "example.com:8080,fraud.example.com:8000",
        "security": {"protocol": "PLAINTEXT", "links": []},
        "config": {"auto.offset.reset": "earliest"},
        "links": [],
    }
    made = call.ok("POST", connections, file | {"name": "k"})
    assert made["networking"] == {"access": {"type": "PUBLIC"}}
    file["authentication"]["mechanism"] = "SCRAM-512"
    file["security"] = {"protocol": "SSL", "brokerPublicCertificate": "PEM"}
    changed = call.ok("PATCH", f"{connections}/k", file | {"name": "k"})
    assert changed["authentication"] == {"mechanism": "SCRAM-512", "username": "admin"}
    assert (changed["networking"], changed["region"]) == (made["networking"], made["region"])
    assert "state" not in changed
    assert call.ok("DELETE", f"{connections}/k") == {}
    assert call.ok("DELETE", f"{streams}/cli") == {}


def test_mcp_server(served: Served, streams: str) -> None:
    client = served.client(served.bearer(), accept="application/vnd.atlas.2025-03-12+json")
    path = f"{streams}/{served.workspace().name}/connections"
    made = client.post(path, json={"name": "c1", "type": "Https", "url": "https://example.com"})
    assert made.headers["content-type"] == "application/vnd.atlas.2023-02-01+json;charset=utf-8"
    assert client.get(f"{path}/c1").json()["type"] == "Https"
    changed = client.patch(f"{path}/c1", json={"headers": {"x": "y"}, "type": "Https", "name": "c1"})
    assert (changed.json()["url"], changed.json()["headers"]) == ("https://example.com", {"x": "y"})
    listed = client.get(path, params={"itemsPerPage": 100, "pageNum": 1}).json()
    assert [c["name"] for c in listed["results"]] == ["c1"]
    processors = client.get(path.removesuffix("connections") + "processors")
    assert (processors.status_code, processors.json()["results"]) == (200, [])
    assert client.delete(f"{path}/c1").json() == {}


def test_a_client_that_finds_its_connection_in_private_networking(
    served: Served, digest: httpx.Client, streams: str
) -> None:
    call, connections = GoSDK(digest), f"{streams}/{served.workspace().name}/connections"
    access = {"type": "PRIVATE_LINK", "connectionId": "32b6e34b3d91647abb20e7b8"}
    body = {"name": "k", "type": "Kafka", "bootstrapServers": "a:1", "networking": {"access": access}}
    assert call.ok("POST", connections, body)["state"] == "PENDING"
    refused = call("DELETE", f"{connections}/k")
    assert (refused.status_code, refused.json()["errorCode"]) == (409, "STREAM_KAFKA_CONNECTION_IS_DEPLOYING")
    served.clock.shift += 2
    assert call.ok("GET", f"{connections}/k")["state"] == "READY"
    assert call.ok("DELETE", f"{connections}/k") == {}
