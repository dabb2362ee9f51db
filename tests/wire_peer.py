"""A client that writes its own bytes: what no driver would send."""

from __future__ import annotations

import base64
import hashlib
import hmac
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import bson
from wired import PASSWORD

PING = {"ping": 1, "$db": "admin"}


def op_msg(command: dict[str, Any], *, flags: int = 0, request_id: int = 1) -> bytes:
    body = struct.pack("<I", flags) + b"\0" + bson.encode(command)
    return struct.pack("<iiii", 16 + len(body), request_id, 0, 2013) + body


class Peer:
    """One connection."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def reply(self) -> dict[str, Any] | None:
        """The next answer's document; None: the server has hung up."""
        answer = self.answer()
        return None if answer is None else answer[1]

    def answer(self) -> tuple[int, dict[str, Any]] | None:
        """Which request it answers, and the document."""
        head = self._exactly(16)
        if head is None:
            return None
        length, _, answered, opcode = struct.unpack("<iiii", head)
        body = self._exactly(length - 16)
        return None if body is None else (answered, bson.decode(body[20 if opcode == 1 else 5 :]))

    def ask(self, command: dict[str, Any], **more: Any) -> dict[str, Any] | None:
        self.send(op_msg(command, **more))
        return self.reply()

    def log_in(self, user: str, password: str = PASSWORD) -> dict[str, Any] | None:
        """The last answer of the login."""
        bare = f"n={user},r=abc"
        start = {
            "saslStart": 1,
            "mechanism": "SCRAM-SHA-256",
            "payload": f"n,,{bare}".encode(),
            "$db": "admin",
        }
        answer = self.ask({**start, "options": {"skipEmptyExchange": True}})
        assert answer is not None
        if not answer["ok"]:
            return answer
        payload = _proof(bare, bytes(answer["payload"]), password)
        return self.ask({"saslContinue": 1, "conversationId": 1, "payload": payload, "$db": "admin"})

    def _exactly(self, size: int) -> bytes | None:
        data = b""
        while len(data) < size:
            try:
                more = self.sock.recv(size - len(data))
            except ConnectionError:
                return None
            if not more:
                return None
            data += more
        return data


def _proof(bare: str, answer: bytes, password: str) -> bytes:
    parts = dict(part.split("=", 1) for part in answer.decode().split(","))
    salted = _salted(password, parts["s"], int(parts["i"]))
    key = hmac.digest(salted, b"Client Key", "sha256")
    without = f"c=biws,r={parts['r']}"
    signature = hmac.digest(
        hashlib.sha256(key).digest(), f"{bare},{answer.decode()},{without}".encode(), "sha256"
    )
    proof = bytes(a ^ b for a, b in zip(key, signature, strict=True))
    return f"{without},p={base64.b64encode(proof).decode()}".encode()


@cache
def _salted(password: str, salt: str, iterations: int) -> bytes:
    return hashlib.pbkdf2_hmac("sha256", password.encode(), base64.b64decode(salt), iterations)


@contextmanager
def peer(address: tuple[str, int], *, user: str | None = None, timeout: float = 20.0) -> Iterator[Peer]:
    """A connection, logged in as ``user``."""
    with socket.create_connection(address, timeout=timeout) as sock:
        made = Peer(sock)
        if user is not None:
            answer = made.log_in(user)
            assert answer is not None
            assert answer["ok"] == 1.0
        yield made
