"""Who is at the other end of a connection, and how he proves it."""

from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn

from brookmill.domain.database_user import DatabaseUser
from brookmill.mql.values import Document
from brookmill.operations import Services, database_users
from brookmill.wire.arguments import Arguments
from brookmill.wire.errors import CommandError
from brookmill.wire.scram import MECHANISM, Credential, Exchange, LoginFailed

#: The database that users are in, unless they name a workspace in its place.
ADMIN = "admin"


class Login:
    """Of one connection. ``start`` and ``go_on`` block: they ask the store.

    ``workspace``: the one that was named as authSource, None for none. ``attempts`` counts failed ones.
    """

    def __init__(self, services: Services, secret: bytes) -> None:
        self._services = services
        self._secret = secret
        self._exchange: Exchange | None = None
        self._found: DatabaseUser | None = None
        self._source = ADMIN
        self._short = False
        self.user: DatabaseUser | None = None
        self.workspace: str | None = None
        self.attempts = 0

    def start(self, command: Document) -> Document:
        """The answer to ``saslStart``. Raises CommandError."""
        arguments = Arguments(command)
        if arguments.value("mechanism") != MECHANISM:
            raise CommandError(f"Received authentication for a mechanism other than {MECHANISM}", 334)
        if self.user is not None:
            raise CommandError("this connection has logged in already; log in with a new one", 17)
        self._exchange = Exchange(self._credential, self._secret)
        self._short = arguments.nested("options").flag("skipEmptyExchange", False)
        # Inside of hello the database is a member of its own.
        self._source = arguments.optional_text("db") or str(command.get("$db", ADMIN))
        return self._step(self._exchange.first, command, done=False)

    def go_on(self, command: Document) -> Document:
        """The answer to ``saslContinue``. Raises CommandError."""
        if self._exchange is None:
            raise CommandError("No SASL session state found", 17)
        if self.user is not None:  # the empty exchange that older clients end with
            self._exchange = None
            return {"conversationId": 1, "done": True, "payload": b""}
        answer = self._step(self._exchange.final, command, done=self._short)
        self._enter()
        if self._short:
            self._exchange = None
        return answer

    def logout(self) -> None:
        self.user = self._exchange = None

    def _enter(self) -> None:
        """The proof is right; now the place must be. Raises CommandError."""
        user, workspace = self._found, None if self._source == ADMIN else self._source
        known = user and (workspace is None or database_users.sees(self._services, user, workspace))
        if user is None or not known:
            self._fail()
        self.user, self.workspace = user, workspace

    def _step(self, step: Callable[[bytes], bytes], command: Document, *, done: bool) -> Document:
        payload = command.get("payload")
        try:
            answer = step(bytes(payload)) if isinstance(payload, bytes) else None
        except LoginFailed:
            answer = None
        if answer is None:
            self._fail()
        return {"conversationId": 1, "done": done, "payload": answer}

    def _fail(self) -> NoReturn:
        self._exchange = None
        self.attempts += 1
        raise CommandError("Authentication failed.", 18)

    def _credential(self, name: str) -> Credential | None:
        found = database_users.by_name(self._services, name)
        self._found = None if found is None else found[0]
        return None if found is None else Credential.of_kept(found[1])
