"""A Brookmill server as a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

#: Seconds until a server must have told where it listens, and until it must have stopped.
_START, _STOP = 30.0, 60.0


@dataclass(frozen=True)
class Server:
    """``base``: URL without a slash at its end. ``process``: to be killed, if a test is about that.

    ``wire``: URI for MongoDB's shell and drivers, without a user; "" where that is off.
    """

    data_dir: Path
    base: str
    process: subprocess.Popen[bytes]
    wire: str = ""

    @cached_property
    def environment(self) -> Mapping[str, str]:
        """What ``brookmill env`` prints: variables that clients read, with the credentials of ``--dev``."""
        command = [sys.executable, "-m", "brookmill", "env", "--data-dir", str(self.data_dir), "-o", "json"]
        printed = subprocess.run(command, check=True, capture_output=True, env=_environment({}))
        variables: Mapping[str, str] = json.loads(printed.stdout)
        return variables


@contextmanager
def server(data_dir: Path, *, dev: bool = True, **settings: object) -> Iterator[Server]:
    """Start a server on a free port of this machine and stop it cleanly at the end.

    ``settings``: those of ``brookmill.config.Settings`` by name. Logs go to ``server.log`` in ``data_dir``.
    Raises RuntimeError with the end of the log when it does not start.
    """
    data_dir.mkdir(parents=True, exist_ok=True)
    given = {"http": "127.0.0.1:0", "wire": "127.0.0.1:0", **settings, "data_dir": data_dir, "dev": dev}
    command = [sys.executable, "-m", "brookmill", "serve"]
    with (data_dir / "server.log").open("ab") as log:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=_environment(given), cwd=data_dir
        )
    try:
        told = _told(data_dir, process)
        yield Server(data_dir, str(told["http"]), process, str(told["wire"] or ""))
    finally:
        process.terminate()
        try:
            process.wait(_STOP)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _environment(settings: Mapping[str, object]) -> dict[str, str]:
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("BROOKMILL_")}
    return inherited | {f"BROOKMILL_{name.upper()}": str(value) for name, value in settings.items()}


def _told(data_dir: Path, process: subprocess.Popen[bytes]) -> Mapping[str, object]:
    """Where it listens, as soon as it says so."""
    deadline = time.monotonic() + _START
    while process.poll() is None and time.monotonic() < deadline:
        try:
            told: Mapping[str, object] = json.loads((data_dir / "server.json").read_text("utf-8"))
        except FileNotFoundError:
            told = {}
        if told.get("pid") == process.pid:
            return told
        time.sleep(0.01)
    tail = (data_dir / "server.log").read_text("utf-8", "replace")[-2000:]
    process.kill()
    raise RuntimeError(f"the server does not start:\n{tail}")
