"""Concurrent GET, POST, PATCH, DELETE and rollback, with and without conditions and keys: linearizable."""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from history import Asked, Event, Kind, Model, Told, linearizable

from brookmill.errors import UserError

CALLERS, CALLS = 3, 4

OPERATIONS: dict[Kind, str] = {
    "get": "getGroupStreamConnection",
    "create": "createGroupStreamConnection",
    "patch": "updateGroupStreamConnection",
    "delete": "deleteGroupStreamConnection",
    "rollback": "rollBackGroupStreamConnection",
}
WEIGHTS = {"get": 3, "create": 2, "patch": 5, "delete": 1, "rollback": 2}


@pytest.fixture
def _often() -> Iterator[None]:
    """Threads take turns much more often than usual."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(usual)


class Caller:
    """Asks at random; a condition names a tag that this caller has seen, often one of the past."""

    def __init__(self, ask: Any, name: str, seed: str) -> None:
        self.ask = ask
        self.name = name
        self.random = random.Random(seed)
        self.tags: list[str] = []
        self.events: list[Event] = []

    def play(self, together: Barrier) -> list[Event]:
        together.wait()
        for n in range(CALLS):
            asked = self._question(n)
            began = time.perf_counter_ns()
            told = self._answer(asked)
            self.events.append(Event(asked, told, began, time.perf_counter_ns()))
            self.tags += [told.tag] if told.tag else []
        return self.events

    def _question(self, n: int) -> Asked:
        random = self.random
        if random.random() < 0.15:  # everybody's: the same request under the same key
            return Asked("patch", url="http://keyed.example.com", key=f"{self.name}-key")
        kind: Any = random.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]
        mine = f"{self.random.randrange(10**9)}-{n}"
        url, header = f"http://{mine}.example.com", f"h{mine}"
        if kind == "patch":
            url, header = random.choice([(url, None), (None, header)])  # type: ignore[assignment]
        match = random.choice([None, "*", *self.tags[-2:]]) if kind not in ("get", "create") else None
        number = random.randint(1, 6)
        if kind in ("create", "patch"):
            return Asked(kind, url=url, header=header, match=match)
        return Asked(kind, number=number if kind == "rollback" else 0, match=match)

    def _answer(self, asked: Asked) -> Told:
        headers = {} if asked.match is None else {"if_match": _quoted(asked.match)}
        headers |= {} if asked.key is None else {"idempotency_key": asked.key}
        path = {"connectionName": self.name, "revision": str(asked.number)}
        try:
            answered = self.ask.sending(**headers).raw(
                OPERATIONS[asked.kind], self._body(asked), None, **path
            )
        except UserError as e:
            return Told(e.status)
        value = answered.value
        return Told(200, answered.tag, None if value is None else (value["url"], value["headers"]["h"]))

    def _body(self, asked: Asked) -> dict[str, Any]:
        body: dict[str, Any] = {} if asked.url is None else {"url": asked.url}
        body |= {} if asked.header is None else {"headers": {"h": asked.header}}
        return body | ({"name": self.name, "type": "Https"} if asked.kind == "create" else {})


def _quoted(tag: str) -> str:
    return tag if tag == "*" else f'"{tag}"'


def history(ask: Any, seed: int) -> list[Event]:
    """What became of one connection, which is there at first."""
    name = f"c{seed}"
    first = Asked("create", url="http://first.example.com", header="first")
    begin = Caller(ask, name, "")
    told = begin._answer(first)
    callers = [Caller(ask, name, f"{seed}/{n}") for n in range(CALLERS)]
    for caller in callers:
        caller.tags = [told.tag or ""]
    together = Barrier(CALLERS)
    with ThreadPoolExecutor(CALLERS) as pool:
        found = list(pool.map(lambda caller: caller.play(together), callers))
    return [Event(first, told, 0, 1), *(event for events in found for event in events)]


def check(ask: Any, seeds: range) -> list[Event]:
    events: list[Event] = []
    for seed in seeds:
        played = history(ask, seed)
        assert linearizable(played), (seed, sorted(played, key=lambda e: e.began))
        events += played
    return events


@pytest.mark.usefixtures("_often")
def test_two_hundred_histories(ask: Any) -> None:
    events = check(ask, range(200))
    told = {(event.asked.kind, event.told.status) for event in events}
    assert told >= {("patch", 200), ("patch", 412), ("patch", 404), ("delete", 200), ("rollback", 200)}
    assert told >= {("rollback", 412), ("rollback", 404), ("create", 200), ("create", 409), ("get", 404)}
    assert any(a.began < b.ended and b.began < a.ended for a in events for b in events if a is not b)


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.usefixtures("_often")
def test_two_thousand_histories(ask: Any) -> None:
    check(ask, range(1000, 3000))


# --- the checker itself

ONE = Model(revisions=(("id", ("http://1", "h")),))


def patched(url: str, n: int, *when: int, **asked: Any) -> Event:
    return Event(Asked("patch", url=url, **asked), Told(200, f"id-{n}", (url, "h")), *when)


def got(url: str, n: int, *when: int) -> Event:
    return Event(Asked("get"), Told(200, f"id-{n}", (url, "h")), *when)


@pytest.mark.parametrize(
    ("events", "fine"),
    [
        ([patched("http://2", 2, 0, 5), got("http://1", 1, 1, 2), got("http://2", 2, 3, 4)], True),
        ([patched("http://2", 2, 0, 5), got("http://2", 2, 1, 2), got("http://1", 1, 3, 4)], False),
        ([patched("http://2", 2, 0, 1), got("http://1", 1, 2, 3)], False),
        ([patched("http://2", 2, 0, 9), patched("http://3", 2, 0, 9)], False),
        ([patched("http://2", 3, 0, 9), patched("http://3", 2, 0, 9)], True),
        ([patched("http://2", 2, 0, 1, match="id-1"), patched("http://3", 3, 2, 3, match="id-1")], False),
        ([patched("http://2", 2, 0, 1, key="k"), patched("http://2", 2, 2, 3, key="k")], True),
        ([patched("http://2", 2, 0, 1, key="k"), patched("http://2", 3, 2, 3, key="k")], False),
        ([Event(Asked("delete"), Told(200), 0, 1), Event(Asked("delete"), Told(200), 0, 1)], False),
        ([Event(Asked("delete"), Told(200), 0, 1), Event(Asked("delete"), Told(404), 0, 1)], True),
        ([Event(Asked("delete"), Told(200), 0, 1), got("http://1", 1, 2, 3)], False),
        ([Event(Asked("rollback", number=1), Told(200, "id-2", ("http://1", "h")), 0, 1)], True),
        ([Event(Asked("rollback", number=1), Told(200, "id-2", ("http://2", "h")), 0, 1)], False),
        ([Event(Asked("patch", url="http://2", match="id-1"), Told(412), 0, 1)], False),
    ],
)
def test_the_checker(events: list[Event], fine: bool) -> None:
    assert linearizable(events, ONE) is fine
