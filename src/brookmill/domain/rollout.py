"""A rollout: a change of a connection taken up by one running processor after the other, or by none."""

from __future__ import annotations

from typing import Literal

import msgspec

Progress = Literal["RUNNING", "ROLLING_BACK", "SUCCEEDED", "ROLLED_BACK"]

#: PENDING: runs as before. SWITCHED: runs with the change, on trial until the rollout has ended. SKIPPED: was
#: not started any more. REVERTED: runs as before again.
StepState = Literal["PENDING", "SWITCHED", "SKIPPED", "REVERTED"]


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One processor. ``generation``: the one that runs with the change. ``pause``: seconds without worker."""

    processor_id: str
    name: str
    state: StepState = "PENDING"
    generation: int | None = None
    pause: float | None = None


class Rollout(msgspec.Struct, frozen=True, kw_only=True):
    """``before`` and ``after`` are numbers of revisions of the connection. Times in seconds since the epoch.

    ``error``: why all went back.
    """

    id: str
    workspace_id: str
    connection: str
    before: int
    after: int
    state: Progress = "RUNNING"
    created: float
    ended: float | None = None
    error: str | None = None
    steps: tuple[Step, ...] = ()
