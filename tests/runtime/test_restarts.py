"""The pauses between tries."""

from __future__ import annotations

import pytest

from brookmill.runtime.restarts import Restarts


def pauses(restarts: Restarts, *, forever: bool = False, most: int = 12) -> list[float | None]:
    """What a worker that fails at once is told, time after time."""
    now, told = 0.0, []
    for _ in range(most):
        pause = restarts.pause(now, forever=forever)
        told.append(pause)
        if pause is None:
            break
        now += pause
    return told


@pytest.mark.parametrize(
    ("budget", "told"),
    [
        (300.0, [1, 2, 4, 8, 16, 32, 60, 60, 60, 57, None]),
        (10.0, [1, 2, 4, 3, None]),
        (0.0, [None]),
    ],
)
def test_pauses_double_up_to_a_minute_and_end_with_the_budget(
    budget: float, told: list[float | None]
) -> None:
    assert pauses(Restarts(budget)) == told


def test_without_a_budget_there_is_no_end() -> None:
    assert pauses(Restarts(10.0), forever=True) == [1, 2, 4, 8, 16, 32, *[60] * 6]


def test_once_settled_a_new_trouble_has_a_new_budget() -> None:
    restarts = Restarts(10.0)
    pauses(restarts)
    restarts.settled()
    assert pauses(restarts) == [1, 2, 4, 3, None]
