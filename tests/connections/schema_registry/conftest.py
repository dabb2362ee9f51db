"""A registry for every test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from schema_registry import SchemaRegistryServer, schema_registry


@pytest.fixture
def registry() -> Iterator[SchemaRegistryServer]:
    with schema_registry() as running:
        yield running
