"""A Kafka connection's members -> librdkafka's settings, and what never gets through."""

from __future__ import annotations

from typing import Any

import pytest
from confluent_kafka import Consumer, Producer

from brookmill.connections.kafka import Authentication, Kafka, Security
from brookmill.connections.kafka.client import CONSUMER_KEYS, PRODUCER_KEYS, allowed, client_config
from brookmill.domain.secret import Secret
from brookmill.errors import ConnectionFailed

#: Settings by which librdkafka reads a file, loads code or runs a command.
DANGEROUS = {
    "plugin.library.paths",
    "ssl.ca.location",
    "ssl.certificate.location",
    "ssl.key.location",
    "ssl.keystore.location",
    "ssl.crl.location",
    "ssl.engine.location",
    "ssl.providers",
    "sasl.kerberos.kinit.cmd",
    "sasl.kerberos.keytab",
    "sasl.oauthbearer.config",
    "sasl.oauthbearer.assertion.private.key.file",
    "sasl.oauthbearer.assertion.file",
    "https.ca.location",
    "offset.store.path",
    "bootstrap.servers",
    "security.protocol",
    "enable.ssl.certificate.verification",
    "ssl.endpoint.identification.algorithm",
    "enable.auto.commit",
    "debug",
    "transactional.id",
    "max.poll.interval.ms",
}


def user(mechanism: str) -> Authentication:
    return Authentication(mechanism=mechanism, username="ann", password=Secret("p4ss"))


OIDC = Authentication(
    mechanism="OAUTHBEARER",
    method="OIDC",
    token_endpoint_url="https://id.example/token",
    client_id="c",
    client_secret=Secret("s3cret"),
    scope="kafka",
    sasl_oauthbearer_extensions="logicalCluster=lkc-1",
)
LOGIN = {"sasl.username": "ann", "sasl.password": "p4ss"}


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        pytest.param({}, {"security.protocol": "PLAINTEXT"}, id="nothing"),
        pytest.param(
            {"authentication": user("PLAIN"), "security": Security(protocol="SASL_SSL")},
            {"security.protocol": "SASL_SSL", "sasl.mechanism": "PLAIN"} | LOGIN,
            id="PLAIN over TLS",
        ),
        pytest.param(
            {"authentication": user("SCRAM-256"), "security": Security(protocol="SASL_PLAINTEXT")},
            {"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "SCRAM-SHA-256"} | LOGIN,
            id="SCRAM-256",
        ),
        pytest.param(
            {
                "authentication": user("SCRAM-512"),
                "security": Security(protocol="SASL_SSL", broker_public_certificate="PEM"),
            },
            {"security.protocol": "SASL_SSL", "sasl.mechanism": "SCRAM-SHA-512", "ssl.ca.pem": "PEM"} | LOGIN,
            id="SCRAM-512 with the broker's authority",
        ),
        pytest.param(
            {"authentication": user("PLAIN")},
            {"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "PLAIN"} | LOGIN,
            id="a login without a protocol",
        ),
        pytest.param(
            {"authentication": OIDC, "security": Security(protocol="SASL_SSL")},
            {
                "security.protocol": "SASL_SSL",
                "sasl.mechanism": "OAUTHBEARER",
            },
            id="OIDC",
        ),
        pytest.param(
            {
                "authentication": Authentication(
                    ssl_certificate="CERT", ssl_key=Secret("KEY"), ssl_key_password=Secret("kp")
                ),
                "security": Security(protocol="SSL", broker_public_certificate="CA"),
            },
            {
                "security.protocol": "SSL",
                "ssl.ca.pem": "CA",
                "ssl.certificate.pem": "CERT",
                "ssl.key.pem": "KEY",
                "ssl.key.password": "kp",
            },
            id="mutual TLS",
        ),
        pytest.param(
            {"authentication": Authentication(ssl_certificate="CERT", ssl_key=Secret("KEY"))},
            {"security.protocol": "SSL", "ssl.certificate.pem": "CERT", "ssl.key.pem": "KEY"},
            id="a certificate without a protocol",
        ),
    ],
)
def test_settings(members: dict[str, Any], expected: dict[str, str]) -> None:
    config = client_config(Kafka(bootstrap_servers="a:1,b:2", **members))
    fixed = {"bootstrap.servers": "a:1,b:2", "socket.timeout.ms": 30_000, "log_level": 0}
    assert config == fixed | expected


def test_the_client_takes_every_login() -> None:
    for authentication in (user("PLAIN"), user("SCRAM-256"), user("SCRAM-512"), OIDC):
        connection = Kafka(
            bootstrap_servers="127.0.0.1:1",
            authentication=authentication,
            security=Security(protocol="SASL_SSL"),
        )
        Producer(client_config(connection))


def test_a_mechanism_without_counterpart_is_an_invalid_option() -> None:
    connection = Kafka(bootstrap_servers="a:1", authentication=Authentication(mechanism="AWS_MSK_IAM"))
    with pytest.raises(ConnectionFailed, match="AWS_MSK_IAM") as failure:
        client_config(connection)
    assert (failure.value.code, failure.value.retry) == (420, False)


@pytest.mark.parametrize("keys", [PRODUCER_KEYS, CONSUMER_KEYS])
def test_no_key_of_config_names_a_file_or_weakens_security(keys: dict[str, str]) -> None:
    assert not DANGEROUS & {*keys, *keys.values()}
    given = dict.fromkeys(DANGEROUS, "/etc/passwd") | {"client.id": "me", "never.heard": "of"}
    assert allowed(given, keys) == {"client.id": "me"}


@pytest.mark.parametrize(("kind", "keys"), [(Producer, PRODUCER_KEYS), (Consumer, CONSUMER_KEYS)])
def test_the_client_knows_every_key(kind: type, keys: dict[str, str]) -> None:
    """librdkafka refuses names it does not know."""
    numbers = dict.fromkeys(keys.values(), "10000")
    words = {
        "acks": "all",
        "auto.offset.reset": "latest",
        "compression.type": "none",
        "client.dns.lookup": "use_all_dns_ips",
        "isolation.level": "read_committed",
        "enable.idempotence": "false",
        "allow.auto.create.topics": "false",
        "linger.ms": "5",
        "max.in.flight.requests.per.connection": "5",
        "batch.size": "1000",
        "heartbeat.interval.ms": "3000",
        "fetch.max.bytes": "10000000",
    }
    given = {k: words.get(k, v) for k, v in numbers.items()} | {"log_level": 0}
    if kind is Consumer:
        given |= {"group.id": "g"}
        client = Consumer(given)
        client.close()
    else:
        Producer(given)
