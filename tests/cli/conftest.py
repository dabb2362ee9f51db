"""A development server for the whole run of these tests, and the command line beside it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from commanded import Run, done
from servers import Broker

from brookmill.testing import server
from brookmill.testing.server import Server


@pytest.fixture(scope="session")
def mill(tmp_path_factory: pytest.TempPathFactory, broker: Broker) -> Iterator[Server]:
    """A server with a project of its own, which ends before the broker does."""
    directory = tmp_path_factory.mktemp("mill") / "data"
    with server(directory, sample_rate=50, rate_limit=0, rollout_watch=0.2, checkpoint_interval=1) as running:
        yield running


@pytest.fixture
def at(
    mill: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Run:
    """Runs commands where the server runs, from a directory of its own."""
    monkeypatch.chdir(tmp_path)
    return Run(mill.data_dir, monkeypatch, capsys)


@pytest.fixture
def workspace(at: Run) -> str:
    """The name of a new workspace, with a sample."""
    name = f"w{uuid4().hex[:8]}"
    done(at("workspaces", "create", name, "--sample"))
    return name
