"""A Pub/Sub project for the tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pub_sub_server
import pytest


@pytest.fixture
def pub_sub(tmp_path: Path) -> Iterator[pub_sub_server.PubSub]:
    with pub_sub_server.pub_sub(tmp_path) as running:
        yield running
