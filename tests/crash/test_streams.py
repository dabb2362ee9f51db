"""kill -9 of workers at random moments, for each pair of a source that can be read again and a sink.

What must hold of tagged documents: none is lost; those of a shard come in their order; what comes twice came
after the last checkpoint, so that each run is a gapless piece that starts no later than the one before ended;
and nothing comes twice in a collection that ``$merge`` writes by key.

``STREAM_KILLS`` and ``STREAM_DOCUMENTS`` make it longer: `make crash` sets 100 and 100,000.
"""

from __future__ import annotations

import itertools
import json
import os
import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aws_server
import azure_server
import pub_sub_server
import pytest
from mill import PROCESSOR, Mill, opened
from pub_sub_server import OTHER, PROJECT, PubSub
from servers import Broker, Endpoint, wait_until

from brookmill.clock import SystemClock
from brookmill.connections.aws import AWSConfig
from brookmill.connections.aws_kinesis_data_streams import AWSKinesisDataStreams
from brookmill.connections.aws_lambda import AWSLambda
from brookmill.connections.azure_blob_storage import AzureBlobStorage
from brookmill.connections.cluster import Cluster
from brookmill.connections.gcp_pub_sub import GCPConfig, GCPPubSub
from brookmill.connections.https import Https
from brookmill.connections.kafka import Kafka
from brookmill.connections.s3 import S3
from brookmill.domain.cluster import Cluster as Deployment
from brookmill.domain.processor import State
from brookmill.domain.secret import Secret
from brookmill.testing.mongod import Mongod, mongod

KILLS = int(os.environ.get("STREAM_KILLS", "3"))
DOCUMENTS = int(os.environ.get("STREAM_DOCUMENTS", "2000"))
SHARDS = 2

#: A document's place: its shard, and its number there.
Tag = tuple[int, int]
Spec = dict[str, Any]


@dataclass
class World:
    """Everything outside."""

    broker: Broker
    cluster: Mongod
    endpoint: Endpoint
    pub_sub: PubSub
    cloud: aws_server.Cloud | None
    storage: azure_server.Azure | None

    @property
    def aws(self) -> aws_server.Cloud:
        if self.cloud is None:
            pytest.skip(str(aws_server.MINISTACK.unavailable()))
        return self.cloud

    @property
    def azure(self) -> azure_server.Azure:
        if self.storage is None:
            pytest.skip(str(azure_server.unavailable()))
        return self.storage

    def settings(self) -> Spec:
        """Those by which a server gets everywhere."""
        found: Spec = {}
        google = self.pub_sub.outside()
        found |= {name: getattr(google, name) for name in google.__struct_fields__ if name.startswith("gcp_")}
        if self.storage is not None:
            found |= {
                "azure_endpoint_url": self.storage.outside().azure_endpoint_url,
                **self.storage.principal,
            }
        if self.cloud is not None:
            found |= self.cloud.settings(aws_region=aws_server.REGION)
        return found


@dataclass(frozen=True)
class Way:
    """A way in or out. ``stage``: the stage that takes it. ``write`` and ``tags``: its other end."""

    stage: Spec
    write: Callable[[Sequence[Tag]], None] = lambda _: None
    tags: Callable[[], Iterator[Tag]] = lambda: iter(())
    #: Whether documents of a shard come in their order, and one after the other.
    ordered: bool = True
    #: Whether nothing ever comes twice.
    once: bool = False
    #: Calls of functions take longer than writes: so many times fewer documents.
    slower: int = 1


def _document(tag: Tag) -> Spec:
    return {"_id": f"{tag[0]}-{tag[1]}", "shard": tag[0], "n": tag[1]}


def _tag(document: Spec) -> Tag:
    return document["shard"], document["n"]


def kafka_source(world: World) -> Way:
    topic = world.broker.topic(SHARDS)

    def write(tags: Sequence[Tag]) -> None:
        for shard in range(SHARDS):
            values = [json.dumps(_document(tag)).encode() for tag in tags if tag[0] == shard]
            world.broker.write(topic, *values, partition=shard)

    config = {"auto_offset_reset": "earliest"}
    return Way({"$source": {"connectionName": "kafka", "topic": topic, "config": config}}, write)


def cluster_source(world: World) -> Way:
    collection = f"in{time.monotonic_ns()}"

    def write(tags: Sequence[Tag]) -> None:
        world.cluster.insert(f"db.{collection}", *map(_document, tags))

    config = {"fullDocument": "default", "fullDocumentOnly": True}
    where = {"connectionName": "cluster", "db": "db", "coll": collection}
    return Way({"$source": {**where, "config": config}}, write)


