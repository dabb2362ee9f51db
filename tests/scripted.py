"""Workers that follow a script, on threads, for tests of what the supervisor makes of them."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

import bson

from brookmill.runtime.channel import Channel
from brookmill.runtime.messages import (
    Acknowledged,
    Checkpoint,
    Failed,
    Heartbeat,
    Running,
    Start,
    Stop,
    Stopped,
    ToSupervisor,
    ToWorker,
)

End = Channel[ToWorker, ToSupervisor]
Script = Callable[[End, Start], None]


@dataclass
class ScriptedWorker:
    """A worker on a thread. To kill it is to cut its line."""

    channel: Channel[ToSupervisor, ToWorker]
    line: socket.socket
    script: threading.Thread
    pid: int = 0

    def kill(self) -> None:
        self.line.shutdown(socket.SHUT_RDWR)

    def end(self, grace: float) -> int:
        self.channel.close()
        self.script.join(10)
        return 0


@dataclass
class ScriptedLauncher:
    """Every launch plays the next script, the last one again and again."""

    scripts: list[Script]
    starts: list[Start] = field(default_factory=list)

    def launch(self) -> ScriptedWorker:
        ours, theirs = socket.socketpair()
        script = self.scripts.pop(0) if len(self.scripts) > 1 else self.scripts[0]
        end: End = Channel(theirs, ToWorker)

        def play() -> None:
            try:
                start = end.receive(10)
                if isinstance(start, Start):
                    self.starts.append(start)
                    script(end, start)
            except EOFError:
                pass
            finally:
                end.close()

        thread = threading.Thread(target=play)
        thread.start()
        return ScriptedWorker(Channel(ours, ToSupervisor), theirs, thread)


def well(end: End, start: Start) -> None:
    """Runs, and ends when told to, with a checkpoint."""
    end.send(Running())
    while not isinstance(end.receive(0.05), Stop):
        end.send(Heartbeat(stats=bson.encode({"inputMessageCount": 5})))
    end.send(Checkpoint(sequence=1, data=(start.checkpoint or b"") + b"+"))
    assert end.receive(10) == Acknowledged(sequence=1, kept=True)
    end.send(Stopped())


def vanishing(end: End, start: Start) -> None:
    """Dies without a word."""


def silent(end: End, start: Start) -> None:
    """Runs and then says nothing any more."""
    end.send(Running())
    while True:
        end.receive(1)


def failing(**members: object) -> Script:
    def play(end: End, start: Start) -> None:
        end.send(Failed(**members))  # type: ignore[arg-type]

    return play
