"""Prism, the OpenAPI mock server, when npm and the specification are at hand."""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

SPECIFICATION = Path(__file__).parents[2] / "shared" / "spec" / "atlas-streams.openapi.yaml"


class NoPrism(Exception):
    """Why there is nothing to compare with."""


@contextmanager
def prism() -> Iterator[str]:
    """Install it in a temporary directory and run it; answers its base URL. Raises NoPrism."""
    npm, node = shutil.which("npm"), shutil.which("node")
    if npm is None or node is None:
        raise NoPrism("there is no npm")
    if not SPECIFICATION.exists():
        raise NoPrism("the OpenAPI document is not at hand")
    with tempfile.TemporaryDirectory(prefix="prism-") as place:
        command = [
            npm,
            "install",
            "--silent",
            "--no-audit",
            "--no-fund",
            "--prefix",
            place,
            "@stoplight/prism-cli",
        ]
        try:
            subprocess.run(command, check=True, capture_output=True, timeout=180)
        except (subprocess.SubprocessError, OSError) as e:
            raise NoPrism("npm cannot install it here") from e
        yield from _run([str(Path(place, "node_modules/.bin/prism"))])


def _run(program: list[str]) -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [
            *program,
            "mock",
            "--verboseLevel",
            "silent",
            "-h",
            "127.0.0.1",
            "-p",
            str(port),
            str(SPECIFICATION),
        ],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait_for(port, process)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(10)


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    for _ in range(600):
        with suppress(OSError):
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        if process.poll() is not None:
            break
        time.sleep(0.1)
    raise NoPrism("it does not start")
