"""A processor beside 200 idle and 20 sampling connections: ``python -m benchmarks.wire [ROUNDS]``.

A server with one processor that takes all it can get. Each round has three stretches: two without connections
and one with them, which comes first or last in turn, so that drift weighs on both sides. A figure is the
median of the rounds' ratios; the two stretches that both have none tell how much of that is noise. The worker
says itself how many documents it had read at what time, and the kernel how much processor time it had taken
by then. The clients are a process of their own with the lowest priority, as they would be on a machine of
their own.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any, Literal

import httpx
import psutil
import pymongo

from benchmarks.figure import Figure, show
from brookmill.testing import Server, server
from demo.broker import broker

ROUNDS = 6
IDLE, SAMPLING = 200, 20
#: Seconds of a stretch, and before it: then the samples of the last one are over.
STRETCH, SETTLE = 6.0, 5.0
#: Seconds between two looks at the worker's processor time, and how many of them until one at its statistics.
LOOK, LOOKS = 0.05, 5
#: Records a second that the sample source would give: more than there can be.
ENDLESS = 10_000_000
NAME = "busy"
#: What a shell takes to print a batch; it asks for the next one then.
PRINTING = 0.02
PIPELINE: list[dict[str, Any]] = [
    {"$source": {"connectionName": "sample_stream_solar"}},
    {"$addFields": {"load": {"$divide": ["$obs.watts", "$max_watts"]}}},
    {"$match": {"obs.watts": {"$in": [5, 7]}}},
    {"$emit": {"connectionName": "kafka", "topic": "watts"}},
]


@dataclass(frozen=True)
class Speed:
    """Documents: a second of the clock, and a second of the worker's processor time."""

    pace: float
    thrift: float

    def over(self, other: Speed) -> Speed:
        return Speed(self.pace / other.pace, self.thrift / other.thrift)


def run(rounds: int = ROUNDS) -> list[Figure]:
    with tempfile.TemporaryDirectory(prefix="brookmill-") as data, ExitStack() as stack:
        bootstrap = stack.enter_context(broker(Path(data) / "kafka"))
        running = stack.enter_context(server(Path(data) / "server", sample_rate=ENDLESS))
        _prepare(running, bootstrap)
        admin = stack.enter_context(_client(_uri(running), 1)).admin
        admin.command("createStreamProcessor", NAME, pipeline=PIPELINE)
        admin.command("startStreamProcessor", NAME)
        worker = _worker(running)
        both = [_round(running, admin, worker, first=bool(number % 2)) for number in range(rounds)]
        admin.command("dropStreamProcessor", NAME)
    beside, noise = zip(*both, strict=True)
    how = f"{IDLE} idle, {SAMPLING} sampling, {rounds} rounds of {STRETCH:.0f} s"
    return [
        _figure("throughput beside connections / without", [one.pace for one in beside], (">=", 0.95), how),
        _figure("the same per second of processor time", [one.thrift for one in beside], (">=", 0.97), how),
        _figure("noise: throughput without / without", [one.pace for one in noise]),
        _figure("noise: per second of processor time", [one.thrift for one in noise]),
    ]


def _round(running: Server, admin: Any, worker: int, *, first: bool) -> tuple[Speed, Speed]:
    """The ratio with connections to without, and without to without. ``first``: begin with connections."""

    def crowded() -> Speed:
        with _crowd(_uri(running)):
            return _speed(admin, worker)

    before = crowded() if first else None
    alone, again = _speed(admin, worker), _speed(admin, worker)
    beside = before or crowded()
    near = alone if first else again
    print(f"{near.pace:.0f} → {beside.pace:.0f} documents/s", file=sys.stderr)
    return beside.over(near), again.over(alone)


def _figure(
    name: str, ratios: list[float], promise: tuple[Literal[">="], float] | None = None, how: str = ""
) -> Figure:
    spread = f"{min(ratios):.3f} to {max(ratios):.3f}"
    return Figure(name, statistics.median(ratios), "", promise, "; ".join(filter(None, (how, spread))))