def kinesis_source(world: World) -> Way:
    stream = world.aws.stream(SHARDS)
    # Two keys that fall into different halves of the hash space.
    keys = ["a", "c"]

    def write(tags: Sequence[Tag]) -> None:
        values = [json.dumps(_document(tag)).encode() for tag in tags]
        world.aws.put(stream, *values, keys=[keys[shard] for shard, _ in tags])

    config = {"initialPosition": "TRIM_HORIZON"}
    return Way({"$source": {"connectionName": "kinesis", "stream": stream, "config": config}}, write)


def kafka_sink(world: World) -> Way:
    topic = world.broker.topic()

    def tags() -> Iterator[Tag]:
        return (_tag(json.loads(value)) for value in world.broker.values(topic))

    return Way({"$emit": {"connectionName": "kafka", "topic": topic}}, tags=tags)


def merge_sink(world: World) -> Way:
    collection = f"out{time.monotonic_ns()}"

    def tags() -> Iterator[Tag]:
        return map(_tag, world.cluster.documents(f"db.{collection}"))

    into = {"connectionName": "cluster", "db": "db", "coll": collection}
    return Way({"$merge": {"into": into}}, tags=tags, ordered=False, once=True)


def time_series_sink(world: World) -> Way:
    collection = f"series{time.monotonic_ns()}"

    def tags() -> Iterator[Tag]:
        return map(_tag, world.cluster.documents(f"db.{collection}"))

    emit = {"connectionName": "cluster", "db": "db", "coll": collection, "timeseries": {"timeField": "at"}}
    return Way({"$emit": emit}, tags=tags)


def https_sink(world: World) -> Way:
    def tags() -> Iterator[Tag]:
        return (_tag(json.loads(request.body)) for request in world.endpoint.requests)

    return Way({"$https": {"connectionName": "https", "method": "POST"}}, tags=tags, slower=4)


def s3_sink(world: World) -> Way:
    bucket = world.aws.bucket()

    def tags() -> Iterator[Tag]:
        for body in world.aws.objects(bucket).values():
            yield from (_tag(json.loads(line)) for line in body.splitlines())

    emit = {"connectionName": "s3", "bucket": bucket, "path": "p", "config": {"writeOptions": {"count": 500}}}
    return Way({"$emit": emit}, tags=tags, ordered=False)  # objects of one second have no order


def azure_sink(world: World) -> Way:
    container = world.azure.container()

    def tags() -> Iterator[Tag]:
        for body in world.azure.blobs(container).values():
            yield from (_tag(json.loads(line)) for line in body.splitlines())

    where = {"connectionName": "azure", "container": container, "path": "p"}
    return Way({"$emit": {**where, "config": {"writeOptions": {"count": 500}}}}, tags=tags, ordered=False)


def pub_sub_sink(world: World) -> Way:
    topic = world.pub_sub.topic()

    def tags() -> Iterator[Tag]:
        return (_tag(json.loads(message.data)) for message in world.pub_sub.topics[topic])

    where = {"connectionName": "google", "projectId": PROJECT, "region": "europe-west1", "topic": topic}
    return Way({"$emit": where}, tags=tags)


def kinesis_sink(world: World) -> Way:
    stream = world.aws.stream()

    def tags() -> Iterator[Tag]:
        return (_tag(json.loads(record["Data"])) for record in world.aws.records(stream))

    emit = {"connectionName": "kinesis", "stream": stream, "partitionKey": "k"}
    return Way({"$emit": emit}, tags=tags)


def lambda_sink(world: World, directory: Path) -> Way:
    body = f"""
import json
def handler(event, context):
    with open({str(directory / "called")!r}, "a") as file:
        file.write(json.dumps(event) + "\\n")
    return {{}}
"""
    function = world.aws.function(body)

    def tags() -> Iterator[Tag]:
        called = directory / "called"
        lines = called.read_text().splitlines() if called.exists() else []
        return (_tag(json.loads(line)) for line in lines)

    call = {"connectionName": "lambda", "functionName": function, "execution": "sync"}
    return Way({"$externalFunction": call}, tags=tags, slower=20)


SOURCES = {"Kafka": kafka_source, "Cluster": cluster_source, "Kinesis": kinesis_source}
SINKS: dict[str, Callable[..., Way]] = {
    "Kafka": kafka_sink,
    "merge": merge_sink,
    "time series": time_series_sink,
    "Https": https_sink,
    "S3": s3_sink,
    "Azure": azure_sink,
    "PubSub": pub_sub_sink,
    "Kinesis": kinesis_sink,
    "Lambda": lambda_sink,
}


class Hasty(SystemClock):
    """The machine's clock, but for pauses before a worker is started again: a minute has a second here."""

    def wait(self, event: threading.Event, timeout: float) -> bool:
        return event.wait(timeout / 60)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Mongod]:
    with mongod() as server:
        yield server


