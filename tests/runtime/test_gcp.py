"""Processors that publish to Pub/Sub, from a real worker."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pub_sub_server
import pytest
from mill import Mill
from pub_sub_server import OTHER, PROJECT, PubSub, key_file
from servers import wait_until

from brookmill.connections.cluster import Cluster
from brookmill.connections.gcp_pub_sub import GCPConfig, GCPPubSub
from brookmill.domain.cluster import Cluster as Configured
from brookmill.domain.secret import Secret
from brookmill.errors import ConnectionFailed
from brookmill.testing.mongod import mongod

Make = Callable[..., Mill]
SOURCE = {"$source": {"documents": [{"n": n, "k": "ab"[n % 2]} for n in range(10)]}}


@pytest.fixture
def pub_sub(tmp_path: Path) -> Iterator[PubSub]:
    with pub_sub_server.pub_sub(tmp_path) as running:
        yield running


def settings(pub_sub: PubSub, **more: str) -> dict[str, Any]:
    outside = pub_sub.outside(**more)
    names = ("gcp_endpoint_url", "gcp_iam_endpoint_url", "gcp_credentials_file")
    return {name: getattr(outside, name) for name in names}


def emit(topic: Any, **fields: Any) -> dict[str, Any]:
    usual = {"connectionName": "g", "projectId": PROJECT, "region": "europe-west1", "topic": topic}
    return {"$emit": usual | fields}


def test_documents_become_messages_and_dead_letters(mill: Make, pub_sub: PubSub) -> None:
    topic = pub_sub.topic()
    here = mill(**settings(pub_sub))
    here.connect("g", GCPPubSub(gcp=GCPConfig(service_account_id=OTHER)))
    chosen = {"$cond": [{"$eq": ["$n", 3]}, "no/topic", topic]}
    given = {"orderingKey": "$k", "attributes": {"n": "$n", "from": "mill"}}
    with mongod() as server:
        with here.store.write() as session:
            session.put_cluster(Configured(id="e" * 24, name="c", uri=Secret(server.uri), created=0))
        here.connect("dlq", Cluster(cluster_name="c"))
        options = {"dlq": {"connectionName": "dlq", "db": "d", "coll": "x"}}
        here.process(SOURCE, emit(chosen, **given), options=options)
        here.stats(outputMessageCount=9, dlqMessageCount=1)
        (letter,) = wait_until(lambda: server.documents("d.x"), what="the letter")
        here.supervisor.stop(here.processor.id)
    assert [m.data for m in pub_sub.topics[topic]] == [
        b'{"n":%d,"k":"%s"}' % (n, b"ab"[n % 2 : n % 2 + 1]) for n in range(10) if n != 3
    ]
    first = pub_sub.topics[topic][0]
    assert (first.ordering_key, dict(first.attributes)) == ("a", {"n": "0", "from": "mill"})
    assert set(pub_sub.publishers) == {OTHER}
    assert (letter["doc"]["n"], letter["operatorName"]) == (3, "GCPPubSubEmitOperator")
    assert letter["_stream_meta"]["source"]["type"] == "generated"


def test_a_wrong_key_fails_the_processor_and_stays_secret(
    mill: Make, pub_sub: PubSub, tmp_path: Path
) -> None:
    file = tmp_path / "wrong.json"
    key_file(file, pub_sub.url)
    here = mill(**settings(pub_sub, gcp_credentials_file=str(file)))
    here.connect("g", GCPPubSub())
    with pytest.raises(ConnectionFailed, match="Could not log in to Google Cloud: invalid_grant"):
        here.process(SOURCE, emit("topic"))
    assert "PRIVATE" not in here.failed()


def test_an_unknown_topic_fails_the_processor(mill: Make, pub_sub: PubSub) -> None:
    here = mill(**settings(pub_sub), retry_budget=0)
    here.connect("g", GCPPubSub())
    here.process(SOURCE, emit("nobodys"))
    assert "topic nobodys: NOT_FOUND" in here.failed()
