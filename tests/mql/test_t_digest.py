"""Percentiles of many numbers: near the true ones, in bounded memory, whatever way the numbers came."""

from __future__ import annotations

import math
import random
from collections.abc import Callable

import bson
import pytest

from brookmill.mql.statistics import percentiles
from brookmill.mql.t_digest import EXACT, TDigest

SHARES = [0.0, 0.001, 0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99, 0.999, 1.0]
COUNT = 60_000


def numbers(kind: str) -> list[float]:
    source = random.Random(7)
    make: Callable[[], float] = {
        "even": source.random,
        "normal": lambda: source.gauss(100, 15),
        "steep": lambda: source.lognormvariate(0, 3),
        "few values": lambda: float(source.randrange(5)),
    }[kind]
    found = [make() for _ in range(COUNT)]
    return sorted(found) if kind == "even" else found


def digest(of: list[float]) -> TDigest:
    made = TDigest()
    for number in of:
        made.add(number)
    return made


def near(found: list[float | None], all_numbers: list[float]) -> None:
    """Each percentile lies between the true ones a little to its left and to its right."""
    for share, number in zip(SHARES, found, strict=True):
        room = 0.004 * math.sqrt(share * (1 - share)) + 2 / COUNT
        low, high = percentiles(all_numbers, [max(0.0, share - room), min(1.0, share + room)])
        assert number is not None
        assert low is not None
        assert high is not None
        assert low <= number <= high, share


@pytest.mark.parametrize("kind", ["even", "normal", "steep", "few values"])
def test_percentiles_are_near_the_true_ones(kind: str) -> None:
    given = numbers(kind)
    made = digest(given)
    assert made.size < 64 + 32 * EXACT + 112 * 1_100
    near(made.percentiles(SHARES), given)


def test_merged_and_restored_ones_are_too() -> None:
    given = numbers("normal")
    made = TDigest()
    for start in range(0, COUNT, 7_000):
        one = digest(given[start : start + 7_000])
        made.merge(TDigest.of_state(bson.decode(bson.encode(one.state()))))
    near(made.percentiles(SHARES), given)


def test_small_numbers_are_exact() -> None:
    given = [float(number) for number in range(1, EXACT + 1)]
    assert digest(given[::-1]).percentiles(SHARES) == percentiles(given, SHARES)
    assert TDigest().percentiles([0.5]) == [None]


def test_infinities_stay_at_the_ends() -> None:
    given = [-math.inf] * 100 + numbers("normal") + [math.inf] * 100
    found = digest(given).percentiles([0.0, 0.001, 0.5, 0.999, 1.0])
    assert found[:2] == [-math.inf] * 2
    assert found[3:] == [math.inf] * 2
    assert found[2] == pytest.approx(100, abs=1)


def test_numbers_of_an_older_checkpoint_are_read() -> None:
    assert TDigest.of_state([3.0, 1.0, 2.0]).percentiles([0.5]) == [2.0]
