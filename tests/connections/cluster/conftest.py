"""A MongoDB server in memory for each test, and what it takes to open connections to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from clusters import Client, Opened
from pymongo import MongoClient

from brookmill.testing.mongod import Mongod, mongod


@pytest.fixture
def server() -> Iterator[Mongod]:
    with mongod() as running:
        yield running


@pytest.fixture
def client(server: Mongod) -> Iterator[Client]:
    one: Client = MongoClient(server.uri)
    yield one
    one.close()


@pytest.fixture
def opened(server: Mongod) -> Iterator[Opened]:
    here = Opened(server.uri)
    yield here
    here.close()


@pytest.fixture
def open_at() -> Iterator[Callable[[str], Opened]]:
    """Opens at another URI."""
    made: list[Opened] = []

    def make(uri: str) -> Opened:
        made.append(Opened(uri))
        return made[-1]

    yield make
    for one in made:
        one.close()
