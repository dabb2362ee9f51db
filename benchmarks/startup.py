"""Cold start to a ready server, and what an idle one holds in memory: ``python -m benchmarks.startup``."""

from __future__ import annotations

import http.client
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

import psutil
from rich.progress import track

from benchmarks.figure import Figure, show
from brookmill.testing import server

ROUNDS = 7
IDLE_SECONDS = 2.0


def run() -> list[Figure]:
    """Medians over several servers: each starts on an empty directory, stops, and starts again there."""
    first, again, memory = [], [], []
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # byte code is kept, as installers leave it
    with tempfile.TemporaryDirectory(prefix="brookmill-") as data:
        _start(Path(data) / "compiled")
        for number in track(range(ROUNDS), "startup"):
            place = Path(data) / str(number)
            first.append(_start(place)[0])
            seconds, megabytes = _start(place, IDLE_SECONDS)
            again.append(seconds)
            memory.append(megabytes)
    how = f"median of {ROUNDS}, worst {max(first):.2f}"
    return [
        Figure("first start to /readyz", statistics.median(first), "s", ("<", 1.5), how),
        Figure(
            "later start to /readyz", statistics.median(again), "s", ("<", 1.5), f"worst {max(again):.2f}"
        ),
        Figure(
            "idle resident memory", statistics.median(memory), "MB", ("<", 120), f"worst {max(memory):.0f}"
        ),
    ]


def _start(place: Path, idle: float = 0.0) -> tuple[float, float]:
    """Seconds from starting the process to a 200 of /readyz, and its megabytes after ``idle`` seconds."""
    began = time.perf_counter()
    with server(place) as running:
        connection = http.client.HTTPConnection(running.base.removeprefix("http://"), timeout=10)
        connection.request("GET", "/readyz")
        ready = connection.getresponse().status == 200
        seconds = time.perf_counter() - began
        connection.close()
        if not ready:
            raise RuntimeError("the server says that it listens, but is not ready")
        time.sleep(idle)
        return seconds, psutil.Process(running.process.pid).memory_info().rss / 1e6


if __name__ == "__main__":
    sys.exit(not show(run()))
