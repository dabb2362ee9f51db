"""Commands: one function each, registered under its name; the files are the chapters of the manual.

::

    @command("ping", needs=None)
    async def ping(call: Call) -> Document: ...

A plain function blocks and runs in a worker thread; an ``async`` one stays on the event loop.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar

from brookmill.mql.values import Document
from brookmill.operations import Call as Asked
from brookmill.operations import Services
from brookmill.operations.database_users import admitted
from brookmill.operations.threads import Threads
from brookmill.registry import Registry
from brookmill.wire.arguments import Arguments
from brookmill.wire.cursors import Cursors
from brookmill.wire.errors import CommandError

if TYPE_CHECKING:
    from brookmill.wire.peer import Peer

#: Instead of a privilege action: it is enough to be logged in.
LOGIN: Final = "login"

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Door:
    """What all connections share. ``secret``: of this process; it makes up salts for unknown users."""

    services: Services
    threads: Threads
    cursors: Cursors
    secret: bytes


@dataclass(frozen=True, slots=True)
class Call:
    """A command that came over a connection."""

    command: Document
    peer: Peer
    door: Door

    @property
    def name(self) -> str:
        return next(iter(self.command))

    @property
    def arguments(self) -> Arguments:
        """Its members, to be taken out anew."""
        return Arguments(self.command)

    def admitted(self, action: str) -> Asked:
        """The call of operations in the workspace of the login. Blocks. Raises CommandError, UserError."""
        login = self.peer.login
        if login.user is None:
            raise CommandError(f"Command {self.name} requires authentication", 13)
        if self.command["$db"] != "admin":
            raise CommandError(f"{self.name} may only be run against the admin database.", 13)
        asked, _ = admitted(
            self.door.services,
            login.user.id,
            action,
            named=login.workspace,
            host=self.peer.server_name,
            remote=self.peer.address,
        )
        return asked


@dataclass(frozen=True, slots=True)
class Command:
    """``function`` gives the reply but for ``ok``. ``needs``: a privilege action, ``LOGIN`` or nothing.

    Functions that need an action get the admitted ``Asked`` as a second argument.
    ``waits``: for workers, so that it may hold its thread for many seconds.
    """

    function: Callable[..., Any]
    needs: str | None
    waits: bool

    async def perform(self, call: Call) -> Document:
        """The reply but for ``ok``. Raises CommandError, UserError and other refusals."""
        if self.needs == LOGIN and call.peer.login.user is None:
            raise CommandError(f"Command {call.name} requires authentication", 13)
        reply: Document = await (self._stay(call) if self._stays else self._leave(call))
        return reply

    @property
    def _stays(self) -> bool:
        return inspect.iscoroutinefunction(self.function)

    async def _stay(self, call: Call) -> Any:
        action = self.needs
        if action in (None, LOGIN):
            return await self.function(call)
        return await self.function(call, await call.door.threads.run(lambda: call.admitted(str(action))))

    async def _leave(self, call: Call) -> Any:
        def blocking() -> Any:
            if self.needs in (None, LOGIN):
                return self.function(call)
            return self.function(call, call.admitted(str(self.needs)))

        return await call.door.threads.run(blocking, waits=self.waits)


#: Commands by name.
COMMANDS: Registry[Command] = Registry("wire command", __name__)


def command(*names: str, needs: str | None, waits: bool = False) -> Callable[[F], F]:
    """Register a function as a command."""

    def register(function: F) -> F:
        COMMANDS(*names)(Command(function, needs, waits))
        return function

    return register
