"""Logins and keys that are rotated while documents flow: nothing is lost, and a wrong one stops nobody."""

from __future__ import annotations

import datetime as dt
import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pytest
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._scram import (
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialDeletion,
    UserScramCredentialUpsertion,
)
from kafka_broker import KafkaBroker
from mill import GROUP, WORKSPACE, Mill
from servers import Broker, Endpoint, Request, wait_until

from brookmill.clock import SystemClock
from brookmill.connections.cluster import Cluster
from brookmill.connections.https import Https
from brookmill.connections.kafka import Authentication, Kafka, Security
from brookmill.domain.cluster import Cluster as Configured
from brookmill.domain.connection import Connection
from brookmill.domain.names import new_id
from brookmill.domain.principal import Principal, Role
from brookmill.domain.processor import State
from brookmill.domain.rollout import Rollout, Step
from brookmill.domain.secret import Secret
from brookmill.errors import UserError
from brookmill.operations import OPERATIONS, Answered, Call, perform
from brookmill.testing.mongod import User, mongod

Make = Callable[..., Mill]

#: Rotations; ``make rotations`` asks for 200.
ROTATIONS = int(os.environ.get("ROTATIONS", "2"))

OWNER = Principal(
    kind="API_KEY", id="c" * 24, name="owner", org_id="a" * 24, org_roles=frozenset({Role.ORG_OWNER})
)


def ask(here: Mill, operation: str, body: Any = None, **path: str) -> Any:
    """The operation's value, asked for as a door does; raises UserError."""
    call = Call(
        principal=OWNER,
        path={"groupId": GROUP, "tenantName": "w", **path},
        query={"updates": "rolling"} if body else {},
        body=b"" if body is None else json.dumps(body).encode(),
        base_url="http://localhost",
        remote="127.0.0.1",
        request_id="test",
        version=dt.date(2024, 8, 5),
        store=here.store,
        supervisor=here.supervisor,
        clock=SystemClock(),
        settings=here.settings,
    )
    answered = perform(OPERATIONS[operation], call)
    return answered.value if isinstance(answered, Answered) else answered


def rotate(here: Mill, name: str, body: dict[str, Any]) -> dict[str, Any]:
    """The rollout of what ``body`` changes, as it ended."""
    return ended(here, ask(here, "updateGroupStreamConnection", body, connectionName=name)["id"])


def ended(here: Mill, id: str) -> dict[str, Any]:
    def shown() -> Any:
        rollout = ask(here, "getGroupStreamRollout", rolloutId=id)
        return rollout if "endedAt" in rollout else None

    return dict(wait_until(shown, 60, "the end of the rollout"))


def refused(here: Mill, name: str, body: dict[str, Any]) -> None:
    """A change that its test finds out is not even written."""
    with pytest.raises(UserError) as wrong:
        rotate(here, name, body)
    assert wrong.value.code == "STREAM_CONNECTION_TEST_FAILED"
    assert "CREDENTIALS" in str(wrong.value)


def slipped(here: Mill, now: Connection) -> float:
    """Roll out what was still right when it was tested: the seconds until all is as before."""
    begun = time.monotonic()
    processor = here.processor
    with here.store.write() as session:
        workspace = session.workspace_by_id(WORKSPACE)
        assert workspace is not None
        kept = session.connection(workspace, str(now.name))
        assert kept is not None
        after = session.replace_connection(workspace, msgspec.structs.replace(now, id=kept.id))
        rollout = Rollout(
            id=new_id(begun),
            workspace_id=WORKSPACE,
            connection=str(now.name),
            before=after - 1,
            after=after,
            created=begun,
            steps=(Step(processor_id=processor.id, name=processor.name),),
        )
        session.rollouts.add(rollout)
    here.supervisor.rollouts.begin(rollout.id)
    assert ended(here, rollout.id)["state"] == "ROLLED_BACK"
    took = time.monotonic() - begun
    assert here.processor.state is State.STARTED
    with here.store.read() as session:
        assert session.connection(workspace, str(now.name)) == kept
    return took


@dataclass
class Figures:
    """Of one test: milliseconds without worker, and seconds until a wrong secret was taken back."""

    pauses: list[int] = field(default_factory=list)
    backs: list[float] = field(default_factory=list)

    def went_well(self, rollout: dict[str, Any]) -> None:
        assert rollout["state"] == "SUCCEEDED", rollout
        self.pauses += [one["pauseMs"] for one in rollout["processors"]]

    def told(self, system: str, documents: int) -> None:
        """Prints them; judges them where there are enough of them, by themselves on the machine."""
        p99 = sorted(self.pauses)[int(len(self.pauses) * 0.99)]
        back = max(self.backs, default=0.0)
        print(
            f"{system}: {len(self.pauses)} rotations, {documents} documents, pause p99 {p99} ms, "
            f"{len(self.backs)} taken back in {back:.2f} s at most"
        )
        if len(self.pauses) >= 100:
            assert p99 < 2000
            assert back < 10


@contextmanager
def load(broker: Broker, topic: str) -> Iterator[Callable[[], int]]:
    """Messages ``{n: 0}``, ``{n: 1}`` and so on; tells how many, and goes on until left."""
    done, sent = threading.Event(), 0

    def produce() -> None:
        nonlocal sent
        while not done.wait(0.02):
            broker.write(topic, *(json.dumps({"n": n}).encode() for n in range(sent, sent + 5)))
            sent += 5

    thread = threading.Thread(target=produce)
    thread.start()
    try:
        yield lambda: sent
    finally:
        done.set()
        thread.join()


