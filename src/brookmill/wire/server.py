"""The door of the MongoDB protocol: an event loop on a thread of its own."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from brookmill.operations import Services
from brookmill.operations.threads import Threads
from brookmill.wire.commands import COMMANDS, Door
from brookmill.wire.connection import Connection
from brookmill.wire.cursors import Cursors
from brookmill.wire.peers import Peers

_BACKLOG: Final = 1024
#: Seconds that connections get to end.
_GRACE: Final = 5.0


@contextmanager
def serving(
    services: Services, listener: socket.socket, tls: ssl.SSLContext | None = None
) -> Iterator[Peers]:
    """Serve ``listener`` until the end of the block; then every connection ends. The block gets all peers."""
    len(COMMANDS)  # loaded before the first client waits for them
    server = _Server(services, listener, tls)
    thread = threading.Thread(target=server.run, name="wire")
    thread.start()
    try:
        server.ready.wait()
        yield server.peers
    finally:
        server.stop()
        thread.join()


def tls_context(parameters: Mapping[str, str]) -> ssl.SSLContext | None:
    """The context of the HTTP door's certificate; None when TLS is off. Raises OSError."""
    if not parameters:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(parameters["ssl_certfile"], parameters["ssl_keyfile"])
    context.sni_callback = _note_name
    return context


def _note_name(connection: ssl.SSLObject, name: str | None, _: ssl.SSLContext) -> None:
    """By which name the client calls us; ``connection.py`` reads it when the handshake is over."""
    connection.called = name  # type: ignore[attr-defined]


class _Server:
    def __init__(self, services: Services, listener: socket.socket, tls: ssl.SSLContext | None) -> None:
        self.peers = Peers()
        self.ready = threading.Event()
        self._threads = Threads()
        self._door = Door(services, self._threads, Cursors(), secrets.token_bytes(32))
        self._listener = listener
        self._tls = tls
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping = asyncio.Event()

    def run(self) -> None:
        try:
            asyncio.run(self._serve())
        finally:
            self._threads.close()
            self.ready.set()

    def stop(self) -> None:
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._stopping.set)

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        server = await self._loop.create_server(
            lambda: Connection(self._door, self.peers, self._tls), sock=self._listener, backlog=_BACKLOG
        )
        self.ready.set()
        await self._stopping.wait()
        await self._end_all()
        server.close()

    async def _end_all(self) -> None:
        """Every transport is closed afterwards.

        A server that is closed while it takes somebody in forgets his socket: so it stays open until the
        tasks that take them in are over.
        """
        assert self._loop is not None
        self._loop.remove_reader(self._listener)
        left = self.peers.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_GRACE):
                while tasks := asyncio.all_tasks() - {asyncio.current_task()}:
                    await asyncio.wait(tasks)
                for connection in left:
                    await connection.ended()
