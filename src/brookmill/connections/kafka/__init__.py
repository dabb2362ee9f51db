"""Kafka: any broker of the Kafka protocol, to read from and to write to."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, ClassVar, Self

import msgspec
from msgspec import UNSET, UnsetType

from brookmill.connections import CONNECTIONS, Opening, Sink, Source
from brookmill.connections.aws import AWSConfig
from brookmill.connections.host import is_http_url, is_server
from brookmill.connections.kafka.options import KafkaProbe, KafkaSinkOptions, KafkaSourceOptions
from brookmill.connections.networking import (
    IMMUTABLE,
    PUBLIC,
    Access,
    Networking,
    is_private,
    networking_problems,
)
from brookmill.domain.connection import Connection, Variants
from brookmill.domain.secret import Secret

if TYPE_CHECKING:
    from brookmill.connections.ladder import Ladder

_USER = frozenset({"username", "password"})
_OIDC = frozenset(
    {"method", "token_endpoint_url", "client_id", "client_secret", "scope", "sasl_oauthbearer_extensions"}
)

#: Protocols between client and broker; upstream does not compare them with the mechanism, nor do we.
PROTOCOLS = frozenset({"PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"})

_KEY = re.compile(r"[A-Za-z0-9._-]{1,128}")


class Authentication(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Upstream's ``StreamsKafkaAuthentication``: without ``mechanism`` it is mutual TLS."""

    variants: ClassVar[Variants] = Variants(
        "mechanism",
        {
            "PLAIN": _USER,
            "SCRAM-256": _USER,
            "SCRAM-512": _USER,
            "OAUTHBEARER": _OIDC,
            "AWS_MSK_IAM": frozenset({"aws"}),
        },
    )

    aws: AWSConfig | UnsetType = UNSET
    client_id: str | UnsetType = UNSET
    client_secret: Secret | UnsetType = UNSET
    mechanism: str | UnsetType = UNSET
    method: str | UnsetType = UNSET
    password: Secret | UnsetType = UNSET
    sasl_oauthbearer_extensions: str | UnsetType = UNSET
    scope: str | UnsetType = UNSET
    ssl_certificate: str | UnsetType = UNSET
    ssl_key: Secret | UnsetType = UNSET
    ssl_key_password: Secret | UnsetType = UNSET
    token_endpoint_url: str | UnsetType = UNSET
    username: str | UnsetType = UNSET

    def problems(self) -> Iterator[str]:
        """What keeps this from being a way to log in."""
        if self.mechanism is not UNSET and self.mechanism not in self.variants.members:
            yield "Invalid mechanism"
        if self.method not in (UNSET, "OIDC"):
            yield "Invalid method"
        if self.token_endpoint_url is not UNSET and not is_http_url(self.token_endpoint_url):
            yield "Invalid tokenEndpointUrl"
        yield from self._gaps()

    def _gaps(self) -> Iterator[str]:
        needed: tuple[str, ...] = ()
        if self.variants.members.get(str(self.mechanism)) is _USER:
            needed = ("username", "password")
        elif self.mechanism == "OAUTHBEARER":
            needed = ("token_endpoint_url", "client_id", "client_secret")
        for wire, name in zip(self.__struct_encode_fields__, self.__struct_fields__, strict=True):
            if name in needed and getattr(self, name) is UNSET:
                yield f"authentication.{wire} is required for mechanism {self.mechanism}"


class Security(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Upstream's ``StreamsKafkaSecurity``; the certificate is the broker's CA as PEM, returned verbatim."""

    broker_public_certificate: str | UnsetType = UNSET
    protocol: str | UnsetType = UNSET


@CONNECTIONS("Kafka")
class Kafka(Connection, frozen=True, kw_only=True, tag="Kafka"):
    """``bootstrap_servers``: ``host[:port]`` with commas, kept verbatim. ``config`` goes to the client."""

    required = ("bootstrapServers",)
    immutable = IMMUTABLE
    certificates = ("authentication.sslCertificate", "security.brokerPublicCertificate")
    source_options: ClassVar[type[KafkaSourceOptions]] = KafkaSourceOptions
    sink_options: ClassVar[Mapping[str, type[KafkaSinkOptions]]] = {"$emit": KafkaSinkOptions}
    probe_options: ClassVar[type[KafkaProbe]] = KafkaProbe

    authentication: Authentication | UnsetType = UNSET
    bootstrap_servers: str | UnsetType = UNSET
    config: dict[str, str] | UnsetType = UNSET
    networking: Networking | UnsetType = UNSET
    security: Security | UnsetType = UNSET

    @property
    def private(self) -> bool:
        return is_private(self.networking)

    def filled(self) -> Self:
        networking = Networking() if self.networking is UNSET else self.networking
        access = Access() if networking.access is UNSET else networking.access
        if access.type is UNSET:
            access = msgspec.structs.replace(access, type=PUBLIC)
        return msgspec.structs.replace(self, networking=msgspec.structs.replace(networking, access=access))

    def problems(self) -> Iterator[str]:
        if self.bootstrap_servers is not UNSET and not all(
            is_server(server.strip()) for server in self.bootstrap_servers.split(",")
        ):
            yield "Invalid bootstrapServers"
        if self.authentication is not UNSET:
            yield from self.authentication.problems()
        if self.security is not UNSET and self.security.protocol not in (UNSET, *PROTOCOLS):
            yield "Invalid protocol"
        if self.config is not UNSET and not all(map(_KEY.fullmatch, self.config)):
            yield "Invalid config"
        yield from networking_problems(self.networking)

    def open_source(self, options: KafkaSourceOptions, opening: Opening) -> Source:
        """Raises ConnectionFailed."""
        from brookmill.connections.kafka.source import KafkaSource

        return KafkaSource(self, options, opening)

    def open_sink(self, options: KafkaSinkOptions, opening: Opening) -> Sink:
        """Raises ConnectionFailed."""
        from brookmill.connections.kafka.sink import KafkaSink

        return KafkaSink(self, options, opening)

    def probe(self, options: KafkaProbe, opening: Opening, ladder: Ladder) -> None:
        """Raises ConnectionFailed and DocumentError."""
        from brookmill.connections.kafka.probe import probe

        probe(self, options, opening, ladder)
