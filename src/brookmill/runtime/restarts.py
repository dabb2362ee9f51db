"""How long to wait before a worker is started again, and when to give up."""

from __future__ import annotations

_FIRST = 1.0
_LONGEST = 60.0


class Restarts:
    """Pauses that double, from one second to a minute, until ``budget`` seconds have passed since the first
    failure.

    What happens once the worker has settled again is a new trouble with a new budget.
    """

    def __init__(self, budget: float) -> None:
        self._budget = budget
        self.settled()

    def settled(self) -> None:
        """The worker proved to be well: it stored a checkpoint or ran for a while."""
        self._since: float | None = None
        self._pause = _FIRST

    def pause(self, now: float, *, forever: bool = False) -> float | None:
        """Seconds to wait after a failure at ``now``; None: the budget is used up. ``forever`` knows no
        budget.
        """
        if self._since is None:
            self._since = now
        left = self._since + self._budget - now
        if left <= 0 and not forever:
            return None
        pause, self._pause = self._pause, min(self._pause * 2, _LONGEST)
        return pause if forever else min(pause, left)
