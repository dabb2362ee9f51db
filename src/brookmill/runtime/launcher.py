"""Where workers run: as processes of this machine, unless somebody brings another Launcher."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from dataclasses import dataclass
from typing import Protocol

from brookmill.runtime.channel import Channel
from brookmill.runtime.messages import ToSupervisor, ToWorker

#: Settings of the server that a worker has no business to know.
_PRIVATE = (
    *("BROOKMILL_MASTER_KEY", "BROOKMILL_MASTER_KEY_FILE", "BROOKMILL_DATABASE"),
    *("BROOKMILL_VAULT_TOKEN", "BROOKMILL_VAULT_TOKEN_FILE"),
)


class Worker(Protocol):
    """A running worker, as its supervisor holds it."""

    channel: Channel[ToSupervisor, ToWorker]

    @property
    def pid(self) -> int: ...

    def kill(self) -> None:
        """End it at once."""
        ...

    def end(self, grace: float) -> int:
        """Hang up, kill it unless it ends within ``grace`` seconds; answer its exit status (-9: killed)."""
        ...


class Launcher(Protocol):
    """Starts workers."""

    def launch(self) -> Worker:
        """A new worker that waits for its ``Start`` message. Raises OSError when none can be started."""
        ...


@dataclass(slots=True)
class LocalWorker:
    """A process of this machine. It ends by itself when its socket is closed, so it cannot outlive the
    server.
    """

    channel: Channel[ToSupervisor, ToWorker]
    _process: subprocess.Popen[bytes]

    @property
    def pid(self) -> int:
        return self._process.pid

    def kill(self) -> None:
        self._process.kill()

    def end(self, grace: float) -> int:
        self.channel.close()
        try:
            return self._process.wait(grace)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()


class LocalLauncher:
    """Starts each worker as a process of its own, which inherits one end of a socket pair, nothing else."""

    def launch(self) -> LocalWorker:
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                process = subprocess.Popen(
                    [sys.executable, "-P", "-m", "brookmill.runtime.worker", str(theirs.fileno())],
                    pass_fds=(theirs.fileno(),),
                    stdin=subprocess.DEVNULL,
                    env={k: v for k, v in os.environ.items() if k not in _PRIVATE},
                    # Ctrl-C on the server's terminal must not reach workers before they took a checkpoint.
                    start_new_session=True,
                )
            except BaseException:
                ours.close()
                raise
        return LocalWorker(Channel(ours, ToSupervisor), process)
