"""The server around a deployment: one thread a connection, on a free port of this machine."""

from __future__ import annotations

import itertools
import socket
import socketserver
import ssl
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

import bson

from brookmill.clock import Clock, SystemClock
from brookmill.mql.values import Document
from brookmill.testing.mongod.commands import COMMANDS
from brookmill.testing.mongod.deployment import Deployment
from brookmill.testing.mongod.errors import CommandError
from brookmill.testing.mongod.fault import Fault, Way
from brookmill.testing.mongod.oplog import CAPACITY, Oplog
from brookmill.testing.mongod.pipeline import SERVER_STAGES
from brookmill.testing.mongod.session import Session
from brookmill.testing.mongod.update import UPDATE_OPERATORS
from brookmill.testing.mongod.user import User
from brookmill.wire.message import CODEC, MessageError, Reader, reply, reply_to

_CHUNK = 1 << 16


class Mongod:
    """A running server. ``uri``: for any client; with users, their names and passwords are to be put in."""

    def __init__(self, deployment: Deployment, uri: str) -> None:
        self.uri = uri
        self._deployment = deployment

    def documents(self, namespace: str) -> list[Document]:
        """Copies of what a collection holds, e.g. of ``shop.orders``; nothing if there is none."""
        database, _, name = namespace.partition(".")
        with self._deployment.oplog.changed:
            collection = self._deployment.collection(database, name)
            return [] if collection is None else [_copy(one) for one in collection.documents.values()]

    @property
    def namespaces(self) -> list[str]:
        """The names of all collections, e.g. ``shop.orders``."""
        with self._deployment.oplog.changed:
            return [f"{database}.{name}" for database, name in self._deployment.collections]

    def insert(self, namespace: str, *documents: Document) -> None:
        """Put documents into a collection without any client. Raises CommandError."""
        database, _, name = namespace.partition(".")
        with self._deployment.oplog.changed:
            collection = self._deployment.made(database, name)
            for document in documents:
                collection.insert(_copy(document))

    def fail(
        self,
        command: str = "*",
        way: Way = "error",
        *,
        code: int = 91,
        message: str = "failed on request",
        times: int | None = 1,
        after: bool = False,
        when: Document | None = None,
        labels: tuple[str, ...] | None = None,
    ) -> None:
        """Let the next ``times`` commands of this name fail; None: all until ``heal``.

        ``after``: carry the command out before, so that only the answer is lost. ``when``: a query that the
        command must pass, e.g. ``{"insert": "orders"}``. ``labels`` None: those a real server adds.
        """
        with self._deployment.oplog.changed:
            self._deployment.faults.add(Fault(command, way, code, message, times, after, when, labels))

    def heal(self) -> None:
        """Let nothing fail any more; who hangs gets no answer, but the end of the connection."""
        with self._deployment.oplog.changed:
            self._deployment.faults.clear()
            self._deployment.oplog.changed.notify_all()

    def wait_until_hanging(self, timeout: float) -> None:
        """Wait until some command hangs. Raises TimeoutError after so many seconds."""
        with self._deployment.oplog.changed:
            if not self._deployment.oplog.changed.wait_for(lambda: self._deployment.faults.hanging, timeout):
                raise TimeoutError("no command hangs")

    def forget(self) -> None:
        """Lose the whole history: no change stream can be resumed from before."""
        with self._deployment.oplog.changed:
            self._deployment.oplog.forget_all()

    @property
    def open_cursors(self) -> int:
        with self._deployment.oplog.changed:
            return len(self._deployment.cursors)


def _copy(document: Document) -> Document:
    """The document as it comes out of BSON: what is a date, has milliseconds and a time zone."""
    return bson.decode(bson.encode(document, codec_options=CODEC), CODEC)


class _Server(socketserver.ThreadingTCPServer):
    """Threads are waited for at the end, after their connections were ended."""

    daemon_threads = False
    block_on_close = True
    request_queue_size = 128

    def __init__(self, deployment: Deployment, tls: ssl.SSLContext | None) -> None:
        self.deployment = deployment
        self.tls = tls
        self.connections: set[socket.socket] = set()
        self.lock = threading.Lock()
        super().__init__(("127.0.0.1", 0), _Connection)

    def end_connections(self) -> None:
        with self.lock:
            for connection in self.connections:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hung up is no news."""


class _Connection(socketserver.BaseRequestHandler):
    server: _Server

    def handle(self) -> None:
        sock = self.request
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self.server.tls is not None:
            try:
                sock = self.server.tls.wrap_socket(sock, server_side=True)
            except OSError:
                return
        with self.server.lock:
            self.server.connections.add(sock)
        try:
            with suppress(OSError):
                self._serve(sock)
        finally:
            with self.server.lock:
                self.server.connections.discard(sock)
            sock.close()

    def _serve(self, sock: socket.socket) -> None:
        session, reader, numbers = Session(self.server.deployment), Reader(), itertools.count(1)
        while not self.server.deployment.stopping and (data := sock.recv(_CHUNK)):
            reader.feed(data)
            try:
                while (message := reader.message()) is not None:
                    answer = session.answer(message)
                    if answer is None:
                        return
                    if not message.more_to_come:
                        sock.sendall(reply(message, answer, next(numbers)))
            except MessageError as e:
                if e.request_id is not None:
                    refusal = CommandError(str(e), e.code).reply()
                    sock.sendall(reply_to(e.request_id, refusal, next(numbers)))
                return


@contextmanager
def mongod(
    *,
    users: Sequence[User] = (),
    tls: ssl.SSLContext | None = None,
    clock: Clock | None = None,
    oplog_size: int = CAPACITY,
) -> Iterator[Mongod]:
    """A MongoDB-protocol server in memory, empty, on a free port of this machine; gone at the end.

    ``users``: who may log in; none: everybody may do everything. ``tls``: a server's context with its
    certificate. ``clock``: of ``wallTime``, ``clusterTime`` and ``$$NOW``. ``oplog_size``: entries after
    which the history of change streams begins to be forgotten.
    """
    oplog = Oplog(clock or SystemClock(), oplog_size)
    deployment = Deployment({user.name: user for user in users}, oplog)
    len(COMMANDS), len(SERVER_STAGES), len(UPDATE_OPERATORS)  # loaded before the first client waits for them
    server = _Server(deployment, tls)
    deployment.address = f"127.0.0.1:{server.server_address[1]}"
    uri = f"mongodb://{deployment.address}/?directConnection=true" + ("&tls=true" if tls else "")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield Mongod(deployment, uri)
    finally:
        server.shutdown()
        thread.join()
        with oplog.changed:
            deployment.stopping = True
            oplog.changed.notify_all()
        server.end_connections()
        server.server_close()