def test_header_keys_are_rotated_under_load(mill: Make, broker: Broker, endpoint: Endpoint) -> None:
    """The endpoint takes the key that is and the one that comes, as in any rotation."""
    valid, got, denied, figures = {"key-0"}, list[int](), list[str](), Figures()

    def answer(request: Request) -> int:
        if request.headers.get("x-api-key") not in valid:
            denied.append(request.method)
            return 401
        if request.method == "POST":
            got.append(json.loads(request.body)["n"])
        return 200

    endpoint.answer = answer
    here, topic = mill(checkpoint_interval=0.5, rollout_watch=0.2), broker.topic()
    here.connect("in", Kafka(bootstrap_servers=broker.bootstrap))
    here.connect("out", Https(url=endpoint.url, headers={"x-api-key": "key-0"}))
    with load(broker, topic) as sent:
        here.process(source(topic), {"$https": {"connectionName": "out", "method": "POST"}})
        wait_until(lambda: got, 30, "the first document")
        for n in range(1, ROTATIONS + 1):
            valid.add(f"key-{n}")
            figures.went_well(rotate(here, "out", {"headers": {"x-api-key": f"key-{n}"}}))
            valid.remove(f"key-{n - 1}")
            refused(here, "out", {"headers": {"x-api-key": "wrong"}})
            assert here.processor.state is State.STARTED
    wait_until(lambda: len(set(got)) == sent(), 60, "all documents")
    assert sorted(got) == list(range(sent())), "each once: whoever is told to end takes a checkpoint"
    assert set(denied) == {"GET"}, "a wrong key is only ever tested"
    figures.told("HTTPS", sent())


def login(n: int, password: str = "") -> Authentication:
    return Authentication(mechanism="SCRAM-512", username=f"u{n}", password=Secret(password or f"p{n}"))


def test_kafka_logins_are_rotated_under_load(mill: Make, apache: KafkaBroker) -> None:
    """Source and sink log in alike; each user is gone as soon as the next one is in use."""
    admin = AdminClient({"bootstrap.servers": apache.servers["PLAINTEXT"]})
    made = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096)

    def change(name: str, change: Any) -> None:
        admin.alter_user_scram_credentials([change])[name].result(20)

    def make(n: int) -> None:
        change(f"u{n}", UserScramCredentialUpsertion(f"u{n}", made, f"p{n}".encode()))

    here, came, went = (
        mill(checkpoint_interval=0.5, rollout_watch=0.2),
        apache.plain.topic(),
        apache.plain.topic(),
    )
    first = Kafka(
        name="in",
        bootstrap_servers=apache.servers["SASL"],
        authentication=login(0),
        security=Security(protocol="SASL_PLAINTEXT"),
    )
    make(0)
    here.connect("in", first)
    figures = Figures()
    with load(apache.plain, came) as sent:
        here.process(source(came), {"$emit": {"connectionName": "in", "topic": went}})
        here.stats(outputMessageCount=1)
        for n in range(1, ROTATIONS + 1):
            make(n)
            figures.went_well(
                rotate(here, "in", {"authentication": {"username": f"u{n}", "password": f"p{n}"}})
            )
            change(f"u{n - 1}", UserScramCredentialDeletion(f"u{n - 1}", ScramMechanism.SCRAM_SHA_512))
            refused(here, "in", {"authentication": {"password": "wrong"}})
            wrong = msgspec.structs.replace(first, authentication=login(n, "wrong"))
            figures.backs.append(slipped(here, wrong))
    got = [json.loads(value)["n"] for value in apache.plain.values(went, sent(), 60)]
    judge(got, sent())
    figures.told("Kafka", sent())


def test_users_of_clusters_are_rotated_under_load(mill: Make, broker: Broker) -> None:
    """The user is in the address of a cluster, which connections name."""
    here, topic, figures = mill(checkpoint_interval=0.5, rollout_watch=0.2), broker.topic(), Figures()
    users = [User(f"u{n}", f"p{n}", ("readWrite@out",)) for n in range(ROTATIONS + 1)]
    with mongod(users=users) as server:

        def configure(name: str, login: str) -> None:
            uri = Secret(server.uri.replace("://", f"://{login}@"))
            with here.store.write() as session:
                session.put_cluster(Configured(id=new_id(1.0), name=name, uri=uri, created=0))

        configure("main-0", "u0:p0")
        configure("wrong", "u0:wrong")
        here.connect("in", Kafka(bootstrap_servers=broker.bootstrap))
        here.connect("out", Cluster(name="out", cluster_name="main-0"))
        into = {"connectionName": "out", "db": "out", "coll": "x"}
        with load(broker, topic) as sent:
            here.process(source(topic), {"$merge": {"into": into}})
            wait_until(lambda: server.documents("out.x"), 30, "the first document")
            for n in range(1, ROTATIONS + 1):
                configure(f"main-{n}", f"u{n}:p{n}")
                figures.went_well(rotate(here, "out", {"clusterName": f"main-{n}"}))
                refused(here, "out", {"clusterName": "wrong"})
                figures.backs.append(slipped(here, Cluster(name="out", cluster_name="wrong")))
        wait_until(
            lambda: len({one["n"] for one in server.documents("out.x")}) == sent(), 60, "all documents"
        )
        judge([one["n"] for one in server.documents("out.x")], sent())
    figures.told("MongoDB", sent())


def source(topic: str) -> dict[str, Any]:
    return {"$source": {"connectionName": "in", "topic": topic, "config": {"auto_offset_reset": "earliest"}}}


def judge(got: list[int], sent: int) -> None:
    """All came, and none twice: whoever is told to end takes a checkpoint first."""
    assert sorted(set(got)) == list(range(sent)), "lost"
    assert len(got) == sent, "twice"
