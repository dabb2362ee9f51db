"""``$cachedLookup``: remembered for as long as told, within its memory."""

from __future__ import annotations

from typing import Any

import pytest
from clusters import Opened

from brookmill.clock import VirtualClock
from brookmill.errors import ConnectionFailed
from brookmill.testing.mongod import Mongod


def lookup(**more: Any) -> dict[str, Any]:
    source = {"connectionName": "c", "db": "shop", "coll": "parts"}
    fields = {"localField": "k", "foreignField": "f", "as": "found"}
    return {"$cachedLookup": {"ttl": {"size": 1, "unit": "minute"}, "from": source, **fields, **more}}


def test_answers_live_for_their_time_and_then_are_asked_for_again(server: Mongod, opened: Opened) -> None:
    clock = VirtualClock()
    server.insert("shop.parts", {"_id": 1, "f": 1})
    asker = opened.asker(lookup(), clock)
    assert asker.ask({"k": 1}, {"k": 2}, {"k": 1}) == [[{"_id": 1, "f": 1}], [], [{"_id": 1, "f": 1}]]
    server.insert("shop.parts", {"_id": 2, "f": 2}, {"_id": 3, "f": 1})
    clock.advance(59.9)
    assert asker.ask({"k": 1}, {"k": 2}) == [[{"_id": 1, "f": 1}], []]
    assert asker.asker.stats() == {"cacheHits": 3, "cacheMisses": 2}
    clock.advance(0.2)
    assert asker.ask({"k": 1}, {"k": 2}) == [[{"_id": 1, "f": 1}, {"_id": 3, "f": 1}], [{"_id": 2, "f": 2}]]
    assert asker.asker.stats() == {"cacheHits": 3, "cacheMisses": 4}


def test_answers_are_not_shared(server: Mongod, opened: Opened) -> None:
    server.insert("shop.parts", {"_id": 1, "f": 1})
    asker = opened.asker(lookup(), VirtualClock())
    asker.ask({"k": 1})
    (first,), (second,) = asker.ask({"k": 1}), asker.ask({"k": 1})
    first[0]["spoilt"] = True
    assert "spoilt" not in second[0]


def test_memory_is_bounded_and_the_oldest_go_first(server: Mongod, opened: Opened) -> None:
    server.insert("shop.parts", *[{"_id": n, "f": n, "t": "x" * 1000} for n in range(20)])
    asker = opened.asker(lookup(maxMemUsageBytes=8000), VirtualClock())
    for n in range(20):
        assert asker.ask({"k": n})[0][0]["_id"] == n
        assert asker.asker._cache.size <= 8000
    hits = asker.asker._cache.hits
    asker.ask({"k": 19}, {"k": 18})
    assert asker.asker._cache.hits == hits + 2
    asker.ask({"k": 0})
    assert asker.asker._cache.hits == hits + 2


def test_an_answer_larger_than_the_memory_is_given_but_not_kept(server: Mongod, opened: Opened) -> None:
    server.insert("shop.parts", {"_id": 1, "f": 1, "t": "x" * 5000})
    asker = opened.asker(lookup(maxMemUsageBytes=1000), VirtualClock())
    assert [len(asker.ask({"k": 1})[0]) for _ in range(2)] == [1, 1]
    assert asker.asker.stats() == {"cacheHits": 0, "cacheMisses": 2}


def test_failures_are_not_remembered(server: Mongod, opened: Opened) -> None:
    server.insert("shop.parts", {"_id": 1, "f": 1})
    asker = opened.asker(lookup(), VirtualClock())
    server.fail("aggregate", code=2, message="no", times=1)
    assert asker.ask({"k": 1}) == ["$lookup failed: no"]
    assert asker.ask({"k": 1}) == [[{"_id": 1, "f": 1}]]


@pytest.mark.parametrize(("limit", "fits"), [(1_250_000, True), (1_250_001, False)])
def test_a_cache_takes_an_eighth_of_the_memory_at_most(opened: Opened, limit: int, fits: bool) -> None:
    if fits:
        opened.asker(lookup(maxMemUsageBytes=limit), memory=10_000_000)
        return
    with pytest.raises(ConnectionFailed, match="maxMemUsageBytes can be 1250000 at most") as failure:
        opened.asker(lookup(maxMemUsageBytes=limit), memory=10_000_000)
    assert (failure.value.retry, failure.value.code) == (False, 420)


def test_a_tenth_of_the_memory_is_the_default(opened: Opened) -> None:
    assert opened.asker(lookup(), memory=10_000_000).asker._cache._limit == 1_000_000
