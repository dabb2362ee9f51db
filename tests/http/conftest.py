"""Servers that the tests of the HTTP door share."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import mill as server
import msgspec
import pytest
from mill import Mill

from brookmill.config import Settings


@pytest.fixture(scope="session")
def start(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Mill]]:
    """Start another server; keyword arguments are settings."""
    with contextlib.ExitStack() as stack:

        def begin(**given: Any) -> Mill:
            directory = tmp_path_factory.mktemp("mill")
            settings = msgspec.convert({"data_dir": str(directory), "rate_limit": 0} | given, Settings)
            return stack.enter_context(server.running(settings))

        yield begin


@pytest.fixture(scope="session")
def mill(start: Callable[..., Mill]) -> Mill:
    return start()