def _prepare(running: Server, bootstrap: str) -> None:
    """A workspace with a sample connection and one to the broker."""
    made = running.environment
    with httpx.Client(
        base_url=f"{running.base}/api/atlas/v2/groups/{made['MONGODB_ATLAS_PROJECT_ID']}",
        auth=httpx.DigestAuth(made["MONGODB_ATLAS_PUBLIC_API_KEY"], made["MONGODB_ATLAS_PRIVATE_API_KEY"]),
        headers={"Accept": "application/vnd.atlas.2024-08-05+json"},
    ) as api:
        region = {"cloudProvider": "AWS", "region": "VIRGINIA_USA"}
        workspace = {"name": "mill", "dataProcessRegion": region}
        api.post("/streams:withSampleConnections", json=workspace).raise_for_status()
        connection = {"type": "Kafka", "name": "kafka", "bootstrapServers": bootstrap}
        api.post("/streams/mill/connections", json=connection).raise_for_status()


def _uri(running: Server) -> str:
    password = json.loads((running.data_dir / "dev-credentials.json").read_text("utf-8"))["dbPassword"]
    return running.wire.replace("//", f"//dev:{password}@") + "?directConnection=true"


@contextmanager
def _client(uri: str, connections: int) -> Iterator[Any]:
    """A client with so many connections, all logged in."""
    client: Any = pymongo.MongoClient(uri, minPoolSize=connections, maxPoolSize=connections, tz_aware=True)
    with client:
        yield client


def _worker(running: Server) -> int:
    """Its process id."""
    children = psutil.Process(running.process.pid).children()
    return next(one.pid for one in children if "brookmill.runtime.worker" in " ".join(one.cmdline()))


def _speed(admin: Any, worker: int) -> Speed:
    time.sleep(SETTLE)
    spent: list[tuple[float, float]] = []
    counts: dict[float, int] = {}
    end = time.monotonic() + STRETCH
    while time.monotonic() < end:
        spent.append((time.time(), _processor_time(worker)))
        if len(spent) % LOOKS == 0:
            stats = admin.command("getStreamProcessorStats", NAME, options={"verbose": True})["stats"]
            counts[stats["latency"]["end"].timestamp()] = int(stats["inputMessageCount"])
        time.sleep(LOOK)
    told = [time for time in counts if spent[0][0] <= time <= spent[-1][0]]
    begun, ended = told[0], told[-1]
    documents = counts[ended] - counts[begun]
    return Speed(documents / (ended - begun), documents / (_at(ended, spent) - _at(begun, spent)))


def _processor_time(pid: int) -> float:
    """Seconds that all threads of the process have run."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9


def _at(time: float, spent: list[tuple[float, float]]) -> float:
    """The processor time at this time, between the two looks around it."""
    after = next(i for i, (looked, _) in enumerate(spent) if looked >= time)
    (t0, c0), (t1, c1) = spent[max(0, after - 1)], spent[max(1, after)]
    return c0 + (c1 - c0) * (time - t0) / (t1 - t0)


@contextmanager
def _crowd(uri: str) -> Iterator[None]:
    """All connections, in a process of their own, until the end of the block."""
    context = multiprocessing.get_context("spawn")
    ready, over = context.Event(), context.Event()
    process = context.Process(target=_be_many, args=(uri, ready, over))
    process.start()
    if not ready.wait(60):
        raise RuntimeError("the connections are not made within a minute")
    try:
        yield
    finally:
        over.set()
        process.join()


def _be_many(uri: str, ready: Event, over: Event) -> None:
    os.nice(19)
    with _client(uri, IDLE) as idle, _client(uri, SAMPLING) as sampling:
        _together(IDLE, lambda: idle.admin.command("listWorkspaceDefaults", 1))
        _together(SAMPLING, lambda: sampling.admin.command("listWorkspaceDefaults", 1))
        threads = [threading.Thread(target=_sample, args=(sampling.admin, over)) for _ in range(SAMPLING)]
        for thread in threads:
            thread.start()
        ready.set()
        over.wait()
        for thread in threads:
            thread.join()


def _together(many: int, ask: Callable[[], object]) -> None:
    """Ask as many times at once, so that all connections of a pool are made."""
    threads = [threading.Thread(target=ask) for _ in range(many)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _sample(admin: Any, over: Event) -> None:
    """As a shell does: fetch, print, fetch again."""
    cursor = admin.command("startSampleStreamProcessor", NAME)["cursorId"]
    while not over.is_set() and cursor:
        cursor = admin.command("getMoreSampleStreamProcessor", NAME, cursorId=cursor)["cursorId"]
        time.sleep(PRINTING)


if __name__ == "__main__":
    sys.exit(not show(run(*map(int, sys.argv[1:2]))))
