"""A server and a client of its own for every test."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.database import Database

from brookmill.testing.mongod import Mongod, mongod


@pytest.fixture
def server() -> Iterator[Mongod]:
    with mongod() as running:
        yield running


@pytest.fixture
def client(server: Mongod) -> Iterator[MongoClient[dict[str, Any]]]:
    with MongoClient[dict[str, Any]](server.uri, tz_aware=True, uuidRepresentation="standard") as connected:
        yield connected


@pytest.fixture
def db(client: MongoClient[dict[str, Any]]) -> Database[dict[str, Any]]:
    return client["shop"]
