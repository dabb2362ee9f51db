"""The demo's proofs can fail: a window that is lost, doubled, swapped or wrong is noticed."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from brookmill.connections.sample.source import record
from demo.connections import samples
from demo.screen import same
from demo.windows import Window, complete


def windows(*sizes: int) -> list[Window]:
    made, number = [], 0
    for index, size in enumerate(sizes):
        readings = [json.loads(record(number + i, 1000)) for i in range(size)]
        watts = sum(reading.get("obs", {}).get("watts", 0) for reading in readings)
        devices = tuple(reading["device_id"] for reading in readings)
        made.append(Window(f"2026-01-01T00:00:0{index}Z", size, watts, devices))
        number += size
    return made


def test_all_readings_in_order_are_complete() -> None:
    assert complete(windows(20, 21, 19))


BROKEN: list[Callable[[list[Window]], list[Window]]] = [
    lambda w: [],
    lambda w: w[1:],
    lambda w: [w[0], w[2]],
    lambda w: [w[0], w[0], w[1], w[2]],
    lambda w: [w[1], w[0], w[2]],
    lambda w: [replace(w[0], readings=19), *w[1:]],
    lambda w: [replace(w[0], watts=w[0].watts + 1), *w[1:]],
    lambda w: [replace(w[0], devices=w[0].devices[:-1]), *w[1:]],
]


@pytest.mark.parametrize("change", BROKEN)
def test_what_is_missing_doubled_or_wrong_is_not(change: Callable[[list[Window]], list[Window]]) -> None:
    assert not complete(change(windows(20, 21, 19)))


def test_same_compares_what_was_sent() -> None:
    assert same({"a": {"b": 1}}, {"a": {"b": 1, "c": 2}, "d": 3})
    assert not same({"a": {"b": 1}}, {"a": {"b": 1.0}})
    assert not same({"a": None}, {})


def test_each_seed_type_is_shown_once() -> None:
    assert [s.created["type"] for s in samples("h:1")] == [
        "Sample",
        "Cluster",
        "Kafka",
        "Https",
        "AWSLambda",
        "S3",
        "AWSKinesisDataStreams",
    ]
