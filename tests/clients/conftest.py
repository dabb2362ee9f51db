"""A server on loopback for clients that know nothing of us."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import served as server
from served import Served

from brookmill.config import Settings


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server without a rate limit."""
    directory = tmp_path_factory.mktemp("served")
    with server.running(Settings(data_dir=str(directory), rate_limit=0, allow_private=True)) as running:
        yield running


@pytest.fixture(scope="session")
def samples() -> dict[str, dict[str, Any]]:
    """A body with every member of every connection type, by type."""
    path = Path(__file__).parents[1] / "cases" / "connections" / "samples.json"
    bodies: dict[str, dict[str, Any]] = json.loads(path.read_text("utf-8"))
    return bodies
