"""Where brokers may be: the servers that a connection names, and those that its cluster sends clients to."""

from __future__ import annotations

import pytest
from confluent_kafka.admin import AdminClient
from servers import Broker

from brookmill.clock import SystemClock
from brookmill.config import Outside
from brookmill.connections import Opening
from brookmill.connections.kafka import Kafka
from brookmill.connections.kafka.brokers import judge_advertised, judge_servers
from brookmill.connections.kafka.options import KafkaSourceOptions
from brookmill.errors import ConnectionFailed

LOCAL, PUBLIC = Outside(allow_private=True), Outside(allow_private=False)


@pytest.mark.parametrize(
    "servers",
    [
        "169.254.169.254",
        "169.254.169.254:80",
        "127.0.0.1:9092, 169.254.169.254:9092",
        "[fe80::1]:9092",
        "[::ffff:169.254.169.254]",
        "0.0.0.0:1",
        "metadata.google.internal:80",
    ],
)
def test_servers_where_no_connection_may_lead(servers: str) -> None:
    with pytest.raises(ConnectionFailed, match="the host") as failure:
        judge_servers(servers, LOCAL)
    assert (failure.value.retry, failure.value.code) == (False, 420)


@pytest.mark.parametrize("servers", ["127.0.0.1", "127.0.0.1:9092", "[::1]:9092,localhost", "[::1]"])
def test_servers_of_this_machine_need_the_setting(servers: str) -> None:
    judge_servers(servers, LOCAL)
    with pytest.raises(ConnectionFailed, match="allow_private"):
        judge_servers(servers, PUBLIC)


def test_one_server_without_an_address_is_no_harm_beside_another() -> None:
    judge_servers("nowhere.invalid:1,127.0.0.1:2", LOCAL)
    with pytest.raises(ConnectionFailed, match=r"nowhere\.invalid has no address") as failure:
        judge_servers("nowhere.invalid:1", LOCAL)
    assert failure.value.retry


def test_what_the_cluster_advertises_is_judged_too(broker: Broker) -> None:
    metadata = AdminClient({"bootstrap.servers": broker.bootstrap}).list_topics(timeout=20)
    judge_advertised(metadata, LOCAL)
    with pytest.raises(ConnectionFailed, match=r"advertises a broker.*loopback") as failure:
        judge_advertised(metadata, PUBLIC)
    assert (failure.value.retry, failure.value.code) == (False, 420)


def test_no_client_is_made_for_a_forbidden_server() -> None:
    kafka = Kafka(bootstrap_servers="169.254.169.254:80")
    with pytest.raises(ConnectionFailed, match="link-local"):
        kafka.open_source(
            KafkaSourceOptions(connection_name="k", topic="t"), Opening("p", SystemClock(), outside=LOCAL)
        )
