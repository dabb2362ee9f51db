"""One end of the private socket: whole messages in, whole messages out."""

from __future__ import annotations

import select
import socket
import struct
import threading
from typing import Generic, TypeVar

import msgspec

In = TypeVar("In")
Out = TypeVar("Out", bound=msgspec.Struct)

_LENGTH = struct.Struct(">I")
_CHUNK = 1 << 16


class Channel(Generic[In, Out]):
    """Frames of a four-byte big-endian length and a MessagePack message, over a connected stream socket.

    One thread receives; any thread may send.
    """

    def __init__(self, end: socket.socket, incoming: object) -> None:
        """``incoming``: the union of messages that may arrive; anything else is a ``msgspec.DecodeError``."""
        end.setblocking(True)
        self._socket = end
        self._decoder: msgspec.msgpack.Decoder[In] = msgspec.msgpack.Decoder(incoming)
        self._encoder = msgspec.msgpack.Encoder()
        self._received = bytearray()
        self._readable = select.poll()
        self._readable.register(end, select.POLLIN)
        self._sending = threading.Lock()

    def send(self, message: Out) -> bool:
        """Send all of it; False when the other end is gone."""
        payload = self._encoder.encode(message)
        with self._sending:
            try:
                self._socket.sendall(_LENGTH.pack(len(payload)))
                self._socket.sendall(payload)
            except OSError:
                return False
        return True

    def receive(self, timeout: float) -> In | None:
        """The next message; None when none is complete within ``timeout`` seconds of silence.

        Raises EOFError when the other end is gone.
        """
        while (message := self._complete()) is None:
            if not self._readable.poll(timeout * 1000):
                return None
            try:
                data = self._socket.recv(_CHUNK)
            except OSError:
                data = b""
            if not data:
                raise EOFError("the other end is gone")
            self._received += data
        return message

    def _complete(self) -> In | None:
        if len(self._received) < _LENGTH.size:
            return None
        (length,) = _LENGTH.unpack_from(self._received)
        end = _LENGTH.size + length
        if len(self._received) < end:
            return None
        payload = bytes(memoryview(self._received)[_LENGTH.size : end])
        del self._received[:end]
        return self._decoder.decode(payload)

    def close(self) -> None:
        """Close this end; the other one's ``receive`` raises EOFError."""
        self._socket.close()
