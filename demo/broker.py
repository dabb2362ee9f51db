"""Two Kafka-protocol brokers on free ports of this machine, as processes of their own."""

from __future__ import annotations

import contextlib
import importlib.util
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def broker(data: Path) -> Iterator[str]:
    """A broker that keeps its data below ``data``; answers its bootstrap address. Stopped at the end."""
    package = importlib.util.find_spec("noida_db")
    if package is None or package.origin is None:
        sys.exit("The demo's Kafka broker, noida-db, is published for Linux only.")
    port = _free_port()
    # the program itself: the script of that name starts it as a child, and would leave it behind
    command = [str(Path(package.origin).with_name("noida-db")), "start", "--only", "kafka"]
    command += ["--kafka-port", str(port), "--data-dir", str(data)]
    with (data.parent / f"{data.name}.log").open("wb") as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        _wait_for(port, process)
        yield f"127.0.0.1:{port}"
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:  # it may still be busy writing what nobody reads any more
            process.kill()
            process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    for _ in range(200):
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        if process.poll() is not None:
            break
        time.sleep(0.05)
    sys.exit("The Kafka broker does not start.")
