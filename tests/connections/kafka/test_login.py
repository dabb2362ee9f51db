"""Logging in to a real Apache Kafka: every mechanism, both ways, and what goes wrong with each."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
import pytest
import trustme
from kafka_broker import PASSWORD, USER, KafkaBroker, chain_pem, key_pem
from msgspec import UNSET, UnsetType
from servers import free_port, wait_until
from token_endpoint import CLIENT, CLIENT_SECRET, SCOPE

from brookmill.clock import SystemClock
from brookmill.config import Outside
from brookmill.connections import Opening, Output
from brookmill.connections.kafka import Authentication, Kafka, Security
from brookmill.connections.kafka.options import KafkaSinkOptions, KafkaSourceOptions
from brookmill.domain.secret import Secret
from brookmill.errors import ConnectionFailed

LOCAL = Outside(allow_private=True)


def user(mechanism: str, password: str = PASSWORD) -> Authentication:
    return Authentication(mechanism=mechanism, username=USER, password=Secret(password))


def oidc(broker: KafkaBroker, secret: str = CLIENT_SECRET, url: str = "") -> Authentication:
    return Authentication(
        mechanism="OAUTHBEARER",
        method="OIDC",
        token_endpoint_url=url or broker.tokens.url,
        client_id=CLIENT,
        client_secret=Secret(secret),
        scope=SCOPE,
        sasl_oauthbearer_extensions="logicalCluster=lkc-1,identityPoolId=pool",
    )


def client_certificate(ca: trustme.CA, password: str | None = None) -> Authentication:
    certificate = ca.issue_cert("mill@example.com")
    return Authentication(
        ssl_certificate=chain_pem(certificate),
        ssl_key=Secret(key_pem(certificate, password.encode() if password else None)),
        ssl_key_password=Secret(password) if password else UNSET,
    )


def connection(
    broker: KafkaBroker,
    listener: str,
    protocol: str,
    authentication: Authentication | UnsetType,
    ca: str | UnsetType = UNSET,
) -> Kafka:
    return Kafka(
        bootstrap_servers=broker.servers[listener],
        authentication=authentication,
        security=Security(protocol=protocol, broker_public_certificate=ca),
    )


@contextmanager
def source(kafka: Kafka, topic: str, **config: Any) -> Iterator[Any]:
    config = {"auto_offset_reset": "earliest", **config}
    options = msgspec.convert({"connectionName": "k", "topic": topic, "config": config}, KafkaSourceOptions)
    opened = kafka.open_source(options, Opening("p" * 24, SystemClock(), outside=LOCAL))
    try:
        yield opened
    finally:
        opened.close()


def write(kafka: Kafka, topic: str, *values: bytes) -> None:
    options = KafkaSinkOptions(connection_name="k", topic=topic)
    opening = Opening("p" * 24, SystemClock(), constants={"topic": topic}, outside=LOCAL)
    sink = kafka.open_sink(options, opening)
    try:
        assert sink.write(Output(list(values))) == []
        assert sink.flush() == []
    finally:
        sink.close()


def read(opened: Any, count: int) -> list[bytes]:
    found: list[bytes] = []

    def enough() -> bool:
        found.extend(opened.read(10, 0.1).values)
        return len(found) >= count

    wait_until(enough, what=f"{count} messages")
    return found


#: Name -> listener, protocol, how to log in, whether the broker's authority is told.
LOGINS: dict[str, tuple[str, str, Any, bool]] = {
    "PLAIN": ("SASL", "SASL_PLAINTEXT", lambda _: user("PLAIN"), False),
    "PLAIN over TLS": ("SASLTLS", "SASL_SSL", lambda _: user("PLAIN"), True),
    "SCRAM-256": ("SASL", "SASL_PLAINTEXT", lambda _: user("SCRAM-256"), False),
    "SCRAM-512": ("SASL", "SASL_PLAINTEXT", lambda _: user("SCRAM-512"), False),
    "SCRAM-512 over TLS": ("SASLTLS", "SASL_SSL", lambda _: user("SCRAM-512"), True),
    "OIDC": ("SASL", "SASL_PLAINTEXT", oidc, False),
    "OIDC over TLS": ("SASLTLS", "SASL_SSL", oidc, True),
    "mutual TLS": ("TLS", "SSL", lambda b: client_certificate(b.ca), True),
    "mutual TLS, key with password": ("TLS", "SSL", lambda b: client_certificate(b.ca, "k3y"), True),
}


@pytest.mark.parametrize("login", LOGINS)
def test_what_is_written_is_read(apache: KafkaBroker, login: str) -> None:
    listener, protocol, authentication, over_tls = LOGINS[login]
    ca = apache.ca_pem if over_tls else UNSET
    kafka = connection(apache, listener, protocol, authentication(apache), ca)
    topic = apache.plain.topic()
    write(kafka, topic, b'{"a":1}', b'{"a":2}')
    with source(kafka, topic) as opened:
        assert read(opened, 2) == [b'{"a":1}', b'{"a":2}']
    if kafka.authentication is not UNSET and kafka.authentication.mechanism == "OAUTHBEARER":
        assert apache.tokens.asked[-1] == {"grant_type": "client_credentials", "scope": SCOPE}


WRONG = "n0t-the-one"


def refused(b: KafkaBroker) -> Iterator[tuple[str, Kafka, str, bool]]:
    """What is wrong, the connection, what the error says, and whether trying again may help."""
    sasl, tls, ca = "SASL_PLAINTEXT", "SASL_SSL", b.ca_pem
    stranger = trustme.CA()
    yield "PLAIN", connection(b, "SASL", sasl, user("PLAIN", WRONG)), "Authentication failed", False
    for mechanism in ("SCRAM-256", "SCRAM-512"):
        yield (
            mechanism,
            connection(b, "SASL", sasl, user(mechanism, WRONG)),
            "invalid credentials with SASL mechanism SCRAM-SHA",
            False,
        )
    yield "OIDC", connection(b, "SASL", sasl, oidc(b, WRONG)), "refuses the client's credentials", False
    yield (
        "no provider",
        connection(b, "SASL", sasl, oidc(b, url=f"http://127.0.0.1:{free_port()}")),
        "the token endpoint at 127.0.0.1 cannot be reached: ConnectError",
        True,
    )
    yield (
        "mechanism",
        connection(b, "SASLTLS", tls, user("SCRAM-256"), ca),
        "[Uu]nsupported SASL mechanism|not supported by broker",
        False,
    )
    yield "no CA", connection(b, "SASLTLS", tls, user("PLAIN")), "unable to get local issuer", False
    yield (
        "other CA",
        connection(b, "SASLTLS", tls, user("PLAIN"), stranger.cert_pem.bytes().decode()),
        "unable to get local issuer",
        False,
    )
    yield "expired", connection(b, "EXPIRED", "SSL", UNSET, ca), "certificate has expired", False
    yield "host", connection(b, "OTHERHOST", "SSL", UNSET, ca), "not valid for '127.0.0.1'", False
    yield "no certificate", connection(b, "TLS", "SSL", UNSET, ca), "refused the TLS handshake", False
    yield (
        "stranger",
        connection(b, "TLS", "SSL", client_certificate(stranger), ca),
        "refused the TLS handshake",
        False,
    )
    wrong_key = msgspec.structs.replace(client_certificate(b.ca, "k3y"), ssl_key_password=Secret(WRONG))
    yield "key password", connection(b, "TLS", "SSL", wrong_key, ca), "settings are not valid", False
    yield "no PEM", connection(b, "TLS", "SSL", UNSET, "no PEM"), "settings are not valid", False
    yield "TLS to plain", connection(b, "SASL", "SSL", UNSET, ca), "connecting to a PLAINTEXT broker", True
    yield "plain to TLS", connection(b, "TLS", "PLAINTEXT", UNSET), "security.protocol", True
    yield "no login", connection(b, "SASL", "PLAINTEXT", UNSET), "security.protocol", True


CASES = [
    *("PLAIN", "SCRAM-256", "SCRAM-512", "OIDC", "no provider", "mechanism", "no CA", "other CA", "expired"),
    *("host", "no certificate", "stranger", "key password", "no PEM", "TLS to plain", "plain to TLS"),
    "no login",
]


@pytest.mark.parametrize("case", CASES)
def test_who_is_not_let_in_is_told_why(apache: KafkaBroker, case: str) -> None:
    cases = {name: (kafka, text, retry) for name, kafka, text, retry in refused(apache)}
    assert list(cases) == CASES
    kafka, text, retry = cases[case]
    begun = time.monotonic()
    with pytest.raises(ConnectionFailed, match=text) as failure, source(kafka, "never-there"):
        pass
    assert time.monotonic() - begun < 12
    assert failure.value.retry is retry
    assert WRONG not in str(failure.value)


@pytest.mark.parametrize("case", ["PLAIN", "OIDC", "no CA", "stranger", "no PEM"])
def test_nor_let_in_to_write(apache: KafkaBroker, case: str) -> None:
    ((_, kafka, text, retry),) = [refusal for refusal in refused(apache) if refusal[0] == case]
    with pytest.raises(ConnectionFailed, match=text) as failure:
        write(kafka, "never-there", b"{}")
    assert failure.value.retry is retry
    assert WRONG not in str(failure.value)


def test_a_denied_topic_fails_for_good(apache: KafkaBroker) -> None:
    kafka = connection(apache, "SASL", "SASL_PLAINTEXT", user("PLAIN"))
    topic = apache.denied_topic()
    with (
        pytest.raises(ConnectionFailed, match=f"{topic}.*authorization failed") as reading,
        source(kafka, topic),
    ):
        pass
    with pytest.raises(ConnectionFailed, match="authorization failed") as writing:
        write(kafka, topic, b"{}")
    assert (reading.value.retry, reading.value.code, writing.value.retry) == (False, 419, False)
