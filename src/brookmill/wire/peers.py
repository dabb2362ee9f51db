"""All connections of a door, and how many of them may be strangers."""

from __future__ import annotations

import itertools
import resource
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from brookmill.wire.connection import Connection

#: Connections at most, if the process may open so many files; a part of them before a login, and no more
#: than so many: what they send waits in memory.
MOST: Final = 4000
_STRANGERS, _MOST_STRANGERS = 0.5, 500


class Peers:
    """Not safe for threads: the event loop's. Whoever comes finds a place that the oldest stranger leaves."""

    def __init__(self, most: int | None = None) -> None:
        self._most = most or min(MOST, resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 2)
        self._strangers: dict[Connection, None] = {}
        self._users: set[Connection] = set()
        self._most_strangers = min(self._most * _STRANGERS, _MOST_STRANGERS)
        self._numbers = itertools.count(1)
        self._closed = False

    def __len__(self) -> int:
        return len(self._strangers) + len(self._users)

    def number(self) -> int:
        """The next connection's."""
        return next(self._numbers)

    def enter(self, connection: Connection) -> bool:
        """Take in a new one, still a stranger; False: there is no place."""
        if self._closed:
            return False
        full = len(self) >= self._most or len(self._strangers) >= self._most_strangers
        if full and not self._strangers:
            return False
        if full:
            oldest = next(iter(self._strangers))
            self.leave(oldest)
            oldest.drop()
        self._strangers[connection] = None
        return True

    def note(self, connection: Connection, *, known: bool) -> None:
        """It has logged in, or out."""
        if known and connection in self._strangers:
            del self._strangers[connection]
            self._users.add(connection)
        elif not known and connection in self._users:
            self._users.discard(connection)
            self._strangers[connection] = None

    def leave(self, connection: Connection) -> None:
        self._strangers.pop(connection, None)
        self._users.discard(connection)

    def close(self) -> list[Connection]:
        """Drop everybody, and take in nobody any more; who there was."""
        self._closed = True
        left = [*self._strangers, *self._users]
        for connection in left:
            connection.drop()
        return left
