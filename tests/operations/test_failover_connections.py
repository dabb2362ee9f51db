"""Failover connections: what they share with the connections whose place they take, and what is theirs."""

from __future__ import annotations

from typing import Any

import pytest
from networks import LINK

from brookmill.domain.connection import secrets

LIST = "listGroupStreamConnectionFailoverConnections"
CREATE = "createGroupStreamConnectionFailoverConnection"
GET, UPDATE = (
    "getGroupStreamConnectionFailoverConnection",
    "updateGroupStreamConnectionFailoverConnection",
)
DELETE = "deleteGroupStreamConnectionFailoverConnection"
KAFKA = {"type": "Kafka", "bootstrapServers": "b:1", "region": "OHIO_USA"}
PLAIN = {"mechanism": "PLAIN", "username": "u", "password": "canary-1"}


@pytest.fixture
def connected(ask: Any) -> Any:
    """Asks about a workspace with the connections ``k`` (Kafka), ``c`` (Cluster) and ``h`` (Https)."""
    ask("createGroupStreamConnection", {"name": "k", "type": "Kafka", "bootstrapServers": "a:1"})
    ask("createGroupStreamConnection", {"name": "c", "type": "Cluster", "clusterName": "a"})
    ask("createGroupStreamConnection", {"name": "h", "type": "Https", "url": "http://a"})
    return ask


def kept_secrets(ask: Any, name: str) -> dict[str, str]:
    """What is kept of the secrets of a connection's first failover connection, by path."""
    with ask.store.read() as session:
        workspace = session.workspace("b" * 24, ask.path["tenantName"])
        connection = session.connection(workspace, name)
        failover = session.failovers.all(connection.id)[0]
    return {path: secret.reveal() for path, secret in secrets(failover)}


def test_it_comes_and_changes_and_goes(connected: Any) -> None:
    made = connected(CREATE, KAFKA | {"authentication": PLAIN, "name": "k"}, connectionName="k")
    public = {"mechanism": "PLAIN", "username": "u"}
    filled = {"id": made["id"], "state": "READY", "networking": {"access": {"type": "PUBLIC"}}}
    assert made == KAFKA | {"authentication": public, "name": "k"} | filled
    one = {"connectionName": "k", "failoverConnectionId": made["id"]}
    assert connected(GET, **one) == made
    assert connected(LIST, connectionName="k") == {"results": [made], "totalCount": 1}
    patch = {"bootstrapServers": "c:1", "authentication": {"username": "v"}, "headers": {}}
    changed = connected(UPDATE, patch, **one)
    assert changed == made | {"bootstrapServers": "c:1", "authentication": public | {"username": "v"}}
    assert kept_secrets(connected, "k") == {"authentication.password": "canary-1"}
    assert connected(LIST, connectionName="c")["totalCount"] == 0
    assert connected("listGroupStreamConnections")["totalCount"] == 3, "it is no connection itself"
    assert connected.error(GET, **one | {"connectionName": "c"}).status == 404
    assert connected(DELETE, **one) is None
    for operation in (GET, UPDATE, DELETE):
        error = connected.error(operation, b"{no JSON", **one)
        assert (error.code, error.status) == ("STREAM_FAILOVER_CONNECTION_NOT_FOUND", 404)


def test_it_goes_with_its_connection(connected: Any) -> None:
    connected(CREATE, {"type": "Cluster", "clusterName": "b"}, connectionName="c")
    connected("deleteGroupStreamConnection", connectionName="c")
    error = connected.error(LIST, connectionName="c")
    assert error.code == "STREAM_CONNECTION_NOT_FOUND_FOR_NAME"
    connected("createGroupStreamConnection", {"name": "c", "type": "Cluster", "clusterName": "a"})
    assert connected(LIST, connectionName="c")["results"] == []


def test_one_for_each_region(connected: Any) -> None:
    first = connected(CREATE, KAFKA, connectionName="k")["id"]
    error = connected.error(CREATE, KAFKA | {"bootstrapServers": "x:1"}, connectionName="k")
    assert (error.code, error.status) == ("STREAM_FAILOVER_CONNECTION_ALREADY_EXISTS", 409)
    second = connected(CREATE, KAFKA | {"region": "OREGON_USA"}, connectionName="k")["id"]
    one = {"connectionName": "k", "failoverConnectionId": second}
    assert connected.error(UPDATE, {"region": "OHIO_USA"}, **one).status == 409
    assert connected(UPDATE, {"region": "PARIS_FRA"}, **one)["region"] == "PARIS_FRA"
    assert [f["id"] for f in connected(LIST, connectionName="k")["results"]] == [first, second]


@pytest.mark.parametrize(
    ("name", "body", "code", "detail"),
    [
        ("k", {}, "MISSING_ATTRIBUTE", "type"),
        ("k", {"type": "Kafka"}, "MISSING_ATTRIBUTE", "bootstrapServers"),
        ("k", {"type": "Cluster", "clusterName": "b"}, "VALIDATION_ERROR", "of the connection, Kafka"),
        ("h", {"type": "Https", "url": "http://a"}, "VALIDATION_ERROR", "Https cannot have failover"),
        ("k", KAFKA | {"bootstrapServers": " "}, "VALIDATION_ERROR", "Invalid bootstrapServers"),
        ("k", KAFKA | {"url": "http://a"}, "INVALID_ATTRIBUTE", "url"),
        ("k", KAFKA | {"networking": {"access": {"type": "VPC", "connectionId": LINK}}}, None, "only"),
        ("nope", {}, "STREAM_CONNECTION_NOT_FOUND_FOR_NAME", "nope"),
    ],
)
def test_refused(connected: Any, name: str, body: Any, code: str | None, detail: str) -> None:
    error = connected.error(CREATE, body, connectionName=name)
    assert error.code == (code or "VALIDATION_ERROR")
    assert detail in error.detail


def test_its_networking_and_type_stay(connected: Any) -> None:
    access = {"networking": {"access": {"type": "PRIVATE_LINK", "connectionId": LINK}}}
    made = connected(CREATE, KAFKA | access, connectionName="k")
    one = {"connectionName": "k", "failoverConnectionId": made["id"]}
    assert made["state"] == "PENDING"
    connected.clock.advance(2)
    assert connected(GET, **one)["state"] == "READY"
    public = {"networking": {"access": {"type": "PUBLIC"}}}
    assert connected.error(UPDATE, public, **one).code == "VALIDATION_ERROR", "an id needs a private link"
    vpc = {"networking": {"access": {"connectionId": "32b6e34b3d91647abb20e7b9"}}}
    assert connected.error(UPDATE, vpc, **one).code == "STREAM_NETWORKING_CANNOT_BE_MODIFIED"
    assert "cannot be changed" in connected.error(UPDATE, {"type": "Cluster"}, **one).detail
