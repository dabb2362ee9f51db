"""A rollout that somebody waits for: how far it is, on standard error, until it has ended."""

from __future__ import annotations

import sys
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from brookmill.cli import Refused

if TYPE_CHECKING:
    from brookmill.cli.remote import Remote

#: Seconds between two looks.
_LOOK: Final = 0.3
_OVER: Final = {"SUCCEEDED", "ROLLED_BACK"}


def follow(remote: Remote, rollout: Mapping[str, Any]) -> None:
    """Wait for the end. Raises Refused when it was rolled back."""
    from brookmill.clock import SystemClock

    clock, told = SystemClock(), ""
    while True:
        steps = ", ".join(f"{one['name']} {one['state'].lower()}" for one in rollout["processors"])
        text = f"{rollout['state'].lower()}: {steps}"
        if text != told:
            print(text, file=sys.stderr)
        told = text
        if rollout["state"] in _OVER:
            break
        clock.wait(threading.Event(), _LOOK)
        rollout = remote.ask("getGroupStreamRollout", {"rolloutId": rollout["id"]}).value
    if rollout["state"] == "ROLLED_BACK":
        raise Refused(f"the change was rolled back: {rollout.get('error') or 'no error is known'}")
