"""From a message to its answer: no message makes it raise, whatever is in it."""

from __future__ import annotations

import traceback
from typing import Final

import structlog

from brookmill.mql.values import Document
from brookmill.wire.commands import COMMANDS, LOGIN, Call, Door
from brookmill.wire.errors import CommandError, refusal
from brookmill.wire.message import Message
from brookmill.wire.peer import Peer

_log = structlog.get_logger(__name__)

#: The only commands of the old message format.
_LEGACY: Final = frozenset({"hello", "ismaster", "isMaster"})
_SHOWN: Final = 100


class Session:
    """One connection's way from commands to replies."""

    def __init__(self, door: Door, peer: Peer) -> None:
        self._door = door
        self.peer = peer

    async def answer(self, message: Message) -> Document:
        """Carry out a command; takes as long as a fetch is held. Raises nothing but CancelledError."""
        clock = self._door.services.clock
        begun = clock.monotonic()
        call, code = Call(message.command, self.peer, self._door), 0
        try:
            reply = {"ok": 1.0, **await self._performed(call, legacy=message.legacy)}
        except Exception as e:
            refused = refusal(e) or _unexpected(call, e)
            reply, code = refused.reply(), refused.code
        self._note(call, code, clock.monotonic() - begun)
        return reply

    async def _performed(self, call: Call, *, legacy: bool) -> Document:
        name = next(iter(call.command), "")
        if legacy and name not in _LEGACY:
            raise CommandError(f"Unsupported OP_QUERY command: {name[:_SHOWN]}", 352)
        command = COMMANDS.get(name)
        if command is None:
            if self.peer.login.user is None:
                raise CommandError(f"Command {name[:_SHOWN]} requires authentication", 13)
            raise CommandError(f"no such command: '{name[:_SHOWN]}'", 59)
        return await command.perform(call)

    def _note(self, call: Call, code: int, seconds: float) -> None:
        """Commands of stream processing are told as requests are; those of drivers only to who asks."""
        name = next(iter(call.command), "")[:_SHOWN]
        command, user = COMMANDS.get(name), self.peer.login.user
        told = command is not None and command.needs not in (None, LOGIN)
        quiet = not told or (name == "getMoreSampleStreamProcessor" and not code)
        (_log.debug if quiet else _log.info)(
            "command",
            command=name,
            code=code,
            milliseconds=round(seconds * 1000, 2),
            principal=None if user is None else user.name,
            remote=self.peer.address,
        )


def _unexpected(call: Call, error: Exception) -> CommandError:
    """Our own bug: the log gets type and place of it, not its text, which may quote secrets."""
    name = next(iter(call.command), "")[:_SHOWN]
    frames = traceback.extract_tb(error.__traceback__)
    trace = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames]
    _log.error("unexpected", command=name, error=type(error).__name__, trace=trace)
    return CommandError(f"An internal error occurred: {type(error).__name__}", 1)
