"""Keys that are rotated while documents flow: nothing is lost, and a wrong key stops nobody."""

from __future__ import annotations

import datetime as dt
import json
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from mill import GROUP, Mill
from servers import Broker, Endpoint, Request, wait_until

from brookmill.clock import SystemClock
from brookmill.connections.https import Https
from brookmill.connections.kafka import Kafka
from brookmill.domain.principal import Principal, Role
from brookmill.domain.processor import State
from brookmill.errors import UserError
from brookmill.operations import OPERATIONS, Answered, Call, perform

Make = Callable[..., Mill]

#: Rotations; ``make rotations`` asks for 200.
ROTATIONS = int(os.environ.get("ROTATIONS", "4"))

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


def rotate(here: Mill, key: str) -> dict[str, Any]:
    """The rollout of another key, as it ended."""
    body = {"headers": {"x-api-key": key}}
    begun = ask(here, "updateGroupStreamConnection", body, connectionName="out")

    def ended() -> Any:
        shown = ask(here, "getGroupStreamRollout", rolloutId=begun["id"])
        return shown if "endedAt" in shown else None

    return dict(wait_until(ended, 60, "the end of the rollout"))


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
    valid, got, refused = {"key-0"}, list[int](), list[str]()

    def answer(request: Request) -> int:
        if request.headers.get("x-api-key") not in valid:
            refused.append(request.method)
            return 401
        if request.method == "POST":
            got.append(json.loads(request.body)["n"])
        return 200

    endpoint.answer = answer
    here, topic = mill(checkpoint_interval=0.5, rollout_watch=0.2), broker.topic()
    here.connect("in", Kafka(bootstrap_servers=broker.bootstrap))
    here.connect("out", Https(url=endpoint.url, headers={"x-api-key": "key-0"}))
    source = {"connectionName": "in", "topic": topic, "config": {"auto_offset_reset": "earliest"}}
    pauses = list[int]()
    with load(broker, topic) as sent:
        here.process({"$source": source}, {"$https": {"connectionName": "out", "method": "POST"}})
        wait_until(lambda: got, 30, "the first document")
        for n in range(1, ROTATIONS + 1):
            valid.add(f"key-{n}")
            rollout = rotate(here, f"key-{n}")
            assert rollout["state"] == "SUCCEEDED"
            pauses += [one["pauseMs"] for one in rollout["processors"]]
            valid.remove(f"key-{n - 1}")
            with pytest.raises(UserError) as wrong:
                rotate(here, "wrong")
            assert wrong.value.code == "STREAM_CONNECTION_TEST_FAILED"
            assert "CREDENTIALS" in str(wrong.value)
            assert here.processor.state is State.STARTED
    wait_until(lambda: len(set(got)) == sent(), 60, "all documents")
    assert sorted(got) == list(range(sent())), "each once: whoever is told to end takes a checkpoint"
    assert set(refused) == {"GET"}, "a wrong key is only ever tested"
    assert len(pauses) == ROTATIONS
    print(f"{ROTATIONS} rotations, {sent()} documents, pauses {sorted(pauses)[-5:]} ms")
