"""The supervisor: keeps a worker running for every started processor and decides what follows its end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from brookmill.clock import Clock
    from brookmill.config import Settings
    from brookmill.domain.processor import Processor
    from brookmill.runtime.launcher import Launcher
    from brookmill.store import Store


class Supervisor:
    """Runs processors. Every method may be called from any thread and blocks until what it says is true.

    The supervisor alone writes ``state``, ``state_changed``, ``error``, ``generation`` and ``has_started`` of
    a processor once it exists, each change in one transaction of the store. Settings used:
    ``checkpoint_interval``, ``heartbeat_timeout``, ``retry_budget``.
    """

    def __init__(
        self, store: Store, clock: Clock, settings: Settings, *, launcher: Launcher | None = None
    ) -> None:
        """``launcher`` None: workers are processes of this machine. Nothing is started before ``recover`` or
        ``start``.
        """
        raise NotImplementedError

    def recover(self) -> None:
        """Start a worker for every processor whose state is STARTED; once, when the server starts.

        Does not wait for the workers: what fails follows the usual rules (retry, then FAILED).
        """
        raise NotImplementedError

    def start(self, processor: Processor, *, resume_from_checkpoint: bool = True) -> Processor:
        """Start ``processor`` and answer it as it then is; a started one is answered as it is.

        ``effective_tier`` is taken from the argument, all else is read anew by its id. Without
        ``resume_from_checkpoint`` the kept checkpoint is removed in the same transaction. Returns once the
        worker runs, or failed in a way that is retried (state STARTED), or needs more than ten seconds (state
        STARTED).

        Raises ConnectionFailed (``code`` 419, …) or UserError-like PlanError (420) when it failed for good;
        the state is then FAILED and ``error`` has the same text. Raises KeyError when no such processor
        exists.
        """
        raise NotImplementedError

    def stop(self, processor_id: str) -> Processor | None:
        """Let the worker take a checkpoint and end, then write STOPPED; answer the processor, None if it is
        unknown.

        A processor that is not started is answered as it is. A worker that does not end in time is killed:
        its last checkpoint counts.
        """
        raise NotImplementedError

    def delete(self, processor_id: str) -> None:
        """End the worker at once and remove the processor and its checkpoint; nothing happens if it is
        unknown.
        """
        raise NotImplementedError

    def stats(self, processor_id: str) -> dict[str, Any] | None:
        """The member ``stats`` of the stats reply (engine reference, 5.1) as last heard, at most about a
        second old.

        Values are BSON values: ``Int64``, float, datetime, lists, documents; sizes in bytes. None: no worker
        runs.
        """
        raise NotImplementedError

    def close(self) -> None:
        """Let all workers take a checkpoint and end. States stay STARTED: ``recover`` resumes them."""
        raise NotImplementedError
