"""What moves: one worker process for every running processor, and the supervisor that watches them."""

from brookmill.runtime.supervisor import Supervisor

__all__ = ["Supervisor"]
