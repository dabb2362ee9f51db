"""Where brokers may be: librdkafka resolves names itself, so each is judged before it hears of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from brookmill.config import Outside
from brookmill.connections.egress import judge
from brookmill.errors import ConnectionFailed

if TYPE_CHECKING:
    from confluent_kafka.admin._metadata import ClusterMetadata

_PORT = 9092


def judge_servers(servers: str, outside: Outside) -> None:
    """``servers``: ``host[:port]`` with commas. One without an address is no harm where another has one.

    Raises ConnectionFailed.
    """
    unknown: list[ConnectionFailed] = []
    members = servers.split(",")
    for server in members:
        try:
            judge(*parts(server.strip()), outside)
        except ConnectionFailed as e:
            if not e.retry:
                raise
            unknown.append(e)
    if len(unknown) == len(members):
        raise unknown[0]


def judge_advertised(metadata: ClusterMetadata, outside: Outside) -> None:
    """The brokers that the cluster sends its clients to. Raises ConnectionFailed."""
    for broker in metadata.brokers.values():
        try:
            judge(broker.host or "", broker.port or _PORT, outside)
        except ConnectionFailed as e:
            if not e.retry:
                text = f"the Kafka cluster advertises a broker that must not be gone to: {e}"
                raise ConnectionFailed(text, retry=False, code=e.code, name=e.name) from e


def parts(server: str) -> tuple[str, int]:
    """Host and port of ``host[:port]``; an IPv6 host stands in brackets."""
    host, bracket, rest = server.rpartition("]")
    if bracket:
        return host.removeprefix("["), int(rest.removeprefix(":") or _PORT)
    host, _, port = server.partition(":")
    return host, int(port or _PORT)
