"""Faults on request: commands that fail, answers that get lost, connections that break or fall silent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from brookmill.mql import matches
from brookmill.mql.values import Document
from brookmill.testing.mongod.errors import RESUMABLE, RETRYABLE, CommandError

#: ``error``: an error reply. ``close``: no reply, the connection ends. ``hang``: no reply, until it is over.
Way = Literal["error", "close", "hang"]

_WRITES = frozenset({"insert", "update", "delete", "findAndModify", "bulkWrite"})


@dataclass(eq=False)
class Fault:
    """``times``: how often it still strikes; None: always. ``after``: the command is carried out before."""

    command: str
    way: Way
    code: int
    message: str
    times: int | None
    after: bool
    when: Document | None
    labels: tuple[str, ...] | None

    def strikes(self, command: Document) -> bool:
        """Whether it is the turn of this command; counts."""
        name = next(iter(command))
        if self.command not in ("*", name) or (self.when is not None and not matches(self.when, command)):
            return False
        if self.times is not None:
            self.times -= 1
        return True

    def error(self, command: Document) -> CommandError:
        """What the command gets, with the labels that a server adds unless told others."""
        labels = self.labels
        if labels is None:
            name = next(iter(command))
            retryable = self.code in RETRYABLE and name in _WRITES
            resumable = self.code in RESUMABLE and name in ("aggregate", "getMore")
            labels = ("RetryableWriteError",) * retryable + ("ResumableChangeStreamError",) * resumable
        return CommandError(self.message, self.code, labels=labels)


class Faults:
    """Those that are still to strike, the oldest first. ``hanging``: those that hold connections up."""

    def __init__(self) -> None:
        self._waiting: list[Fault] = []
        self.hanging: list[Fault] = []

    def add(self, fault: Fault) -> None:
        self._waiting.append(fault)

    def clear(self) -> None:
        self._waiting.clear()
        self.hanging.clear()

    def next(self, command: Document) -> Fault | None:
        """The fault that strikes this command."""
        for fault in self._waiting:
            if fault.strikes(command):
                if fault.times == 0:
                    self._waiting.remove(fault)
                if fault.way == "hang":
                    self.hanging.append(fault)
                return fault
        return None
