"""Which shards are known, and for how long; their numbers across restarts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import bson
import pytest

from brookmill.connections.aws_kinesis_data_streams.shards import HORIZON, Shards, Start


def listed(id_: str, *parents: str, closed: bool = False) -> Mapping[str, Any]:
    """As ListShards tells of it."""
    numbers = {"StartingSequenceNumber": "1"} | ({"EndingSequenceNumber": "2"} if closed else {})
    names = ("ParentShardId", "AdjacentParentShardId")
    return {"ShardId": id_, "SequenceNumberRange": numbers, **dict(zip(names, parents, strict=False))}


def begun(*ids: str, start: Start = HORIZON) -> Shards:
    shards = Shards()
    shards.begin([listed(id_) for id_ in ids], start, 0.0)
    return shards


def resumed(position: Sequence[Mapping[str, Any]]) -> Shards:
    """After a restart, by way of a stored checkpoint."""
    shards = Shards()
    shards.resume(bson.decode(bson.encode({"p": position}))["p"], 0.0)
    return shards


def numbers(shards: Shards) -> dict[str, int]:
    return {shard.id: shard.number for shard in shards}


def look(shards: Shards, *found: Mapping[str, Any]) -> list[str]:
    """The shards to begin with, as the source asks for them."""
    new = [shard.id for shard in shards.discover(found, 0.0)]
    shards.forget(found)
    return new


def test_a_shard_is_forgotten_when_the_stream_has_forgotten_it() -> None:
    shards = begun("a")
    shards["a"].ended = True
    children = listed("b", "a"), listed("c", "a")
    assert look(shards, listed("a", closed=True), *children) == ["b", "c"]
    assert numbers(shards) == {"a": 0, "b": 1, "c": 2}, "listed, it would seem new"
    assert look(shards, listed("a", closed=True), *children) == []
    assert look(shards, *children) == []
    assert numbers(shards) == {"b": 1, "c": 2}
    assert shards.idle(0.0, None) == {0}
    assert look(shards, *children) == []


def test_a_shard_that_is_not_read_to_its_end_stays() -> None:
    shards = begun("a", "z")
    assert look(shards, listed("b", "a"), listed("z")) == []
    assert "a" in shards


@pytest.mark.parametrize("restart", [False, True])
def test_a_parent_stays_until_its_child_is_begun(restart: bool) -> None:
    """The child of two parents begins at the point in time that was asked of both, not before."""
    since = Start("AT_TIMESTAMP", at=5)
    shards = begun("a", "b", start=since)
    child = listed("c", "a", "b")
    shards["a"].ended = True
    assert look(shards, listed("b", closed=True), child) == []
    assert "a" in shards
    if restart:
        shards = resumed(shards.position())
    shards["b"].ended = True
    assert look(shards, child) == ["c"]
    assert shards["c"].start == since
    assert numbers(shards) == {"c": 2}


def test_numbers_are_for_ever() -> None:
    shards = begun("a", "z")
    for parent, child in ("ab", "bc", "cd"):
        shards[parent].ended = True
        assert look(shards, listed(child, parent), listed("z")) == [child]
        shards = resumed(shards.position())
    assert numbers(shards) == {"z": 1, "d": 4}
    assert shards.count == 5
    assert shards.idle(0.0, None) == {0, 2, 3}


def test_the_last_number_is_not_given_twice() -> None:
    shards = begun("a", "b")
    shards["b"].ended = True
    look(shards, listed("a"))
    shards = resumed(shards.position())
    assert look(shards, listed("a"), listed("c")) == ["c"]
    assert shards["c"].number == 2


def test_a_restart_from_before_forgets_once_more() -> None:
    shards = begun("a")
    shards["a"].ended = True
    look(shards, listed("a", closed=True), listed("b", "a"))
    before = shards.position()
    look(shards, listed("b", "a"))
    shards.keep(before)
    assert numbers(shards) == {"b": 1}, "a checkpoint may be older than what is forgotten"
    again = resumed(before)
    assert look(again, listed("b", "a")) == []
    assert numbers(again) == {"b": 1}


def test_positions_without_numbers_count() -> None:
    shards = begun("a", "b")
    shards["b"].after = "7"
    old = [{name: value for name, value in one.items() if name != "number"} for one in shards.position()]
    again = resumed(old)
    assert numbers(again) == {"a": 0, "b": 1}
    assert (again.count, again["b"].checkpoint) == (2, "7")
