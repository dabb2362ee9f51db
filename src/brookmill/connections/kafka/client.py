"""A Kafka connection's settings in librdkafka's words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from msgspec import UNSET, UnsetType

from brookmill.domain.secret import Secret
from brookmill.errors import ConnectionFailed

if TYPE_CHECKING:
    from brookmill.connections.kafka import Authentication, Kafka, Security


#: Keys of a connection's ``config`` that reach the client; others are ignored, as upstream does. None of them
#: can name a file, a plug-in or a command. Reference: engine reference, section 7.
_BOTH = frozenset({"client.dns.lookup", "client.id", "connections.max.idle.ms"})
PRODUCER_KEYS = _BOTH | {
    "acks",
    "batch.size",
    "compression.type",
    "delivery.timeout.ms",
    "enable.idempotence",
    "linger.ms",
    "max.in.flight.requests.per.connection",
    "message.max.bytes",
    "queue.buffering.max.messages",
    "request.timeout.ms",
    "retries",
}
CONSUMER_KEYS = _BOTH | {
    "allow.auto.create.topics",
    "auto.offset.reset",
    "fetch.max.bytes",
    "fetch.min.bytes",
    "group.id",
    "isolation.level",
    "max.partition.fetch.bytes",
    "session.timeout.ms",
    "heartbeat.interval.ms",
    "max.poll.interval.ms",
}

_MECHANISMS = {
    "PLAIN": "PLAIN",
    "SCRAM-256": "SCRAM-SHA-256",
    "SCRAM-512": "SCRAM-SHA-512",
    "OAUTHBEARER": "OAUTHBEARER",
}


def client_config(connection: Kafka) -> dict[str, Any]:
    """What producer and consumer share: servers, security, login. Certificates go as PEM text, not as files.

    Raises ConnectionFailed (420) for settings that librdkafka has no counterpart for.
    """
    if not connection.bootstrap_servers:
        raise _invalid("bootstrapServers is missing")
    config: dict[str, Any] = {
        "bootstrap.servers": connection.bootstrap_servers,
        "socket.timeout.ms": 30_000,
        "log_level": 0,  # what matters comes through error_cb
    }
    authentication = None if connection.authentication is UNSET else connection.authentication
    security = None if connection.security is UNSET else connection.security
    config["security.protocol"] = _protocol(authentication, security)
    if security is not None and security.broker_public_certificate:
        config["ssl.ca.pem"] = security.broker_public_certificate
    if authentication is not None:
        config |= dict(_login(authentication))
    return config


def allowed(config: dict[str, str] | UnsetType, keys: frozenset[str]) -> dict[str, str]:
    """The members of a connection's ``config`` that ``keys`` lets through."""
    return {} if config is UNSET else {key: value for key, value in config.items() if key in keys}


def _protocol(authentication: Authentication | None, security: Security | None) -> str:
    if security is not None and security.protocol:
        return str(security.protocol)
    if authentication is None or (authentication.mechanism is UNSET and authentication.ssl_key is UNSET):
        return "PLAINTEXT"
    return "SSL" if authentication.mechanism is UNSET else "SASL_PLAINTEXT"


def _login(authentication: Authentication) -> Iterator[tuple[str, Any]]:
    if authentication.mechanism is not UNSET:
        mechanism = _MECHANISMS.get(authentication.mechanism)
        if mechanism is None:
            raise _invalid(f"authentication mechanism {authentication.mechanism} is not supported")
        yield "sasl.mechanism", mechanism
        yield from _oidc(authentication) if mechanism == "OAUTHBEARER" else _user(authentication)
    yield from _set("ssl.certificate.pem", authentication.ssl_certificate)
    yield from _set("ssl.key.pem", authentication.ssl_key)
    yield from _set("ssl.key.password", authentication.ssl_key_password)


def _user(authentication: Authentication) -> Iterator[tuple[str, Any]]:
    yield from _set("sasl.username", authentication.username)
    yield from _set("sasl.password", authentication.password)


def _oidc(authentication: Authentication) -> Iterator[tuple[str, Any]]:
    yield "sasl.oauthbearer.method", "oidc"
    yield from _set("sasl.oauthbearer.token.endpoint.url", authentication.token_endpoint_url)
    yield from _set("sasl.oauthbearer.client.id", authentication.client_id)
    yield from _set("sasl.oauthbearer.client.secret", authentication.client_secret)
    yield from _set("sasl.oauthbearer.scope", authentication.scope)
    yield from _set("sasl.oauthbearer.extensions", authentication.sasl_oauthbearer_extensions)


def _set(key: str, value: str | Secret | UnsetType) -> Iterator[tuple[str, str]]:
    if isinstance(value, Secret):
        yield key, value.reveal()
    elif value is not UNSET:
        yield key, value


def _invalid(message: str) -> ConnectionFailed:
    return ConnectionFailed(message, retry=False, code=420, name="StreamProcessorInvalidOptions")
