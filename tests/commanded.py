"""The command line, run in this process as its users run it."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from brookmill import cli


@dataclass(frozen=True)
class Ended:
    """A command that has ended."""

    status: int
    stdout: str
    stderr: str


@dataclass(frozen=True)
class Run:
    """Runs commands in this process. ``data``: the data directory that they find."""

    data: Path
    patch: pytest.MonkeyPatch
    captured: pytest.CaptureFixture[str]

    def __call__(self, *arguments: str, stdin: str = "", **environ: str) -> Ended:
        with self.patch.context() as patch:
            patch.setenv("BROOKMILL_DATA_DIR", str(self.data))
            patch.setenv("COLUMNS", "120")
            for name, value in environ.items():
                patch.setenv(name, value)
            patch.setattr("sys.stdin", io.StringIO(stdin))
            status = cli.run(list(arguments))
        return Ended(status, *self.captured.readouterr())

    def json(self, *arguments: str, **given: str) -> Any:
        """What a command that succeeds answers."""
        return json.loads(done(self(*arguments, "-o", "json", **given)))

    def send(self, value: Any, *arguments: str) -> Any:
        """As ``json``, with ``value`` in the file that the command reads from standard input."""
        return self.json(*arguments, "-f", "-", stdin=json.dumps(value))


def done(ended: Ended) -> str:
    """Standard output of a command that succeeded without a word of complaint."""
    assert (ended.status, ended.stderr) == (0, "")
    return ended.stdout


def failed(ended: Ended, status: int, text: str) -> None:
    assert ended.status == status, ended.stderr
    assert ended.stderr.startswith("brookmill: ")
    assert text in ended.stderr
    assert len(ended.stderr.splitlines()) == 1
