"""SchemaRegistry: where Kafka stages find the Avro schemas of their messages."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar, Literal

import msgspec
from msgspec import UNSET, UnsetType

from brookmill.connections import CONNECTIONS, Opening
from brookmill.connections.host import is_http_url
from brookmill.connections.schema_registry.options import RegistryProbe
from brookmill.domain.connection import Connection, Variants
from brookmill.domain.secret import Secret
from brookmill.errors import ConnectionFailed

if TYPE_CHECKING:
    from brookmill.connections.kafka import Kafka
    from brookmill.connections.ladder import Ladder
    from brookmill.connections.schema_registry.registry import Registry


class SchemaRegistryAuthentication(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """SASL_INHERIT takes the credentials of the Kafka connection; USER_INFO has its own."""

    variants: ClassVar[Variants] = Variants(
        "type", {"USER_INFO": frozenset({"username", "password"}), "SASL_INHERIT": frozenset()}
    )

    password: Secret | UnsetType = UNSET
    type: Literal["USER_INFO", "SASL_INHERIT"] | UnsetType = UNSET
    username: str | UnsetType = UNSET

    def problems(self) -> Iterator[str]:
        """Which member the type asks for and does not find."""
        if self.type == "USER_INFO":
            for name, value in (("username", self.username), ("password", self.password)):
                if value is UNSET:
                    yield f"schemaRegistryAuthentication.{name} is required for type USER_INFO"


@CONNECTIONS("SchemaRegistry")
class SchemaRegistry(Connection, frozen=True, kw_only=True, tag="SchemaRegistry"):
    """At most ten URLs, each once."""

    required = (
        "provider",
        "schemaRegistryAuthentication",
        "schemaRegistryAuthentication.type",
        "schemaRegistryUrls",
    )
    probe_options: ClassVar[type[RegistryProbe]] = RegistryProbe

    provider: Literal["CONFLUENT"] | UnsetType = UNSET
    schema_registry_authentication: SchemaRegistryAuthentication | UnsetType = UNSET
    schema_registry_urls: tuple[str, ...] | UnsetType = UNSET

    def problems(self) -> Iterator[str]:
        if self.schema_registry_urls is not UNSET:
            urls = self.schema_registry_urls
            if not all(map(is_http_url, urls)):
                yield "Invalid url"
            if not 1 <= len(urls) <= 10 or len(set(urls)) < len(urls):
                yield "Invalid schemaRegistryUrls: 1 to 10 different URLs are allowed"
        if self.schema_registry_authentication is not UNSET:
            yield from self.schema_registry_authentication.problems()

    def probe(self, options: RegistryProbe, opening: Opening, ladder: Ladder) -> None:
        """Raises ConnectionFailed and DocumentError."""
        from brookmill.connections.schema_registry.probe import probe

        probe(self, options, opening, ladder)


def open_registry(name: str, kafka: Kafka, opening: Opening) -> Registry:
    """The registry that the pipeline calls ``name``. ``kafka``: whose login it may take over.

    Raises ConnectionFailed (420).
    """
    from brookmill.connections.schema_registry.registry import Registry

    connection = opening.connections.get(name)
    if not isinstance(connection, SchemaRegistry):
        raise ConnectionFailed(
            f"{name} is no connection of type SchemaRegistry",
            retry=False,
            code=420,
            name="StreamProcessorInvalidOptions",
        )
    return Registry(connection, kafka, opening)
