"""What one connection is answered."""

from __future__ import annotations

import logging
import uuid
from typing import Final

from brookmill.mql.values import Document
from brookmill.testing.mongod.commands import COMMANDS, Call
from brookmill.testing.mongod.deployment import Deployment
from brookmill.testing.mongod.errors import CommandError, refusing
from brookmill.testing.mongod.login import Login
from brookmill.testing.mongod.member import member, number
from brookmill.testing.mongod.oplog import timestamp
from brookmill.wire.message import Message

_LOG = logging.getLogger(__name__)
#: The only commands of the old message format.
_LEGACY: Final = frozenset({"hello", "ismaster", "isMaster"})


class Session:
    """One connection's: its login, and the way from a message to the answer."""

    def __init__(self, deployment: Deployment) -> None:
        self._deployment = deployment
        self._login = Login(deployment.users, deployment.secret)

    def answer(self, message: Message) -> Document | None:
        """Carry out a command; None: it gets no answer, the connection ends. Never raises.

        Takes as long as cursors wait and faults hang.
        """
        oplog = self._deployment.oplog
        with oplog.changed:
            fault = self._deployment.faults.next(message.command)
            if fault is None:
                return self._tried(message)
            if fault.after:
                self._tried(message)
            if fault.way == "hang":
                oplog.changed.notify_all()
                oplog.changed.wait_for(
                    lambda: self._deployment.stopping or not self._deployment.faults.hanging
                )
            if fault.way == "error":
                return self._finished(fault.error(message.command).reply())
            return None

    def _tried(self, message: Message) -> Document:
        try:
            with refusing():
                reply = self._once(message)
        except CommandError as e:
            reply = e.reply()
        except Exception as e:
            # A bug of this server: the client is told, rather than left with a connection that ends.
            _LOG.exception("the command %s failed", next(iter(message.command)))
            reply = CommandError(f"{type(e).__name__}: {e}", 1).reply()
        return self._finished(reply)

    def _finished(self, reply: Document) -> Document:
        return {"ok": 1.0, **reply, "operationTime": timestamp(self._deployment.oplog.last)}

    def _once(self, message: Message) -> Document:
        """Carry it out, unless it is a write that a driver repeats since it did not hear the answer."""
        command = message.command
        if "startTransaction" in command or "autocommit" in command:
            raise CommandError("transactions are not implemented in this server", 263)
        txn = number(command, "txnNumber")
        if txn is None:
            return self._run(message)
        session = member(member(command, "lsid", dict), "id", uuid.UUID)
        last, reply = self._deployment.answered.get(session, (-1, {}))
        if txn < last:
            raise CommandError(f"Retryable write with txnNumber {txn} is prohibited on this session", 225)
        if txn > last:
            reply = self._run(message)
            self._deployment.answered[session] = (txn, reply)
        return reply

    def _run(self, message: Message) -> Document:
        name = next(iter(message.command))
        if message.legacy and name not in _LEGACY:
            raise CommandError(f"Unsupported OP_QUERY command: {name[:50]}", 352)
        command = COMMANDS.get(name)
        if command is None:
            raise CommandError(f"no such command: '{name[:50]}'", 59)
        call = Call(message.command, self._deployment, self._login)
        if command.needs is not None:
            if self._login.needed:
                raise CommandError(f"Command {name} requires authentication", 13)
            if command.needs != "login":
                call.demand(command.needs, call.database)
        return command.function(call)
