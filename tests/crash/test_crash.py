"""kill -9 of the server at random moments under parallel writes: what was acknowledged is there, whole."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from servers import wait_until

from brookmill.clock import SystemClock
from brookmill.config import Settings
from brookmill.connections.kafka import Kafka
from brookmill.domain.connection import at
from brookmill.domain.secret import Secret
from brookmill.store import Store
from brookmill.testing import Server, server

WRITERS = 4
NAMES = 3

#: Of every so many kills one hits a server that is still starting.
STARTING = 5

#: Makes a row larger than a page of the database, so that a torn one would show.
PAD = 6_000

HEADERS = {"Accept": "application/vnd.atlas.2024-08-05+json"}

#: The version of a connection that is not there.
GONE = -1


def body(name: str, version: int) -> dict[str, Any]:
    """A connection that tells its version in every member."""
    return {
        "name": name,
        "type": "Kafka",
        "bootstrapServers": f"h{version}:9092",
        "config": {"client.id": f"v{version}-" + "x" * (PAD + version % 500)},
        "authentication": {"mechanism": "PLAIN", "username": f"u{version}", "password": f"p{version}"},
    }


def version_of(connection: dict[str, Any]) -> int:
    """The version that all members tell; fails when they differ."""
    version = int(connection["bootstrapServers"][1:-5])
    expected = body(connection["name"], version)
    expected["authentication"].pop("password")
    assert {name: connection[name] for name in expected} == expected, "torn"
    return version


@dataclass
class Name:
    """What is known of one connection: the last version acknowledged, and the one under way, maybe done."""

    name: str
    acknowledged: int = GONE
    attempted: int = GONE

    @property
    def possible(self) -> set[int]:
        return {self.acknowledged, self.attempted}


@dataclass
class Writer:
    """Creates, updates and deletes its own connections until the server is gone."""

    names: list[Name]
    chance: random.Random
    last: int = 0
    acknowledged: int = 0
    refused: list[str] = field(default_factory=list)

    def run(self, url: str, token: str) -> None:
        headers = HEADERS | {"Authorization": f"Bearer {token}"}
        with httpx.Client(base_url=url, headers=headers, timeout=30) as client:
            while not self.refused:
                try:
                    self._write(client, self.chance.choice(self.names))
                except httpx.TransportError:
                    return

    def _write(self, client: httpx.Client, name: Name) -> None:
        self.last += 1
        if name.acknowledged == GONE:
            name.attempted = self.last
            answer = client.post("/connections", json=body(name.name, self.last))
        elif self.chance.random() < 0.15:
            name.attempted = GONE
            answer = client.delete(f"/connections/{name.name}")
        else:
            name.attempted = self.last
            answer = client.patch(f"/connections/{name.name}", json=body(name.name, self.last))
        if answer.status_code not in {200, 202}:
            self.refused.append(f"{answer.request.method} {answer.status_code} {answer.text[:300]}")
            return
        name.acknowledged = name.attempted
        self.acknowledged += 1


@dataclass
class Trial:
    """One data directory that outlives many servers."""

    data: Path
    chance: random.Random
    writers: list[Writer]
    token: str = ""
    url: str = ""
    kills: int = 0

    def start(self) -> Any:
        return server(self.data, rate_limit=0, log_level="warning")

    @property
    def acknowledged(self) -> int:
        return sum(writer.acknowledged for writer in self.writers)

    def prepare(self) -> None:
        """A workspace and a token: both are acknowledged, so both must outlive every crash."""
        with self.start() as running:
            given = running.environment
            pair = (given["MONGODB_ATLAS_CLIENT_ID"], given["MONGODB_ATLAS_CLIENT_SECRET"])
            asked = {"grant_type": "client_credentials"}
            answer = httpx.post(f"{running.base}/api/oauth/token", data=asked, auth=pair)
            self.token = answer.json()["access_token"]
            group = f"/api/atlas/v2/groups/{given['MONGODB_ATLAS_PROJECT_ID']}/streams"
            region = {"cloudProvider": "AWS", "region": "VIRGINIA_USA"}
            workspace = {"name": "brook", "dataProcessRegion": region}
            bearer = HEADERS | {"Authorization": f"Bearer {self.token}"}
            made = httpx.post(running.base + group, json=workspace, headers=bearer)
            assert made.status_code == 200, made.text
            self.url = f"{group}/brook"

    def crash_while_writing(self) -> None:
        """Start, look whether all is there, write in parallel, kill."""
        with self.start() as running:
            self.verify(running)
            url, threads = running.base + self.url, []
            for writer in self.writers:
                threads.append(threading.Thread(target=writer.run, args=(url, self.token)))
                threads[-1].start()
            before = self.acknowledged
            wait_until(lambda: self.acknowledged > before, what="a first write")
            time.sleep(self.chance.uniform(0.0, 0.4))
            running.process.kill()
            running.process.wait()
            for thread in threads:
                thread.join()
        self.kills += 1
        assert not [text for writer in self.writers for text in writer.refused]

    def crash_while_starting(self) -> None:
        """Kill a server that may not even have opened the database yet."""
        settings = {"BROOKMILL_HTTP": "127.0.0.1:0", "BROOKMILL_DATA_DIR": str(self.data)}
        with (self.data / "server.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "brookmill", "serve"],
                env=os.environ | settings,
                stdout=log,
                stderr=log,
                cwd=self.data,
            )
        time.sleep(self.chance.uniform(0.0, 1.2))
        process.kill()
        process.wait()
        self.kills += 1

    def verify(self, running: Server) -> None:
        """Compare with what was acknowledged, over HTTP and, for the secrets, in the store."""
        bearer = HEADERS | {"Authorization": f"Bearer {self.token}"}
        answer = httpx.get(f"{running.base}{self.url}/connections?itemsPerPage=500", headers=bearer)
        assert answer.status_code == 200, answer.text
        shown = {c["name"]: version_of(c) for c in answer.json()["results"]}
        secrets = self._secrets()
        for name in (name for writer in self.writers for name in writer.names):
            version = shown.pop(name.name, GONE)
            assert version in name.possible, f"{name}: found {version}"
            expected = None if version == GONE else Secret(f"p{version}")
            assert secrets.get(name.name) == expected
            name.acknowledged = name.attempted = version
        assert not shown, "nobody made these"

    def _secrets(self) -> dict[str, Any]:
        store = Store.open(Settings(data_dir=str(self.data)), SystemClock())
        try:
            with store.read() as session:
                [group] = session.groups()
                [workspace] = session.workspaces(group.id)
                kept = [c for c in session.connections(workspace) if isinstance(c, Kafka)]
        finally:
            store.close()
        return {str(c.name): at(c, "authentication.password") for c in kept}


def crash(data: Path, kills: int) -> None:
    """Kill ``kills`` servers on one data directory; says which seed to give again."""
    seed = int(os.environ.get("CRASH_SEED", random.SystemRandom().randrange(10**6)))
    print(f"CRASH_SEED={seed}")
    chance = random.Random(seed)
    writers = [
        Writer([Name(f"w{w}-{n}") for n in range(NAMES)], random.Random(chance.random()))
        for w in range(WRITERS)
    ]
    trial = Trial(data, chance, writers)
    trial.prepare()
    while trial.kills < kills:
        if chance.randrange(STARTING) == 0:
            trial.crash_while_starting()
        else:
            trial.crash_while_writing()
    with trial.start() as running:
        trial.verify(running)
    acknowledged = sum(writer.acknowledged for writer in writers)
    print(f"{trial.kills} kills, {acknowledged} acknowledged writes, none lost, none torn")
    assert acknowledged > kills, "too few writes to prove anything"


def test_no_acknowledged_write_is_lost_in_ten_crashes(tmp_path: Path) -> None:
    crash(tmp_path, 10)


@pytest.mark.slow
@pytest.mark.timeout(0)
def test_no_acknowledged_write_is_lost_in_many_crashes(tmp_path: Path) -> None:
    """``make crash``; the environment variable CRASHES says how many."""
    crash(tmp_path, int(os.environ.get("CRASHES", "200")))
