"""MongoDB's own shell, unmodified: fetched once from npm, pinned by lock files, driven at a terminal.

Two editions: the newest, and the oldest series that has ``sp``. Each is a folder with its lock file.
"""

from __future__ import annotations

import hashlib
import os
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

NEWEST, OLDEST = "mongosh", "mongosh-2.0"
FILES: Final = Path(__file__).parent / "wire"
#: Beside the virtual environment, for all runs to come.
CACHE: Final = FILES.parents[1] / ".jars"

_ESCAPES: Final = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[=>]|\r|\x08|\x1b\][^\x07]*\x07")


def installed(edition: str = NEWEST) -> Path:
    """The folder of the programs; another lock gets another folder."""
    digest = hashlib.sha256((FILES / edition / "package-lock.json").read_bytes()).hexdigest()[:12]
    return CACHE / f"mongosh-{digest}" / "node_modules" / ".bin"


def unavailable(edition: str = NEWEST) -> str | None:
    """Why there can be no mongosh; None when it is there. Fetches it."""
    if (installed(edition) / "mongosh").exists():
        return None
    if shutil.which("npm") is None or shutil.which("node") is None:
        return "mongosh needs Node.js, and there is none"
    CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE) as fresh:
        folder = Path(fresh) / "all"
        shutil.copytree(FILES / edition, folder)
        command = ["npm", "ci", "--prefix", str(folder), "--no-audit", "--no-fund", "--ignore-scripts"]
        ran = subprocess.run(command, check=False, capture_output=True, text=True, timeout=600)
        if ran.returncode != 0:
            return f"mongosh cannot be fetched: {(ran.stderr or ran.stdout).strip()[-300:]}"
        home = installed(edition).parents[1]
        if not home.is_dir():  # whoever else does the same: one of them is whole
            shutil.move(folder, home)
    return None


def home(directory: Path) -> Path:
    """Of a user who has said that nothing is to be told to anybody: the old edition dies where it cannot."""
    settings = directory / ".mongodb" / "mongosh" / "config"
    settings.parent.mkdir(parents=True)
    settings.write_text('{"enableTelemetry": false}', "utf-8")
    return directory


def environment(home: Path, edition: str = NEWEST) -> dict[str, str]:
    """Of a user who has only this shell."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("BROOKMILL_")}
    path = f"{installed(edition)}{os.pathsep}{os.environ['PATH']}"
    return kept | {"HOME": str(home), "PATH": path, "TERM": "xterm", "NODE_NO_WARNINGS": "1"}


def evaluate(uri: str, script: str, home: Path, *more: str) -> subprocess.CompletedProcess[str]:
    """Run ``script`` in a shell that is no terminal."""
    command = [str(installed() / "mongosh"), uri, "--quiet", *more, "--eval", script]
    return subprocess.run(
        command, env=environment(home), capture_output=True, text=True, timeout=90, check=False
    )


#: Makes standard input the terminal that Ctrl-C becomes a signal of.
_TERMINAL: Final = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execvp(sys.argv[1], sys.argv[1:])
"""


class Terminal:
    """A shell at a terminal: what is typed, and what is seen."""

    def __init__(self, master: int, process: subprocess.Popen[bytes]) -> None:
        self._master = master
        self.process = process
        self.seen = ""
        self._read = 0

    def type(self, text: str) -> None:
        """Type it, and return."""
        self.press(f"{text}\r")

    def press(self, keys: str) -> None:
        os.write(self._master, keys.encode())

    def until(self, pattern: str, seconds: float = 60.0) -> str:
        """What has come since the last call, as soon as ``pattern`` is in it."""
        end = time.monotonic() + seconds
        while not (found := re.search(pattern, self.seen[self._read :])):
            left = end - time.monotonic()
            assert left > 0, f"no {pattern!r} in {self.seen[self._read :][-3000:]!r}"
            if select.select([self._master], [], [], left)[0]:
                with suppress(OSError):
                    data = os.read(self._master, 1 << 16)
                    self.seen = _ESCAPES.sub("", self.seen + data.decode("utf-8", "replace"))
        text = self.seen[self._read : self._read + found.end()]
        self._read += found.end()
        return text


@contextmanager
def terminal(command: Sequence[str], home: Path, edition: str = NEWEST) -> Iterator[Terminal]:
    """A program at a terminal of its own; it is killed at the end if it still runs."""
    master, slave = pty.openpty()
    termios.tcsetwinsize(slave, (50, 200))
    process = subprocess.Popen(
        [sys.executable, "-c", _TERMINAL, *command],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        env=environment(home, edition),
        start_new_session=True,
    )
    os.close(slave)
    try:
        yield Terminal(master, process)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        os.close(master)
