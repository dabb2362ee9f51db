"""The REST shapes of all types: every member of the contract, and what an answer leaves out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec import inspect

from brookmill.connections import CONNECTIONS
from brookmill.domain.connection import secrets
from brookmill.domain.secret import Secret
from brookmill.operations.answer import answer
from brookmill.operations.body import Body

SAMPLES: dict[str, Any] = json.loads(
    (Path(__file__).parents[1] / "cases" / "connections" / "samples.json").read_text("utf-8")
)

ACCESS = {"connectionId", "name", "tgwRouteId", "type"}
PUBLIC_PRIVATE = {"publicPrivateNetworking": {"access": {"connectionId", "type"}}}
NETWORKING = {"networking": {"access": ACCESS}}
AWS = {"aws": {"roleArn", "testBucket"}}

#: Admin API contract, section (b). A set stands for members that are no objects.
MEMBERS: dict[str, dict[str, Any]] = {
    "Sample": {},
    "Cluster": {"clusterGroupId": None, "clusterName": None, "dbRoleToExecute": {"role", "type"}},
    "Kafka": {
        "authentication": {
            "aws": {"roleArn", "testBucket"},
            **dict.fromkeys(
                [
                    "clientId",
                    "clientSecret",
                    "mechanism",
                    "method",
                    "password",
                    "saslOauthbearerExtensions",
                    "scope",
                    "sslCertificate",
                    "sslKey",
                    "sslKeyPassword",
                    "tokenEndpointUrl",
                    "username",
                ]
            ),
        },
        "bootstrapServers": None,
        "config": None,
        **NETWORKING,
        "security": {"brokerPublicCertificate", "protocol"},
    },
    "Https": {"headers": None, "url": None},
    "AWSLambda": {**AWS, **PUBLIC_PRIVATE},
    "S3": {**AWS, **NETWORKING},
    "AWSKinesisDataStreams": {**AWS, **NETWORKING},
    "SchemaRegistry": {
        "provider": None,
        "schemaRegistryAuthentication": {"password", "type", "username"},
        "schemaRegistryUrls": None,
    },
    "AzureBlobStorage": {
        "azure": {"region", "servicePrincipalId", "storageAccountName"},
        **PUBLIC_PRIVATE,
    },
    "GCPPubSub": {"gcp": {"serviceAccountId"}, **PUBLIC_PRIVATE},
}
COMMON = {"id": None, "name": None, "region": None, "state": None}
WRITE_ONLY = {
    "Kafka": {f"authentication.{name}" for name in ("clientSecret", "password", "sslKey", "sslKeyPassword")},
    "SchemaRegistry": {"schemaRegistryAuthentication.password"},
}
NULLABLE = {"Cluster": {"clusterGroupId", "dbRoleToExecute"}}


def members(kind: inspect.Type) -> Any:
    """The members of a struct type as in ``MEMBERS``."""
    if isinstance(kind, inspect.UnionType):
        kind = next(t for t in kind.types if not isinstance(t, inspect.NoneType))
    if not isinstance(kind, inspect.StructType):
        return None
    return {field.encode_name: members(field.type) for field in kind.fields}


def spelled_out(table: Any) -> Any:
    if isinstance(table, set):
        return dict.fromkeys(table)
    return table if table is None else {name: spelled_out(inner) for name, inner in table.items()}


def test_all_types_are_here() -> None:
    assert set(CONNECTIONS) == set(MEMBERS) == set(SAMPLES)


@pytest.mark.parametrize("name", sorted(MEMBERS))
def test_members(name: str) -> None:
    kind = inspect.type_info(CONNECTIONS[name])
    assert members(kind) == spelled_out(MEMBERS[name] | COMMON)
    assert isinstance(kind, inspect.StructType)
    nullable = {
        field.encode_name
        for field in kind.fields
        if isinstance(field.type, inspect.UnionType)
        and any(isinstance(t, inspect.NoneType) for t in field.type.types)
    }
    assert nullable == NULLABLE.get(name, set())


def write_only(kind: inspect.Type, path: str = "") -> set[str]:
    if isinstance(kind, inspect.CustomType) and kind.cls is Secret:
        return {path}
    if isinstance(kind, inspect.StructType):
        return {p for f in kind.fields for p in write_only(f.type, f"{path}.{f.encode_name}".lstrip("."))}
    return set()


def without_secrets(body: Any, paths: set[str], path: str = "") -> Any:
    if not isinstance(body, dict):
        return body
    inner = {name: f"{path}.{name}".lstrip(".") for name in body}
    return {n: without_secrets(v, paths, inner[n]) for n, v in body.items() if inner[n] not in paths}


@pytest.mark.parametrize("name", sorted(MEMBERS))
def test_the_whole_body_goes_in_and_comes_out_without_its_secrets(name: str) -> None:
    hidden = write_only(inspect.type_info(CONNECTIONS[name]))
    assert hidden == WRITE_ONLY.get(name, set())
    connection = Body.parse(json.dumps(SAMPLES[name]).encode()).into(CONNECTIONS[name])
    assert not list(connection.problems())
    assert answer(connection) == without_secrets(SAMPLES[name], hidden)
    assert {path for path, _ in secrets(connection)} == hidden
    assert "canary" not in repr(connection)
    assert "canary" not in str(answer(connection))
    with pytest.raises(TypeError):
        msgspec.json.encode(connection) if hidden else msgspec.json.encode(object())


def test_an_answer_holds_no_secret_wherever_it_sits() -> None:
    value = {"a": Secret("canary"), "b": [Secret("canary"), 1], "c": {"d": Secret("canary"), "e": 2}}
    assert answer(value) == {"b": [1], "c": {"e": 2}}
