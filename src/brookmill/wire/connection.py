"""A connection: messages in, answers out, one after the other, within bounds of size and time."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import socket
import ssl
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
#: Seconds that a TLS handshake may take.
HANDSHAKE: Final = 10.0
#: Seconds without a message after which a stranger is gone; monitors of drivers ask every ten.
STRANGERS_IDLE: Final = 120.0


class Connection(asyncio.Protocol):
    """One peer. Its task ends with the connection, and so does a fetch that is held.

    ``tls``: what to speak; the handshake is a part of the connection, so that it has its place among the
    strangers, and its end, like everything else. None: the bytes are messages as they come.
    """

    def __init__(self, door: Door, peers: Peers, tls: ssl.SSLContext | None = None) -> None:
        self._door = door
        self._peers = peers
        self._tls = tls
        self._reader = Reader(STRANGERS_MESSAGE)
        self._arrived = asyncio.Event()
        self._writable = asyncio.Event()
        self._writable.set()
        self._numbers = itertools.count(1)
        self._carrier: asyncio.Transport | None = None
        self._transport: asyncio.Transport | None = None
        self._task: asyncio.Task[None] | None = None
        self._peer: Peer | None = None
        self._over = asyncio.Event()

    # --- what asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._carrier = transport
        if not self._peers.enter(self):
            transport.abort()
            return
        # of a peer that vanished without a word nothing else would be heard
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        if self._tls is None:
            self._transport = transport
        else:
            transport.pause_reading()  # what comes first is for the handshake
        self._task = asyncio.get_running_loop().create_task(self._live())

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
        self._leave()
        if self._task is not None:
            self._task.cancel()
            self._task.add_done_callback(self._let_go)

    def _leave(self) -> None:
        self._over.set()
        self._peers.leave(self)

    def _let_go(self, _: object) -> None:
        if self._peer is not None:
            self._peer.lost()

    # --- what happens between

    def drop(self) -> None:
        """End it at once, in a handshake too."""
        if self._carrier is not None:
            self._carrier.abort()

    async def ended(self) -> None:
        """Wait until the connection is lost, and its task over."""
        await self._over.wait()
        if self._task is not None:
            await asyncio.wait([self._task])

    async def _live(self) -> None:
        if self._tls is not None:
            self._transport = await self._secured(self._tls)
        if self._transport is None:
            self._leave()  # asyncio does not tell that a connection is lost in its handshake
            return
        address = self._transport.get_extra_info("peername") or ("",)
        named = getattr(self._transport.get_extra_info("ssl_object"), "called", None)
        login = Login(self._door.services, self._door.secret)
        self._peer = Peer(self._peers.number(), str(address[0]), login, named)
        await self._serve(Session(self._door, self._peer))

    async def _secured(self, tls: ssl.SSLContext) -> asyncio.Transport | None:
        """The transport after the handshake; None: there was none in time."""
        loop, carrier = asyncio.get_running_loop(), self._carrier
        if carrier is None or carrier.is_closing():
            return None
        try:
            return await loop.start_tls(carrier, self, tls, server_side=True, ssl_handshake_timeout=HANDSHAKE)
        except OSError:
            return None

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
            if self._over.is_set():
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