@pytest.fixture
def world(
    broker: Broker, cluster: Mongod, endpoint: Endpoint, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[World]:
    cloud = None if aws_server.MINISTACK.unavailable() else request.getfixturevalue("cloud")
    storage = None if azure_server.unavailable() else request.getfixturevalue("azure")
    with pub_sub_server.pub_sub(tmp_path) as google:
        yield World(broker, cluster, endpoint, google, cloud, storage)


@pytest.fixture
def mill(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Mill]:
    if world.storage is not None:
        monkeypatch.setenv("SSL_CERT_FILE", str(world.storage.authority))
    here = opened(tmp_path, checkpoint_interval=0.2, clock=Hasty(), **world.settings())
    with here.store.write() as session:
        session.put_cluster(Deployment(id="e" * 24, name="main", uri=Secret(world.cluster.uri), created=0.0))
    here.connect("kafka", Kafka(bootstrap_servers=world.broker.bootstrap))
    here.connect("cluster", Cluster(cluster_name="main"))
    here.connect("https", Https(url=world.endpoint.url))
    if world.cloud is not None:
        aws = AWSConfig(role_arn=world.cloud.role)
        for name, kind in (("s3", S3), ("kinesis", AWSKinesisDataStreams), ("lambda", AWSLambda)):
            here.connect(name, kind(aws=aws))
    here.connect("google", GCPPubSub(gcp=GCPConfig(service_account_id=OTHER)))
    if world.storage is not None:
        here.connect("azure", AzureBlobStorage(azure=world.storage.config))
    yield here
    here.supervisor.close()
    here.store.close()


def written(way: Way, count: int, over: float) -> threading.Thread:
    """A thread that writes ``count`` documents, in turn to the shards, over so many seconds."""
    all_tags = [(n % SHARDS, n // SHARDS) for n in range(count)]

    def write() -> None:
        begun, sent = time.monotonic(), 0
        while sent < count:
            due = min(count, int((time.monotonic() - begun) / over * count) + 1)
            way.write(all_tags[sent:due])
            sent = due
            time.sleep(0.02)

    thread = threading.Thread(target=write, daemon=True)
    thread.start()
    return thread


def killed(mill: Mill, chance: random.Random) -> None:
    """Kill the worker a moment after it came, in the middle of whatever it does."""
    mill.worker()
    time.sleep(chance.uniform(0, 0.8))
    mill.kill()


def judge(tags: Sequence[Tag], count: int, way: Way) -> None:
    everything = {(n % SHARDS, n // SHARDS) for n in range(count)}
    assert set(tags) == everything, f"{len(everything - set(tags))} of {count} documents are lost"
    if way.once:
        assert len(tags) == count
    if not way.ordered:
        return
    for shard in range(SHARDS):
        numbers = [n for s, n in tags if s == shard]
        reached = -1
        for before, n in itertools.pairwise([-1, *numbers]):
            assert n == before + 1 or n <= reached, f"{n} came after {before} before what lies between"
            reached = max(reached, n)


PAIRS = [(source, sink) for source in SOURCES for sink in SINKS]
#: One of each kind in the default run; `make crash` tries all pairs.
QUICK = {("Cluster", "merge"), ("Kinesis", "S3")}


@pytest.mark.parametrize(
    ("source", "sink"),
    [
        pytest.param(*pair, marks=() if pair in QUICK else pytest.mark.slow, id=" to ".join(pair))
        for pair in PAIRS
    ],
)
@pytest.mark.timeout(3600)
def test_killed_workers_lose_nothing(
    source: str, sink: str, world: World, mill: Mill, tmp_path: Path
) -> None:
    seed = int(os.environ.get("SEED", random.randrange(10**6)))
    print(f"SEED={seed}")
    chance = random.Random(seed)
    way_in = SOURCES[source](world)
    way_out = SINKS[sink](world, tmp_path) if sink == "Lambda" else SINKS[sink](world)
    count = DOCUMENTS // way_out.slower
    at: list[Spec] = [{"$set": {"at": {"$currentDate": {}}}}] if sink == "time series" else []
    mill.process(way_in.stage, *at, way_out.stage)
    writing = written(way_in, count, over=KILLS * 1.2)
    for _ in range(KILLS):
        killed(mill, chance)
    writing.join()

    def complete() -> bool:
        assert mill.processor.state is State.STARTED, mill.processor.error
        return len(set(way_out.tags())) >= count

    def flushed() -> bool:
        time.sleep(0.2)
        return complete()

    wait_until(flushed, 120 + 3 * KILLS, "all documents")
    mill.supervisor.stop(PROCESSOR)
    judge(list(way_out.tags()), count, way_out)
