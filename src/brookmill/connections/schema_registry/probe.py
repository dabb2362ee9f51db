"""The test of a schema registry: its URLs, the login, a subject, its newest schema."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import UNSET

from brookmill.connections import Opening
from brookmill.connections.kafka import Kafka
from brookmill.connections.ladder import Ladder
from brookmill.connections.reach import place_of, reach
from brookmill.connections.schema_registry.avro import Avro
from brookmill.connections.schema_registry.options import RegistryProbe
from brookmill.connections.schema_registry.registry import Registry
from brookmill.errors import ConnectionFailed, DocumentError

if TYPE_CHECKING:
    from brookmill.connections.schema_registry import SchemaRegistry


def probe(connection: SchemaRegistry, options: RegistryProbe, opening: Opening, ladder: Ladder) -> None:
    """Without the Kafka connection whose login is inherited, nothing is known behind TLS.

    Raises ConnectionFailed and DocumentError.
    """
    with ladder.step("settings") as seen:
        kafka = _kafka(options, opening)
        inherits = _inherits(connection)
        registry = None if inherits and kafka is None else Registry(connection, kafka, opening)
        urls = () if connection.schema_registry_urls is UNSET else connection.schema_registry_urls
        seen["login"] = "Kafka's" if inherits else "its own"
    try:
        reach([place_of(url) for url in urls], opening, ladder)
        if registry is not None:
            _climb(registry, options, ladder)
    finally:
        if registry is not None:
            registry.close()


def _climb(registry: Registry, options: RegistryProbe, ladder: Ladder) -> None:
    with ladder.step("authenticate") as seen:
        seen["kinds"] = registry.kinds()
    if options.subject is UNSET:
        return
    with ladder.step("authorize") as seen:
        try:
            declaration = registry.latest(options.subject)
        except DocumentError as e:
            raise ConnectionFailed(str(e), retry=False, fault="NOT_FOUND") from e
        seen["subject"] = options.subject
    with ladder.step("decode") as seen:
        avro = Avro(declaration.text, declaration.references)
        seen["types"] = len(avro.types)


def _kafka(options: RegistryProbe, opening: Opening) -> Kafka | None:
    if options.kafka is UNSET:
        return None
    kafka = opening.connections.get(options.kafka)
    if not isinstance(kafka, Kafka):
        text = f"{options.kafka[:100]} is no connection of type Kafka in this workspace"
        raise ConnectionFailed(text, retry=False, code=420)
    return kafka


def _inherits(connection: SchemaRegistry) -> bool:
    login = connection.schema_registry_authentication
    return login is not UNSET and login.type == "SASL_INHERIT"
