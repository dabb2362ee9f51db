"""What moves: one worker process for every running processor, and the supervisor that watches them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from brookmill.runtime.supervisor import Supervisor

__all__ = ["Supervisor"]


def __getattr__(name: str) -> Any:
    """The supervisor when it is asked for: a worker starts in half the time without it and the store."""
    if name == "Supervisor":
        from brookmill.runtime.supervisor import Supervisor

        return Supervisor
    raise AttributeError(name)
