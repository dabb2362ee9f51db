"""PATCH of a connection, next to a bare handler and to Prism: ``python -m benchmarks.patch``.

Each round asks every server for the same stretch of time; figures are medians of per-round ratios, so that
what else the machine does hits all of them alike. Brookmill's PATCH is a durable commit, theirs keep nothing:
what one bare commit costs on this disk, and how much of a processor a PATCH takes, is told next to it.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal
from urllib.parse import urlencode

import psutil
from rich.progress import track

from benchmarks.commit import commit
from benchmarks.figure import Figure, show
from benchmarks.load import Load, Request, load, patch
from benchmarks.prism import NoPrism, prism
from brookmill.testing import Server, server

ROUNDS = 9
SECONDS = 1.0
CONNECTIONS = 8
GROUP = "32b6e34b3d91647abb20e7b8"
MEDIA = "application/vnd.atlas.2023-02-01+json"

#: The least rate, as a multiple of the other one's.
PROMISES: dict[str, tuple[Literal["<", ">="], float]] = {"Prism": (">=", 1.5)}

Target = tuple[str, Request]


def run() -> list[Figure]:
    """Rates and latencies of Brookmill, and their ratios to the others."""
    with contextlib.ExitStack() as stack:
        data = stack.enter_context(tempfile.TemporaryDirectory(prefix="brookmill-"))
        running = stack.enter_context(server(Path(data), rate_limit=0, log_level="warning"))
        targets = {
            "Brookmill": _brookmill(running),
            "bare handler": _other(stack.enter_context(_bare())),
        }
        absent = ""
        try:
            targets["Prism"] = _other(stack.enter_context(prism()))
        except NoPrism as e:
            absent = f"Prism skipped: {e}"
        rounds, commits, before = [], [], _processor(running)
        for _ in track(range(ROUNDS), "patch"):
            rounds.append({name: load(*target, CONNECTIONS, SECONDS) for name, target in targets.items()})
            commits.append(commit(Path(data)))
        each = (_processor(running) - before) / sum(len(r["Brookmill"].latencies) for r in rounds)
    return [*_figures(rounds, absent), *_costs(each, statistics.median(commits))]


def _processor(running: Server) -> float:
    """Seconds of processor time that the server has used."""
    times = psutil.Process(running.process.pid).cpu_times()
    return times.user + times.system


def _costs(processor: float, commit: float) -> list[Figure]:
    """What a PATCH waits for: the interpreter, and the disk, for which those that queue wait together."""
    return [
        Figure("processor time of a PATCH", processor * 1e3, "ms", None, "one at a time: the lock of Python"),
        Figure("one bare commit on this disk", commit * 1e3, "ms", None, "shared by PATCHes that queue"),
    ]


def _figures(rounds: list[dict[str, Load]], absent: str) -> list[Figure]:
    ours = [r["Brookmill"] for r in rounds]
    how = f"{CONNECTIONS} connections, median of {ROUNDS} rounds"
    figures = [
        Figure("PATCH", statistics.median(x.rate for x in ours), "/s", None, f"{how}; each a durable commit"),
        Figure("PATCH p50", statistics.median(x.percentile(0.5) for x in ours) * 1e3, "ms"),
        Figure("PATCH p99", statistics.median(x.percentile(0.99) for x in ours) * 1e3, "ms", None, absent),
    ]
    for other in [name for name in rounds[0] if name != "Brookmill"]:
        pairs = [(r["Brookmill"], r[other]) for r in rounds]
        rate = statistics.median(theirs.rate for _, theirs in pairs)
        figures += [
            Figure(
                f"rate / {other}",
                _ratio(a.rate / b.rate for a, b in pairs),
                "",
                PROMISES.get(other),
                f"{rate:.0f} /s there",
            ),
            Figure(f"p50 / {other}", _ratio(a.percentile(0.5) / b.percentile(0.5) for a, b in pairs), ""),
            Figure(f"p99 / {other}", _ratio(a.percentile(0.99) / b.percentile(0.99) for a, b in pairs), ""),
        ]
    return figures


def _ratio(ratios: Iterator[float]) -> float:
    return statistics.median(ratios)


def _body(name: str, number: int) -> bytes:
    return json.dumps(
        {"type": "Https", "name": name, "url": "https://example.com/in", "headers": {"number": str(number)}}
    ).encode()


def _brookmill(running: Server) -> Target:
    """One connection to be changed per client, in a workspace made for it."""
    client = http.client.HTTPConnection(running.base.removeprefix("http://"))
    headers = {"Authorization": f"Bearer {_token(client, running.environment)}", "Accept": MEDIA}
    headers |= {"Content-Type": "application/json"}
    streams = f"/api/atlas/v2/groups/{running.environment['MONGODB_ATLAS_PROJECT_ID']}/streams"
    region = {"cloudProvider": "AWS", "region": "VIRGINIA_USA"}
    _post(client, streams, json.dumps({"name": "bench", "dataProcessRegion": region}), headers)
    for number in range(CONNECTIONS):
        _post(client, f"{streams}/bench/connections", _body(f"c{number}", -1).decode(), headers)
    client.close()

    def request(connection: int, number: int) -> bytes:
        path = f"{streams}/bench/connections/c{connection}"
        return patch(running.base, path, headers, _body(f"c{connection}", number))

    return running.base, request


def _token(client: http.client.HTTPConnection, environment: Mapping[str, str]) -> str:
    form = {
        "grant_type": "client_credentials",
        "client_id": environment["MONGODB_ATLAS_CLIENT_ID"],
        "client_secret": environment["MONGODB_ATLAS_CLIENT_SECRET"],
    }
    media = {"Content-Type": "application/x-www-form-urlencoded"}
    return str(json.loads(_post(client, "/api/oauth/token", urlencode(form), media))["access_token"])


def _post(client: http.client.HTTPConnection, path: str, body: str, headers: dict[str, str]) -> bytes:
    client.request("POST", path, body, headers)
    answer = client.getresponse()
    text = answer.read()
    if answer.status != 200:
        raise RuntimeError(f"POST {path}: {answer.status} {text[:300]!r}")
    return text


def _other(base: str) -> Target:
    def request(connection: int, number: int) -> bytes:
        path = f"/api/atlas/v2/groups/{GROUP}/streams/bench/connections/c{connection}"
        headers = {"Authorization": "Bearer x", "Accept": MEDIA, "Content-Type": MEDIA}
        return patch(base, path, headers, _body(f"c{connection}", number))

    return base, request


@contextlib.contextmanager
def _bare() -> Iterator[str]:
    with subprocess.Popen(
        [sys.executable, "-m", "benchmarks.bare"], stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


if __name__ == "__main__":
    sys.exit(not show(run()))
