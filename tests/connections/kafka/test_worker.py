"""Worker processes against a real Apache Kafka: logins, Avro and what fails there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mill
import pytest
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroSerializer
from confluent_kafka.serialization import MessageField, SerializationContext
from kafka_broker import USER, KafkaBroker, chain_pem, key_pem
from schema_registry import SchemaRegistryServer, schema_registry
from token_endpoint import CLIENT, CLIENT_SECRET

from brookmill.connections.kafka import Authentication, Kafka, Security
from brookmill.connections.schema_registry import SchemaRegistry, SchemaRegistryAuthentication
from brookmill.domain.processor import State
from brookmill.domain.secret import Secret
from brookmill.errors import ConnectionFailed

READING = {
    "type": "record",
    "name": "Reading",
    "fields": [
        {"name": "n", "type": "int"},
        {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
    ],
}


@pytest.fixture
def here(tmp_path: Path) -> Iterator[mill.Mill]:
    opened = mill.opened(tmp_path, checkpoint_interval=0.2, retry_budget=0)
    yield opened
    opened.supervisor.close()
    opened.store.close()


@pytest.fixture
def registry() -> Iterator[SchemaRegistryServer]:
    with schema_registry() as running:
        yield running


def secured(apache: KafkaBroker, listener: str, protocol: str, login: Authentication) -> Kafka:
    return Kafka(
        bootstrap_servers=apache.servers[listener],
        authentication=login,
        security=Security(protocol=protocol, broker_public_certificate=apache.ca_pem),
    )


def test_avro_in_by_oidc_and_json_out_by_mutual_tls(
    apache: KafkaBroker, registry: SchemaRegistryServer, here: mill.Mill
) -> None:
    come, go = apache.plain.topic(), apache.plain.topic()
    oidc = Authentication(
        mechanism="OAUTHBEARER",
        method="OIDC",
        token_endpoint_url=apache.tokens.url,
        client_id=CLIENT,
        client_secret=Secret(CLIENT_SECRET),
    )
    certificate = apache.ca.issue_cert("mill@example.com")
    own = Authentication(
        ssl_certificate=chain_pem(certificate),
        ssl_key=Secret(key_pem(certificate, b"k3y")),
        ssl_key_password=Secret("k3y"),
    )
    here.connect("come", secured(apache, "SASLTLS", "SASL_SSL", oidc))
    here.connect("go", secured(apache, "TLS", "SSL", own))
    nobody = SchemaRegistryAuthentication(type="USER_INFO", username="u", password=Secret("p"))
    urls = (registry.url,)
    here.connect(
        "schemas",
        SchemaRegistry(
            provider="CONFLUENT", schema_registry_urls=urls, schema_registry_authentication=nobody
        ),
    )
    write = AvroSerializer(SchemaRegistryClient({"url": registry.url}), json.dumps(READING))
    context = SerializationContext(come, MessageField.VALUE)
    values = [write({"n": n, "at": 1_700_000_000_000}, context) for n in range(20)]
    apache.plain.write(come, *values, b"no Avro")
    config = {"auto_offset_reset": "earliest", "group_id": come}
    source: dict[str, Any] = {"connectionName": "come", "topic": come, "config": config}
    here.process(
        {"$source": source | {"schemaRegistry": {"connectionName": "schemas"}}},
        {"$match": {"n": {"$gte": 10}}},
        {"$emit": {"connectionName": "go", "topic": go}},
    )
    written = apache.plain.values(go, 10)
    assert [json.loads(value)["n"] for value in written] == list(range(10, 20))
    assert json.loads(written[0])["at"] == {"$date": "2023-11-14T22:13:20.000Z"}
    stats = here.stats(inputMessageCount=20, dlqMessageCount=1)
    (partition,) = stats["kafkaPartitions"]
    assert (partition["currentOffset"], partition["partitionOffsetLag"]) == (21, 0)


def test_a_wrong_password_fails_the_processor_and_is_not_told(apache: KafkaBroker, here: mill.Mill) -> None:
    login = Authentication(mechanism="SCRAM-512", username=USER, password=Secret("h0t-p0tat0"))
    here.connect("k", secured(apache, "SASLTLS", "SASL_SSL", login))
    topic = apache.plain.topic()
    with pytest.raises(ConnectionFailed, match=r"kafka error code: -169.*invalid credentials") as failure:
        here.process(
            {"$source": {"connectionName": "k", "topic": topic}},
            {"$emit": {"connectionName": "k", "topic": topic}},
        )
    assert here.processor.error == str(failure.value)
    assert here.processor.state is State.FAILED
    assert "h0t-p0tat0" not in str(failure.value)
