"""A checkpoint comes back as it was, or is refused as a whole."""

from __future__ import annotations

import datetime as dt

import bson
import pytest
from bson import Binary, DatetimeMS, Decimal128, Int64, ObjectId

from brookmill.runtime import checkpoint as module
from brookmill.runtime.checkpoint import Checkpoint, CheckpointTooLargeError, CheckpointUnreadableError

STATE = {
    "long": Int64(5),
    "int": 5,
    "double": 5.0,
    "decimal": Decimal128("5.00"),
    "date": dt.datetime(2024, 8, 12, 21, 41, 1, 788000, tzinfo=dt.UTC),
    "early": DatetimeMS(-(2**62)),
    "id": ObjectId("0" * 24),
    "bytes": b"\0",
    "binary": Binary(b"\0", 128),
    "null": None,
    "nested": [{"b": 1, "a": [[], {}]}],
}


def test_it_comes_back_with_types_and_order() -> None:
    checkpoint = Checkpoint(position=[["t", 0, Int64(7)]], state=STATE, counts={"input": 3})
    again = Checkpoint.decode(checkpoint.encode())
    assert again == checkpoint
    assert [type(v) for v in again.state.values()] == [type(v) for v in STATE.values()]
    assert type(again.position[0][2]) is Int64
    assert list(again.state["nested"][0]) == ["b", "a"]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0",
        bson.encode({}),
        bson.encode({"v": 2, "position": 0, "state": {}, "counts": {}}),
        bson.encode({"v": 1, "position": 0}),
        bson.encode({"v": 1, "position": 0, "state": {}, "counts": {}, "more": 1}),
        Checkpoint(position=0, state={}, counts={}).encode()[:-2],
    ],
)
def test_anything_else_is_refused(data: bytes) -> None:
    with pytest.raises(CheckpointUnreadableError):
        Checkpoint.decode(data)


def test_what_no_database_would_take_is_refused_before_it_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST", 1000)
    assert Checkpoint(position=0, state={"a": "x" * 800}, counts={}).encode()
    with pytest.raises(CheckpointTooLargeError, match="larger than the 1000 bytes"):
        Checkpoint(position=0, state={"a": "x" * 1000}, counts={}).encode()
