"""The connections that a pipeline seems to use: where only names are told, the types follow from the use."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from brookmill.connections import CONNECTIONS
from brookmill.domain.connection import Connection, missing
from brookmill.domain.secret import Secret

#: Members of ``$source`` and ``$emit`` that only one type has; the first that is there decides.
_SOURCES = (("topic", "Kafka"), ("stream", "AWSKinesisDataStreams"), ("db", "Cluster"), ("coll", "Cluster"))
_EMITS = (
    ("projectId", "GCPPubSub"),
    ("topic", "Kafka"),
    ("stream", "AWSKinesisDataStreams"),
    ("bucket", "S3"),
    ("container", "AzureBlobStorage"),
    ("coll", "Cluster"),
)
_STAGES = {
    "$merge": "Cluster",
    "$lookup": "Cluster",
    "$cachedLookup": "Cluster",
    "$vectorSearch": "Cluster",
    "$https": "Https",
    "$externalFunction": "AWSLambda",
    "$iceberg": "S3",
}
_HOLDERS = ("into", "from")
_AWS = {"aws": {"roleArn": "arn:aws:iam::123456789012:role/test"}}
#: What types need to be whole, where a test says nothing; ``{name}`` is the connection's,
#: ``{host}`` the same as a part of a host name.
_MEMBERS: Mapping[str, Mapping[str, Any]] = {
    "AWSKinesisDataStreams": _AWS,
    "AWSLambda": _AWS,
    "AzureBlobStorage": {"azure": {"servicePrincipalId": "0" * 24, "storageAccountName": "test"}},
    "Cluster": {"clusterName": "{name}"},
    "GCPPubSub": {"gcp": {"serviceAccountId": "0" * 24}},
    "Https": {"url": "https://{host}.test"},
    "Kafka": {"bootstrapServers": "kafka.test:9092"},
    "S3": _AWS,
    "SchemaRegistry": {
        "provider": "CONFLUENT",
        "schemaRegistryUrls": ["https://{host}.test"],
        "schemaRegistryAuthentication": {"type": "USER_INFO", "username": "u", "password": "p"},
    },
}
_NO_HOST = re.compile(r"[^a-z0-9]+")


def presumed(name: str, kind: str) -> Connection:
    """A connection of this type, whole but made up."""
    return defined({"name": name, "type": kind, **_members(kind, name)})


def defined(spec: Mapping[str, Any]) -> Connection:
    """A connection as the Admin API writes it, checked. Raises ValueError."""
    kind = spec.get("type")
    if not isinstance(kind, str) or kind not in CONNECTIONS:
        raise ValueError(f"connection {spec.get('name')}: type must be one of {', '.join(CONNECTIONS)}")
    try:
        made = msgspec.convert(dict(spec), CONNECTIONS[kind], dec_hook=_hidden)
    except msgspec.ValidationError as e:
        raise ValueError(f"connection {spec.get('name')}: {e}") from e
    for path in missing(made):
        raise ValueError(f"connection {spec.get('name')} of type {kind} needs {path}")
    for problem in made.problems():
        raise ValueError(f"connection {spec.get('name')}: {problem}")
    return made.filled()


def uses(pipeline: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    """Name and type of every connection that the stages use, those inside windows too."""
    for stage in pipeline:
        for name, spec in stage.items() if isinstance(stage, Mapping) else ():
            if isinstance(spec, Mapping):
                yield from _named(name, spec)
                inner = spec.get("pipeline")
                if isinstance(inner, Sequence) and not isinstance(inner, str):
                    yield from uses(inner)


def _named(stage: str, spec: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for holder in (spec, *(spec.get(name) for name in _HOLDERS)):
        if isinstance(holder, Mapping) and isinstance(name := holder.get("connectionName"), str):
            yield name, _kind(stage, spec, name)
    registry = spec.get("schemaRegistry")
    if isinstance(registry, Mapping) and isinstance(name := registry.get("connectionName"), str):
        yield name, "SchemaRegistry"


def _kind(stage: str, spec: Mapping[str, Any], name: str) -> str:
    if stage == "$source":
        kind = next((kind for member, kind in _SOURCES if member in spec), None)
        return kind or ("Sample" if name.startswith("sample") else "Cluster")
    if stage == "$emit":
        return next((kind for member, kind in _EMITS if member in spec), "Kafka")
    return _STAGES.get(stage, "Cluster")


def _members(kind: str, name: str) -> Mapping[str, Any]:
    host = _NO_HOST.sub("-", name.lower()).strip("-") or "connection"

    def filled(value: Any) -> Any:
        if isinstance(value, str):
            return value.format(name=name, host=host)
        return [filled(item) for item in value] if isinstance(value, list) else value

    return {member: filled(value) for member, value in _MEMBERS.get(kind, {}).items()}


def _hidden(kind: type, value: Any) -> Any:
    if kind is Secret:
        return Secret(value)
    raise NotImplementedError(f"a connection cannot hold a {kind.__name__}")
