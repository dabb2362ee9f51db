"""Kafka connections with a fault each, on a real Apache Kafka: where their tests end, and why."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import msgspec
import pytest
import trustme
from kafka_broker import PASSWORD, USER, KafkaBroker, chain_pem, key_pem
from msgspec import UNSET
from probes import CANARY, Fault, black_hole, climbed, closed, found, mute, rows, steps
from schema_registry import schema_registry
from token_endpoint import CLIENT, CLIENT_SECRET, SCOPE

from brookmill.config import Outside
from brookmill.connections.kafka import Authentication, Kafka, Security
from brookmill.connections.schema_registry import SchemaRegistry, SchemaRegistryAuthentication
from brookmill.domain.secret import Secret
from brookmill.runtime.probing import LIMIT

Made = tuple[Any, dict[str, Any], dict[str, Any]]


def user(mechanism: str = "PLAIN", password: str = PASSWORD) -> Authentication:
    return Authentication(mechanism=mechanism, username=USER, password=Secret(password))


def oidc(broker: KafkaBroker, secret: str, url: str = "") -> Authentication:
    return Authentication(
        mechanism="OAUTHBEARER",
        method="OIDC",
        token_endpoint_url=url or broker.tokens.url,
        client_id=CLIENT,
        client_secret=Secret(secret),
        scope=SCOPE,
    )


def certificate(ca: trustme.CA, password: str | None = None, told: str | None = None) -> Authentication:
    own = ca.issue_cert("mill@example.com")
    return Authentication(
        ssl_certificate=chain_pem(own),
        ssl_key=Secret(key_pem(own, password.encode() if password else None)),
        ssl_key_password=Secret(told) if told else UNSET,
    )


def kafka(servers: str, protocol: str = "PLAINTEXT", login: Any = UNSET, ca: Any = UNSET) -> Kafka:
    security = Security(protocol=protocol, broker_public_certificate=ca)
    return Kafka(bootstrap_servers=servers, security=security, authentication=login)


def at(port: int) -> str:
    return f"127.0.0.1:{port}"


def to(servers: str | Callable[[ExitStack], str], protocol: str = "PLAINTEXT", **told: Any) -> Any:
    """A connection that does not get far."""

    def make(_: KafkaBroker, stack: ExitStack) -> Made:
        return kafka(servers if isinstance(servers, str) else servers(stack), protocol), {}, told

    return make


def by(
    listener: str, protocol: str, login: Callable[[KafkaBroker], Any] = lambda _: UNSET, ca: Any = "own"
) -> Any:
    """A connection to one of the broker's listeners; ``ca`` "own": the broker's authority."""

    def make(b: KafkaBroker, _: ExitStack) -> Made:
        return kafka(b.servers[listener], protocol, login(b), b.ca_pem if ca == "own" else ca), {}, {}

    return make


def trying(topic: Callable[[KafkaBroker], str]) -> Any:
    def make(b: KafkaBroker, _: ExitStack) -> Made:
        return kafka(b.servers["SASL"], "SASL_PLAINTEXT", user()), {"topic": topic(b)}, {}

    return make


def filled(b: KafkaBroker, value: bytes) -> str:
    topic = b.plain.topic()
    b.plain.write(topic, value)
    return topic


def framed(login: str | None, known: bool) -> Any:
    """A topic with a message in Confluent's framing, and a registry."""

    def make(b: KafkaBroker, stack: ExitStack) -> Made:
        server = stack.enter_context(schema_registry())
        server.login = ("ann", "right")
        if known:
            record = {"type": "record", "name": "R", "fields": [{"name": "a", "type": "long"}]}
            server.add("t-value", record)
        registry = SchemaRegistry(
            schema_registry_urls=(server.url,),
            schema_registry_authentication=SchemaRegistryAuthentication(
                type="USER_INFO", username="ann", password=Secret(login or CANARY)
            ),
        )
        topic = filled(b, b"\0\0\0\0\1\2")
        tried = {"topic": topic, "schemaRegistry": "r"}
        return kafka(b.servers["PLAINTEXT"]), tried, {"connections": {"r": registry}}

    return make


