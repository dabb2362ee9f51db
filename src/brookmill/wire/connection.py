"""A connection: messages in, answers out, one after the other, within bounds of size and time."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from typing import Final

from bson.errors import BSONError

from brookmill.mql.values import Document
from brookmill.wire.commands import Door
from brookmill.wire.errors import CommandError
from brookmill.wire.login import Login
from brookmill.wire.message import Message, MessageError, Reader, reply, reply_to
from brookmill.wire.peer import Peer
from brookmill.wire.peers import Peers
from brookmill.wire.session import Session

#: Bytes of a message: of strangers, and of users. A document has up to 16 MiB, and something around it.
STRANGERS_MESSAGE, USERS_MESSAGE = 64 * 1024, 17 * 1024 * 1024
#: Seconds from the first to the last byte of a message, and until an answer is taken.
PATIENCE: Final = 30.0
#: Seconds without a message after which a stranger is gone; monitors of drivers ask every ten.
STRANGERS_IDLE: Final = 120.0


class Connection(asyncio.Protocol):
    """One peer. Its task ends with the connection, and so does a fetch that is held."""

    def __init__(self, door: Door, peers: Peers) -> None:
        self._door = door
        self._peers = peers
        self._reader = Reader(STRANGERS_MESSAGE)
        self._arrived = asyncio.Event()
        self._writable = asyncio.Event()
        self._writable.set()
        self._numbers = itertools.count(1)
        self._transport: asyncio.Transport | None = None
        self._task: asyncio.Task[None] | None = None
        self._peer: Peer | None = None
        self._over = False

    # --- what asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        if not self._peers.enter(self):
            transport.abort()
            return
        address = transport.get_extra_info("peername") or ("",)
        named = getattr(transport.get_extra_info("ssl_object"), "called", None)
        login = Login(self._door.services, self._door.secret)
        self._peer = Peer(self._peers.number(), str(address[0]), login, named)
        self._task = asyncio.get_running_loop().create_task(self._serve(Session(self._door, self._peer)))

    def data_received(self, data: bytes) -> None:
        self._reader.feed(data)
        if self._transport is not None and self._reader.buffered > self._reader.limit:
            self._transport.pause_reading()
        self._arrived.set()

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        self._over = True
        self._peers.leave(self)
        if self._task is not None:
            self._task.cancel()
            self._task.add_done_callback(self._let_go)

    def _let_go(self, _: object) -> None:
        if self._peer is not None:
            self._peer.lost()

    # --- what happens between

    def drop(self) -> None:
        """End it at once."""
        if self._transport is not None:
            self._transport.abort()

    async def ended(self) -> None:
        """Wait until its task is over."""
        if self._task is not None:
            await asyncio.wait([self._task])

    async def _serve(self, session: Session) -> None:
        try:
            while not session.peer.doomed and (message := await self._next(session.peer)) is not None:
                answer = await session.answer(message)
                self._note_login(session.peer)
                if not message.more_to_come:
                    await self._send(_encoded(message, answer, next(self._numbers)))
        except MessageError as e:
            if e.request_id is not None:
                refusal = CommandError(str(e), e.code).reply()
                with contextlib.suppress(TimeoutError):
                    await self._send(reply_to(e.request_id, refusal, next(self._numbers)))
        except TimeoutError:
            self.drop()
        finally:
            if self._transport is not None:
                self._transport.close()

    async def _next(self, peer: Peer) -> Message | None:
        """The next message; None: there is none. Raises MessageError, TimeoutError."""
        now = asyncio.get_running_loop().time
        ends = now() + STRANGERS_IDLE if peer.login.user is None else None
        begun = False
        while (message := self._reader.message()) is None:
            if self._over:
                return None
            if not begun and self._reader.buffered:
                begun, ends = True, now() + PATIENCE
            if self._transport is not None and not self._transport.is_reading():
                self._transport.resume_reading()
            self._arrived.clear()
            async with asyncio.timeout_at(ends):
                await self._arrived.wait()
        return message

    def _note_login(self, peer: Peer) -> None:
        known = peer.login.user is not None
        self._reader.limit = USERS_MESSAGE if known else STRANGERS_MESSAGE
        self._peers.note(self, known=known)

    async def _send(self, data: bytes) -> None:
        if self._transport is None or self._transport.is_closing():
            return
        self._transport.write(data)
        async with asyncio.timeout(PATIENCE):
            await self._writable.wait()


def _encoded(message: Message, answer: Document, number: int) -> bytes:
    """The answer as bytes; one that BSON cannot hold becomes a refusal."""
    try:
        return reply(message, answer, number)
    except (BSONError, ValueError, TypeError, OverflowError, RecursionError) as e:
        text = f"the answer cannot be written as BSON: {type(e).__name__}"
        return reply(message, CommandError(text, 1).reply(), number)
