"""Who is at the other end of a connection, and how he proves it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from brookmill.mql.values import Document
from brookmill.testing.mongod.errors import CommandError
from brookmill.testing.mongod.member import member
from brookmill.testing.mongod.user import Access, User
from brookmill.wire.scram import MECHANISM, Credential, Exchange, LoginFailed


class Login:
    """Of one connection. Without any ``users`` everybody may do everything."""

    def __init__(self, users: Mapping[str, User], secret: bytes) -> None:
        self._users = users
        self._secret = secret
        self._exchange: Exchange | None = None
        self._short = False
        self.user: User | None = None

    def start(self, command: Document) -> Document:
        """The answer to ``saslStart``. Raises CommandError."""
        if command.get("mechanism") != MECHANISM:
            raise CommandError(f"only {MECHANISM} is supported", 334)
        self._exchange = Exchange(self._credential, self._secret)
        self._short = bool(member(command, "options", dict, {}).get("skipEmptyExchange"))
        return self._step(self._exchange.first, command, done=False)

    def go_on(self, command: Document) -> Document:
        """The answer to ``saslContinue``. Raises CommandError."""
        if self._exchange is None:
            raise CommandError("No SASL session state found", 17)
        if self.user is not None:  # the empty exchange that older clients end with
            self._exchange = None
            return {"conversationId": 1, "done": True, "payload": b""}
        answer = self._step(self._exchange.final, command, done=self._short)
        self.user = self._users[self._exchange.user]
        return answer

    def _step(self, step: Callable[[bytes], bytes], command: Document, *, done: bool) -> Document:
        try:
            payload = step(member(command, "payload", bytes))
        except LoginFailed:
            self._exchange = None
            raise CommandError("Authentication failed.", 18) from None
        return {"conversationId": 1, "done": done, "payload": payload}

    def _credential(self, name: str) -> Credential | None:
        user = self._users.get(name)
        return None if user is None else user.credential

    def mechanisms(self, name: object) -> list[str]:
        """Those by which a user may log in, ``name`` with its database in front."""
        return [MECHANISM] if str(name).partition(".")[2] in self._users else []

    def logout(self) -> None:
        self.user = None

    @property
    def needed(self) -> bool:
        """Whether this connection has still to log in."""
        return bool(self._users) and self.user is None

    def demand(self, access: Access, database: str | None, command: str) -> None:
        """Raise CommandError unless the user may do this. ``database`` None: everywhere."""
        if self._users and (self.user is None or not self.user.may(access, database)):
            where = "all databases" if database is None else database
            raise CommandError(f"not authorized on {where} to execute command {command}", 13)
