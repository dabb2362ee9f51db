"""Commands: one function each, registered under its name; the files are the chapters of the manual.

::

    @command("ping", needs=None)
    def ping(call: Call) -> Document: ...
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from brookmill.mql.values import Document
from brookmill.registry import Registry
from brookmill.testing.mongod.deployment import Deployment
from brookmill.testing.mongod.errors import CommandError
from brookmill.testing.mongod.login import Login
from brookmill.testing.mongod.user import Access

#: What a command asks of the user: nothing, to be logged in, or access to the database.
Needs = Literal["login"] | Access | None


@dataclass(frozen=True, slots=True)
class Call:
    """A command that came over a connection. ``login``: that of the connection."""

    command: Document
    deployment: Deployment
    login: Login

    @property
    def name(self) -> str:
        return next(iter(self.command))

    @property
    def database(self) -> str:
        return str(self.command["$db"])

    @property
    def target(self) -> str:
        """The collection that the command names. Raises CommandError."""
        target = self.command[self.name]
        if type(target) is not str or not target:
            raise CommandError(f"collection name has invalid type {type(target).__name__}", 73)
        return target

    def demand(self, needs: Access, database: str | None) -> None:
        """Raise CommandError unless the user may do this."""
        self.login.demand(needs, database, self.name)


@dataclass(frozen=True, slots=True)
class Command:
    """``function`` gives the reply but for ``ok``."""

    function: Callable[[Call], Document]
    needs: Needs


#: Commands by name.
COMMANDS: Registry[Command] = Registry("command", __name__)


def command(*names: str, needs: Needs) -> Callable[[Callable[[Call], Document]], Callable[[Call], Document]]:
    """Register a function as a command."""

    def register(function: Callable[[Call], Document]) -> Callable[[Call], Document]:
        COMMANDS(*names)(Command(function, needs))
        return function

    return register
