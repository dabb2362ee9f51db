"""A Kafka connection's settings in librdkafka's words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from msgspec import UNSET, UnsetType

from brookmill.connections.kafka.brokers import judge_servers
from brookmill.domain.secret import Secret
from brookmill.errors import ConnectionFailed

if TYPE_CHECKING:
    from brookmill.clock import Clock
    from brookmill.config import Outside
    from brookmill.connections.kafka import Authentication, Kafka, Security
    from brookmill.connections.kafka.trouble import Trouble


#: Keys of a connection's ``config`` that reach the client, and what it calls them. Others are ignored, as
#: upstream does: none of these can name a file, a plug-in or a command. Two that upstream lets through are
#: this engine's own affair: ``transactional.id`` and ``max.poll.interval.ms``. Engine reference, section 7.
_BOTH = {key: key for key in ("client.dns.lookup", "client.id", "connections.max.idle.ms")}
PRODUCER_KEYS = _BOTH | {
    key: key
    for key in (
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
    )
}
CONSUMER_KEYS = (
    _BOTH
    | {
        key: key
        for key in (
            "allow.auto.create.topics",
            "auto.offset.reset",
            "fetch.max.bytes",
            "fetch.min.bytes",
            "group.id",
            "heartbeat.interval.ms",
            "isolation.level",
            "max.partition.fetch.bytes",
            "session.timeout.ms",
        )
    }
    | {"request.timeout.ms": "socket.timeout.ms"}
)

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


def admitted(connection: Kafka, outside: Outside, clock: Clock, trouble: Trouble) -> dict[str, Any]:
    """``client_config``, with everything that asks the world: addresses that may be gone to, tokens.

    Raises ConnectionFailed.
    """
    config = client_config(connection)
    judge_servers(str(connection.bootstrap_servers), outside)
    authentication = connection.authentication
    if config.get("sasl.mechanism") == "OAUTHBEARER" and authentication is not UNSET:
        from brookmill.connections.kafka.tokens import Tokens  # nobody else needs an HTTP client

        config["oauth_cb"] = Tokens(authentication, outside, clock, trouble.fail)
    return config | {"error_cb": trouble.hear}


def allowed(config: dict[str, str] | UnsetType, keys: Mapping[str, str]) -> dict[str, str]:
    """The members of a connection's ``config`` that ``keys`` lets through, as the client calls them."""
    return {} if config is UNSET else {keys[key]: value for key, value in config.items() if key in keys}


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
        if mechanism == "OAUTHBEARER":
            _check_oidc(authentication)
        yield from _set("sasl.username", authentication.username)
        yield from _set("sasl.password", authentication.password)
    yield from _set("ssl.certificate.pem", authentication.ssl_certificate)
    yield from _set("ssl.key.pem", authentication.ssl_key)
    yield from _set("ssl.key.password", authentication.ssl_key_password)


def _check_oidc(authentication: Authentication) -> None:
    for name, value in (
        ("tokenEndpointUrl", authentication.token_endpoint_url),
        ("clientId", authentication.client_id),
        ("clientSecret", authentication.client_secret),
    ):
        if not value:
            raise _invalid(f"authentication.{name} is missing")


def _set(key: str, value: str | Secret | UnsetType) -> Iterator[tuple[str, str]]:
    if isinstance(value, Secret):
        yield key, value.reveal()
    elif value is not UNSET:
        yield key, value


def _invalid(message: str) -> ConnectionFailed:
    return ConnectionFailed(message, retry=False, code=420, name="StreamProcessorInvalidOptions")