SASL, TLS = "SASL_PLAINTEXT", "SASL_SSL"
STRANGER = trustme.CA()
FAULTS = {
    "no such host": Fault("resolve", "NO_ADDRESS", to("no-such-host.invalid:9092")),
    "metadata": Fault("resolve", "FORBIDDEN_ADDRESS", to("169.254.169.254:9092")),
    "private": Fault("resolve", "FORBIDDEN_ADDRESS", to("127.0.0.1:9092", outside=Outside())),
    "closed port": Fault("connect", "REFUSED", to(lambda _: at(closed()))),
    "black hole": Fault("connect", "NO_ANSWER", to(lambda s: at(s.enter_context(black_hole()))), 2.0),
    "mute, TLS": Fault("tls", "NO_ANSWER", to(lambda s: at(s.enter_context(mute())), "SSL"), 2.0),
    "mute": Fault("authenticate", "NO_ANSWER", to(lambda s: at(s.enter_context(mute()))), 2.0),
    "expired": Fault("tls", "CERTIFICATE_EXPIRED", by("EXPIRED", "SSL")),
    "other name": Fault("tls", "CERTIFICATE_NAME", by("OTHERHOST", "SSL")),
    "unknown authority": Fault("tls", "CERTIFICATE_UNTRUSTED", by("SASLTLS", TLS, ca=UNSET)),
    "other authority": Fault(
        "tls", "CERTIFICATE_UNTRUSTED", by("SASLTLS", TLS, ca=STRANGER.cert_pem.bytes().decode())
    ),
    "authority is no PEM": Fault("settings", "SETTINGS", by("TLS", "SSL", ca="no PEM")),
    "TLS to a plain port": Fault("tls", "PROTOCOL", by("SASL", "SSL")),
    "plain to a TLS port": Fault("authenticate", "PROTOCOL", by("TLS", "PLAINTEXT", ca=UNSET)),
    "no login": Fault("authenticate", "PROTOCOL", by("SASL", "PLAINTEXT", ca=UNSET)),
    "no certificate": Fault("authenticate", "CLIENT_CERTIFICATE", by("TLS", "SSL")),
    "a stranger's certificate": Fault(
        "authenticate", "CLIENT_CERTIFICATE", by("TLS", "SSL", lambda _: certificate(STRANGER))
    ),
    "password of the key": Fault(
        "authenticate", "SETTINGS", by("TLS", "SSL", lambda b: certificate(b.ca, "k3y", CANARY))
    ),
    "PLAIN password": Fault("authenticate", "CREDENTIALS", by("SASL", SASL, lambda _: user("PLAIN", CANARY))),
    "SCRAM-256 password": Fault(
        "authenticate", "CREDENTIALS", by("SASL", SASL, lambda _: user("SCRAM-256", CANARY))
    ),
    "SCRAM-512 password over TLS": Fault(
        "authenticate", "CREDENTIALS", by("SASLTLS", TLS, lambda _: user("SCRAM-512", CANARY))
    ),
    "mechanism": Fault("authenticate", "MECHANISM", by("SASLTLS", TLS, lambda _: user("SCRAM-256", CANARY))),
    "mechanism that we do not have": Fault(
        "settings", "SETTINGS", by("SASL", SASL, lambda _: Authentication(mechanism="AWS_MSK_IAM"))
    ),
    "client secret": Fault("authenticate", "CREDENTIALS", by("SASL", SASL, lambda b: oidc(b, CANARY))),
    "token endpoint": Fault(
        "authenticate",
        "NO_ANSWER",
        by("SASL", SASL, lambda b: oidc(b, CLIENT_SECRET, f"http://127.0.0.1:{closed()}")),
    ),
    "token endpoint of the cloud": Fault(
        "authenticate",
        "FORBIDDEN_ADDRESS",
        by("SASL", SASL, lambda b: oidc(b, CLIENT_SECRET, "http://169.254.169.254/token")),
    ),
    "missing topic": Fault("authorize", "NOT_FOUND", trying(lambda _: "never-there")),
    "denied topic": Fault("authorize", "DENIED", trying(lambda b: b.denied_topic())),
    "no JSON": Fault("decode", "UNDECODABLE", trying(lambda b: filled(b, b"{" + CANARY.encode()))),
    "no object": Fault("decode", "UNDECODABLE", trying(lambda b: filled(b, b"[1]"))),
    "registry's login": Fault("decode", "CREDENTIALS", framed(None, known=True)),
    "unknown schema": Fault("decode", "UNKNOWN_SCHEMA", framed("right", known=False)),
}


@pytest.mark.parametrize("fault", rows(FAULTS, ["mute, TLS"]))
def test_a_fault_is_seen_where_it_is(apache: KafkaBroker, fault: str) -> None:
    found(FAULTS[fault], apache)


@pytest.mark.slow
@pytest.mark.parametrize("fault", [name for name, fault in FAULTS.items() if fault.limit < LIMIT])
def test_a_fault_that_says_nothing_takes_ten_seconds_at_most(apache: KafkaBroker, fault: str) -> None:
    assert found(replace(FAULTS[fault], limit=LIMIT), apache).duration_ms < 10_000


LOWEST = ["settings", "resolve", "connect"]


def test_a_good_connection_is_climbed_to_the_end(apache: KafkaBroker) -> None:
    good = kafka(apache.servers["SASLTLS"], TLS, user("SCRAM-512"), apache.ca_pem)
    report = climbed(good, {"topic": filled(apache, b'{"a":1,"b":2}')})
    assert steps(report) == [*LOWEST, "tls", "authenticate", "authorize", "read", "decode"]
    seen = {rung.step: rung.seen for rung in report.steps}
    assert seen["tls"]["names"] == ["127.0.0.1"]
    assert seen["tls"]["daysLeft"] > 30
    assert (seen["read"]["offset"], seen["decode"]["fields"]) == (0, 2)


def test_as_far_as_something_can_be_known(apache: KafkaBroker) -> None:
    plain = kafka(f"127.0.0.1:{closed()},{apache.servers['PLAINTEXT']}")
    assert steps(climbed(plain, {})) == [*LOWEST, "authenticate"]
    empty = climbed(plain, {"topic": apache.plain.topic()})
    assert steps(empty) == [*LOWEST, "authenticate", "authorize", "read"]


def test_mutual_tls_and_tokens_are_let_in(apache: KafkaBroker) -> None:
    mutual = kafka(apache.servers["TLS"], "SSL", certificate(apache.ca), apache.ca_pem)
    assert steps(climbed(mutual, {}))[-1] == "authenticate"
    token = kafka(apache.servers["SASL"], SASL, oidc(apache, CLIENT_SECRET))
    assert steps(climbed(token, {}))[-1] == "authenticate"


def test_avro_is_decoded(apache: KafkaBroker) -> None:
    with ExitStack() as stack:
        connection, tried, told = framed("right", known=True)(apache, stack)
        assert steps(climbed(connection, tried, **told))[-1] == "decode"


def test_a_name_that_no_topic_has_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError):
        climbed(Kafka(), {"topic": ""})
