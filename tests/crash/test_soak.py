"""Half an hour of processors started, stopped, updated and dropped at random: nothing of them stays behind.

``SOAK_MINUTES`` says how long; `make soak` sets 30. Now and then everything is stopped and counted: memory,
descriptors, threads and processes of the server, and those of one worker that runs all the time.
"""

from __future__ import annotations

import os
import random
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from servers import Broker, Endpoint, wait_until

from brookmill.testing import Server, server

MINUTES = float(os.environ.get("SOAK_MINUTES", "30"))
PROCESSORS = 50
CALLERS = 4
ROUNDS = 6

HEADERS = {"Accept": "application/vnd.atlas.2025-03-12+json"}
WINDOW = {
    "interval": {"size": 1, "unit": "second"},
    "pipeline": [{"$group": {"_id": "$group_id", "n": {"$sum": 1}}}],
}
CALM = {"$https": {"connectionName": "https", "method": "POST"}}


def pipelines(topic: str) -> list[list[dict[str, Any]]]:
    """By sample, with windows; by documents; by Kafka, both ways."""
    solar: dict[str, Any] = {"$source": {"connectionName": "sample_stream_solar"}}
    documents = {"$source": {"documents": [{"n": n, "text": "x" * 100} for n in range(200)]}}
    kafka = {"$source": {"connectionName": "kafka", "topic": topic}}
    return [
        [solar, {"$match": {"group_id": {"$lt": 5}}}, CALM],
        [solar, {"$tumblingWindow": WINDOW}, CALM],
        [documents, {"$set": {"more": {"$concat": ["$text", "$text"]}}}, CALM],
        [kafka, {"$emit": {"connectionName": "kafka", "topic": topic + "-out"}}],
    ]


@dataclass(frozen=True)
class Counted:
    """What a process holds. ``memory`` in bytes, without what it shares."""

    memory: int
    descriptors: int
    threads: int
    children: int

    @classmethod
    def of(cls, process: psutil.Process) -> Counted:
        children = [p for p in process.children(recursive=True) if p.status() != psutil.STATUS_ZOMBIE]
        return cls(process.memory_full_info().uss, process.num_fds(), process.num_threads(), len(children))


@dataclass
class Caller:
    """Does one thing after the other to processors of its own; answers that make no sense are kept."""

    client: httpx.Client
    numbers: range
    chance: random.Random
    choices: list[list[dict[str, Any]]]
    done: int = 0
    wrong: list[str] = field(default_factory=list)

    def run(self, until: float) -> None:
        while time.monotonic() < until and not self.wrong:
            self.act(f"p{self.chance.choice(self.numbers)}")
            self.done += 1

    def act(self, name: str) -> None:
        match self.chance.randrange(6):
            case 0 | 1:
                self.ask("POST", f"/processor/{name}:start", {200, 404})
            case 2:
                self.ask("POST", f"/processor/{name}:stop", {200, 404})
            case 3:
                self.ask("GET", f"/processor/{name}", {200, 404})
            case 4:
                body = {
                    "pipeline": self.chance.choice(self.choices),
                    "options": {"resumeFromCheckpoint": False},
                }
                self.ask("PATCH", f"/processor/{name}", {200, 400, 404, 409}, body)  # not while it runs
            case _:
                if self.ask("DELETE", f"/processor/{name}", {202, 204, 200, 404}) == 404:
                    self.create(name)

    def create(self, name: str) -> None:
        self.ask(
            "POST", "/processor", {200, 201}, {"name": name, "pipeline": self.chance.choice(self.choices)}
        )

    def ask(self, method: str, path: str, fine: set[int], body: Any = None) -> int:
        answer = self.client.request(method, path, json=body)
        if answer.status_code not in fine:
            self.wrong.append(f"{method} {path}: {answer.status_code} {answer.text[:300]}")
        return answer.status_code


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Server]:
    with server(tmp_path, rate_limit=0, log_level="error", checkpoint_interval=1) as one:
        yield one


def clients(one: Server) -> Iterator[httpx.Client]:
    given = one.environment
    pair = (given["MONGODB_ATLAS_CLIENT_ID"], given["MONGODB_ATLAS_CLIENT_SECRET"])
    asked = httpx.post(f"{one.base}/api/oauth/token", data={"grant_type": "client_credentials"}, auth=pair)
    bearer = HEADERS | {"Authorization": f"Bearer {asked.json()['access_token']}"}
    group = f"{one.base}/api/atlas/v2/groups/{given['MONGODB_ATLAS_PROJECT_ID']}/streams"
    region = {"cloudProvider": "AWS", "region": "VIRGINIA_USA"}
    made = httpx.post(group, json={"name": "soak", "dataProcessRegion": region}, headers=bearer)
    assert made.status_code == 200, made.text
    while True:
        yield httpx.Client(base_url=f"{group}/soak", headers=bearer, timeout=120)


@pytest.mark.slow
@pytest.mark.timeout(0)
def test_nothing_stays_behind(running: Server, broker: Broker, endpoint: Endpoint) -> None:
    topic, making = broker.topic(2), clients(running)
    client = next(making)
    for connection in (
        {"name": "https", "type": "Https", "url": endpoint.url},
        {"name": "kafka", "type": "Kafka", "bootstrapServers": broker.bootstrap},
        {"name": "sample_stream_solar", "type": "Sample"},
    ):
        assert client.post("/connections", json=connection).status_code == 200
    choices = pipelines(topic)
    client.post("/processor", json={"name": "keeper", "pipeline": choices[1]})
    client.post("/processor/keeper:start")
    each = PROCESSORS // CALLERS
    callers = [
        Caller(next(making), range(i * each, (i + 1) * each), random.Random(i), choices)
        for i in range(CALLERS)
    ]
    for caller in callers:
        for number in caller.numbers:
            caller.create(f"p{number}")
    counted = []
    for _ in range(ROUNDS):
        busy(callers, MINUTES * 60 / ROUNDS)
        assert [text for caller in callers for text in caller.wrong] == []
        counted.append(calm(running, client, callers))
        endpoint.requests.clear()
        print(*counted[-1], f"{sum(caller.done for caller in callers)} calls", sep="\n  ", flush=True)
    for first, last in zip(counted[1], counted[-1], strict=True):
        assert last.children <= first.children
        assert last.threads <= first.threads + 16  # pools grow to their size when calls coincide
        assert last.descriptors <= first.descriptors + 8
        assert last.memory <= first.memory * 1.15 + 2**21
    for one in (client, *(caller.client for caller in callers)):
        one.close()


def busy(callers: list[Caller], seconds: float) -> None:
    until = time.monotonic() + seconds
    threads = [threading.Thread(target=caller.run, args=(until,)) for caller in callers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def calm(running: Server, client: httpx.Client, callers: list[Caller]) -> tuple[Counted, Counted]:
    """The server and the worker of the keeper, when no other runs."""
    for caller in callers:
        for number in caller.numbers:
            caller.ask("POST", f"/processor/p{number}:stop", {200, 404})
    process = psutil.Process(running.process.pid)
    wait_until(lambda: Counted.of(process).children == 1, 60, "the end of all other workers")
    assert client.get("/processor/keeper").json()["state"] == "STARTED"
    [worker] = process.children()
    return Counted.of(process), Counted.of(worker)
