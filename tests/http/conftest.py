"""Servers that the tests of the HTTP door share."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest
from served import Served, running

from brookmill.config import Settings


@pytest.fixture(scope="session")
def start(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Served]]:
    """Start another server; keyword arguments are settings."""
    with contextlib.ExitStack() as stack:

        def begin(**given: Any) -> Served:
            directory = tmp_path_factory.mktemp("served")
            settings = msgspec.convert({"data_dir": str(directory), "rate_limit": 0} | given, Settings)
            return stack.enter_context(running(settings))

        yield begin


@pytest.fixture(scope="session")
def served(start: Callable[..., Served]) -> Served:
    return start()
