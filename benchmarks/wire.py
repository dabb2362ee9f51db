"""A processor beside 200 idle and 20 sampling connections: ``python -m benchmarks.wire [PAIRS]``.

A server with one processor that takes all it can get. Stretches with the connections and without them take
turns; a figure is the median of the pairs' ratios of documents a second. The same is done with two stretches
that both have none: so much is noise. The clients are a process of their own with the lowest priority, as
they would be on a machine of their own.
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
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

import httpx
import psutil
import pymongo

from benchmarks.figure import Figure, show
from brookmill.testing import Server, server
from demo.broker import broker

PAIRS = 8
IDLE, SAMPLING = 200, 20
#: Seconds of a stretch, and before it.
STRETCH, SETTLE = 6.0, 2.0
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


def run(pairs: int = PAIRS) -> list[Figure]:
    with tempfile.TemporaryDirectory(prefix="brookmill-") as data, ExitStack() as stack:
        bootstrap = stack.enter_context(broker(Path(data) / "kafka"))
        running = stack.enter_context(server(Path(data) / "server", sample_rate=ENDLESS))
        _prepare(running, bootstrap)
        admin = stack.enter_context(_client(_uri(running), 1)).admin
        admin.command("createStreamProcessor", NAME, pipeline=PIPELINE)
        admin.command("startStreamProcessor", NAME)
        worker = _worker(running)
        noise, ratios, still, costs = [], [], [], []
        for _ in range(pairs):
            first, again = (_speed(admin, worker) for _ in range(2))
            with _crowd(_uri(running)):
                crowded = _speed(admin, worker)
            noise.append(again[0] / first[0])
            ratios.append(crowded[0] / again[0])
            still.append(again[1] / first[1])
            costs.append(crowded[1] / again[1])
            print(f"{again[0]:.0f} → {crowded[0]:.0f} documents/s", file=sys.stderr)
        admin.command("dropStreamProcessor", NAME)
    how = f"{IDLE} idle, {SAMPLING} sampling, {pairs} pairs of {STRETCH:.0f} s"
    return [
        Figure(
            "throughput beside connections / without",
            statistics.median(ratios),
            "",
            None,
            f"{how}; {_spread(ratios)}",
        ),
        Figure(
            "the same per second of processor time",
            statistics.median(costs),
            "",
            (">=", 0.97),
            _spread(costs),
        ),
        Figure("noise: throughput without / without", statistics.median(noise), "", None, _spread(noise)),
        Figure("noise: per second of processor time", statistics.median(still), "", None, _spread(still)),
    ]


def _spread(ratios: list[float]) -> str:
    return f"{min(ratios):.3f} to {max(ratios):.3f}"


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
    client: Any = pymongo.MongoClient(uri, minPoolSize=connections, maxPoolSize=connections)
    with client:
        yield client


def _worker(running: Server) -> psutil.Process:
    children = psutil.Process(running.process.pid).children()
    return next(one for one in children if "brookmill.runtime.worker" in " ".join(one.cmdline()))


def _speed(admin: Any, worker: psutil.Process) -> tuple[float, float]:
    """Documents a second of the clock, and of the worker's processor time."""
    time.sleep(SETTLE)
    count, begun, spent = _news(admin, worker)
    time.sleep(STRETCH)
    more, ended, then = _news(admin, worker)
    return (more - count) / (ended - begun), (more - count) / (then - spent)


def _news(admin: Any, worker: psutil.Process) -> tuple[int, float, float]:
    """The count of documents the moment it changes: the worker tells it now and then."""

    def counted() -> int:
        return int(admin.command("getStreamProcessorStats", NAME)["stats"]["inputMessageCount"])

    before = counted()
    while (now := counted()) == before:
        time.sleep(0.02)
    times = worker.cpu_times()
    return now, time.perf_counter(), times.user + times.system


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
