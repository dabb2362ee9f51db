"""What users import in their own tests: pipelines played without any server, and a real server to talk to."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from brookmill.testing.server import Server, server

if TYPE_CHECKING:
    from brookmill.clock import VirtualClock
    from brookmill.testing.message import Message
    from brookmill.testing.pipeline import run
    from brookmill.testing.result import Result
    from brookmill.testing.timeline import Advance, Event, InvalidFlow

_HOMES = {
    "Advance": "brookmill.testing.timeline",
    "Event": "brookmill.testing.timeline",
    "InvalidFlow": "brookmill.testing.timeline",
    "Message": "brookmill.testing.message",
    "Result": "brookmill.testing.result",
    "VirtualClock": "brookmill.clock",
    "run": "brookmill.testing.pipeline",
}

__all__ = [
    "Advance",
    "Event",
    "InvalidFlow",
    "Message",
    "Result",
    "Server",
    "VirtualClock",
    "run",
    "server",
]


def __getattr__(name: str) -> Any:
    """A name when it is asked for: pytest loads this package in every run, also where nobody needs it."""
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(name)
