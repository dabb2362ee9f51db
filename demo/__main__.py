"""``make demo``: Brookmill, two Kafka-protocol brokers, the real curl; status 0 only if all checks hold."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from brookmill.testing import Server, server
from demo.broker import broker
from demo.connections import CLUSTER, Sample, samples
from demo.curl import VERSION, Curl
from demo.screen import Screen, same
from demo.windows import PIPELINE, Reader, complete, reader

WORKSPACE = {"name": "demo", "dataProcessRegion": {"cloudProvider": "AWS", "region": "VIRGINIA_USA"}}
CONNECTIONS = "/streams/demo/connections"
PROCESSOR = "/streams/demo/processor/solar"


def main() -> None:
    """All steps in order."""
    if shutil.which("curl") is None:
        sys.exit("The demo needs curl on the PATH: apt-get install curl, brew install curl, ...")
    screen = Screen()
    with contextlib.ExitStack() as stack:
        data = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="brookmill-demo-")))
        screen.step("Start two Kafka brokers and Brookmill")
        first, second = (stack.enter_context(broker(data / name)) for name in ("first", "second"))
        running = stack.enter_context(server(data / "brookmill", sample_rate=200))
        stack.push(lambda kind, *_: _blame(running) if kind else None)
        screen.say(f"brokers at {first} and {second}, Brookmill at {running.base}")
        _name_the_cluster(running)
        curl = Curl(running.base, dict(running.environment))
        screen.say(
            '$KEY is "$MONGODB_ATLAS_PUBLIC_API_KEY:$MONGODB_ATLAS_PRIVATE_API_KEY" of `brookmill env`,'
        )
        screen.say("$P is $MONGODB_ATLAS_BASE_URL/api/atlas/v2/groups/$MONGODB_ATLAS_PROJECT_ID;")
        screen.say(f'every call has -H "Accept: {VERSION}" and -H "Content-Type: application/json"')
        registry(screen, curl, samples(first))
        processor(screen, curl, first, second)
    screen.done(curl.calls)


def _blame(running: Server) -> None:
    """A step failed: show what the server said last, besides usual requests and Digest's first tries."""
    lines = (running.data_dir / "server.log").read_text("utf-8").splitlines()
    told = [line for line in lines if '"status": 2' not in line and '"status": 401' not in line]
    print("\nThe end of the server's log:", *told[-8:], sep="\n", file=sys.stderr)


def _name_the_cluster(running: Server) -> None:
    """Cluster connections name a cluster; nothing reads from it in this demo."""
    command = [sys.executable, "-m", "brookmill", "clusters", "add", CLUSTER, "mongodb://127.0.0.1:27017/"]
    subprocess.run([*command, "--data-dir", str(running.data_dir)], check=True)


def registry(screen: Screen, curl: Curl, wanted: list[Sample]) -> None:
    """A workspace and seven connections with Digest, an update of each with Bearer."""
    screen.step("Create a workspace and a connection of each type, with Digest")
    screen.call(curl.digest("POST", "/streams", WORKSPACE))
    for sample in wanted:
        _written(
            screen, sample, screen.call(curl.digest("POST", CONNECTIONS, sample.created)), sample.created
        )
    screen.check(True, f"{len(wanted)} connections created, and no secret came back")
    screen.step("Get a token of the service account, and update each connection with it")
    screen.call(curl.token())
    for sample in wanted:
        answer = curl.bearer("PATCH", f"{CONNECTIONS}/{sample.name}", sample.changed)
        _written(screen, sample, screen.call(answer), sample.changed)
    listed = screen.call(curl.bearer("GET", CONNECTIONS))
    screen.check(listed["totalCount"] == len(wanted), f"the list has all {len(wanted)}, as they were changed")
    for sample, shown in zip(wanted, listed["results"], strict=True):
        _written(screen, sample, shown, sample.created | sample.changed)


def _written(screen: Screen, sample: Sample, shown: Any, sent: dict[str, Any]) -> None:
    """``shown`` says what was sent, except for secrets."""
    open_part = {
        key: {k: v for k, v in value.items() if v not in sample.secrets} if isinstance(value, dict) else value
        for key, value in sent.items()
    }
    screen.check(same(open_part, shown), f"{sample.name} is as it was sent", quiet=True)
    screen.check(not any(s in str(shown) for s in sample.secrets), f"{sample.name} keeps secrets", quiet=True)


def processor(screen: Screen, curl: Curl, first: str, second: str) -> None:
    """Run it to the first broker, switch the connection, run it to the second, and count what arrived."""
    screen.step("Start a processor: solar readings -> windows of one second -> Kafka")
    screen.call(curl.digest("POST", "/streams/demo/processor", {"name": "solar", "pipeline": PIPELINE}))
    screen.call(curl.digest("POST", f"{PROCESSOR}:start"))
    change = {"type": "Kafka", "bootstrapServers": second}
    with reader(first) as before:
        _arrive(screen, before, "first")
        screen.step("Switch the Kafka connection to the other broker")
        screen.call(curl.bearer("PATCH", f"{CONNECTIONS}/kafka", change), status=409)
        screen.check(True, "a running processor uses it: refused")
        screen.call(curl.bearer("POST", f"{PROCESSOR}:stop"))
        before.rest()
    shown = screen.call(curl.bearer("PATCH", f"{CONNECTIONS}/kafka", change))
    screen.check(shown["bootstrapServers"] == second, "stopped, it can be changed")
    screen.step("Start the processor again")
    screen.call(curl.bearer("POST", f"{PROCESSOR}:start"))
    with reader(second) as after:
        _arrive(screen, after, "second")
        screen.call(curl.bearer("POST", f"{PROCESSOR}:stop"))
        after.rest()
    state = screen.call(curl.digest("GET", PROCESSOR))["state"]
    screen.check(state == "STOPPED", "the processor is stopped")
    _compare(screen, before, after)


def _arrive(screen: Screen, where: Reader, name: str) -> None:
    screen.check(where.until(3, 20), f"windows arrive at the {name} broker:")
    for window in where.windows[:3]:
        screen.say(f"  {window}")


def _compare(screen: Screen, before: Reader, after: Reader) -> None:
    screen.step("Compare what arrived with what the sample source gives")
    windows = [*before.windows, *after.windows]
    total = sum(window.readings for window in windows)
    screen.say(f"{len(before.windows)} windows at the first broker, {len(after.windows)} at the second")
    starts = [window.start for window in windows]
    screen.check(starts == sorted(set(starts)), "every window came once, in order, across the switch")
    screen.check(complete(windows), f"readings 0 to {total - 1} are in them, each once: none is missing")


if __name__ == "__main__":
    main()
