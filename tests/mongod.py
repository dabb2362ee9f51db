"""A stand-in for a MongoDB server: just enough of the wire protocol for stock pymongo to insert documents."""

from __future__ import annotations

import socketserver
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import bson

_HEADER = struct.Struct("<iiii")
_OP_MSG, _OP_QUERY, _OP_REPLY = 2013, 2004, 1
_HELLO = {
    "isWritablePrimary": True,
    "helloOk": True,
    "maxBsonObjectSize": 16 * 1024 * 1024,
    "maxMessageSizeBytes": 48_000_000,
    "maxWriteBatchSize": 100_000,
    "minWireVersion": 0,
    "maxWireVersion": 21,
    "ok": 1.0,
}

Command = dict[str, Any]


@dataclass
class Mongod:
    """``collections``: what was inserted, by namespace. ``refuse``: asked before each insert, None lets it
    pass.
    """

    uri: str = ""
    collections: dict[str, list[Command]] = field(default_factory=dict)
    refuse: Callable[[Command], Command | None] = lambda _: None

    def answer(self, command: Command) -> Command:
        name = next(iter(command))
        if name in ("hello", "ismaster", "isMaster"):
            return _HELLO
        if name == "insert":
            return self.refuse(command) or self._insert(command)
        return {"ok": 1.0}

    def _insert(self, command: Command) -> Command:
        kept = self.collections.setdefault(f"{command['$db']}.{command['insert']}", [])
        errors = []
        for index, document in enumerate(command["documents"]):
            if any(document["_id"] == other["_id"] for other in kept):
                errors.append({"index": index, "code": 11000, "errmsg": "duplicate key"})
            else:
                kept.append(document)
        return {"n": len(command["documents"]) - len(errors), "ok": 1.0} | (
            {"writeErrors": errors} if errors else {}
        )


def _command(opcode: int, body: bytes) -> Command:
    if opcode == _OP_QUERY:
        start = body.index(b"\0", 4) + 1 + 8
        return bson.decode(body[start : start + struct.unpack_from("<i", body, start)[0]])
    command: Command = {}
    at = 4
    while at < len(body):
        kind, size = body[at], struct.unpack_from("<i", body, at + 1)[0]
        section = body[at + 1 : at + 1 + size]
        if kind == 0:
            command = bson.decode(section) | {k: v for k, v in command.items() if k == "documents"}
        else:
            end = section.index(b"\0", 4)
            command[section[4:end].decode()] = bson.decode_all(section[end + 1 :])
        at += 1 + size
    return command


@contextmanager
def mongod() -> Iterator[Mongod]:
    """A new one on a free port."""
    here = Mongod()

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            while len(header := self.rfile.read(16)) == 16:
                length, request, _, opcode = _HEADER.unpack(header)
                answer = bson.encode(here.answer(_command(opcode, self.rfile.read(length - 16))))
                if opcode == _OP_QUERY:
                    body, reply = struct.pack("<iqii", 8, 0, 0, 1) + answer, _OP_REPLY
                else:
                    body, reply = struct.pack("<ib", 0, 0) + answer, _OP_MSG
                self.wfile.write(_HEADER.pack(16 + len(body), 1, request, reply) + body)

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True

        def handle_error(self, request: Any, client_address: Any) -> None:
            """A client that hung up is no news."""

    server = Server(("127.0.0.1", 0), Handler)
    here.uri = f"mongodb://127.0.0.1:{server.server_address[1]}/?directConnection=true"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield here
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
