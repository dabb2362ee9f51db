"""Messages of the MongoDB wire protocol: bytes to commands, and replies to bytes. No I/O.

``Reader`` cuts a stream of bytes into messages, ``parse`` understands one, ``reply`` writes the answer.
Whatever arrives, the only exception is ``MessageError``. Reference: the MongoDB wire protocol, OP_MSG.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import bson
from bson.codec_options import CodecOptions, DatetimeConversion
from bson.errors import BSONError

from brookmill.errors import BrookmillError
from brookmill.mql.values import Document, deeper_than
from brookmill.wire.checksum import crc32c

OP_REPLY, OP_QUERY, OP_COMPRESSED, OP_MSG = 1, 2004, 2012, 2013
#: Largest message, with its header; and how deeply documents may nest: MongoDB's own limits.
MAX_MESSAGE, MAX_DEPTH = 48_000_000, 200
#: Longest message whose checksum is looked at: that takes a tenth of a microsecond a byte, while all others
#: wait. No driver is known to send any.
MAX_CHECKED = 128 * 1024
CHECKSUM_PRESENT, MORE_TO_COME, EXHAUST_ALLOWED = 1, 2, 1 << 16

#: Integers keep their width, dates are aware and never out of range, UUIDs are such.
CODEC: Final[CodecOptions[Document]] = CodecOptions(
    document_class=dict,
    tz_aware=True,
    uuid_representation=bson.binary.UuidRepresentation.STANDARD,
    datetime_conversion=DatetimeConversion.DATETIME_AUTO,
)

_HEADER: Final = struct.Struct("<iiii")
_INT: Final = struct.Struct("<i")
_REPLY: Final = struct.Struct("<iqii")
#: Flags a reader must know: all of the lower sixteen bits.
_REQUIRED_FLAGS: Final = 0xFFFF
_AWAIT_CAPABLE: Final = 8
#: A level of nesting takes at least so many bytes: its length, its end, and a member's type and name.
_BYTES_A_LEVEL: Final = 7


class MessageError(BrookmillError):
    """A message that breaks the protocol. ``code``: MongoDB's number for it.

    ``request_id``: of the message; None when even the boundary of messages is lost. Either way the
    connection should end, after an answer if there is a ``request_id``.
    """

    def __init__(self, text: str, code: int, request_id: int | None = None) -> None:
        super().__init__(text)
        self.code = code
        self.request_id = request_id


@dataclass(frozen=True, slots=True)
class Message:
    """A request. ``command``: its document; document sequences are members of it, the database is ``$db``.

    ``legacy``: it came as OP_QUERY and is answered by OP_REPLY; only ``hello`` may. ``more_to_come``: it must
    not be answered. ``exhaust_allowed``: several answers may follow each other; one always does as well.
    """

    request_id: int
    command: Document
    legacy: bool = False
    more_to_come: bool = False
    exhaust_allowed: bool = False


class Reader:
    """The messages in a stream of bytes. ``limit``: the most bytes of one, to be set lower before a login."""

    def __init__(self, limit: int = MAX_MESSAGE) -> None:
        self.limit = limit
        self._buffer = bytearray()

    @property
    def buffered(self) -> int:
        """Bytes that came and belong to no message yet handed out."""
        return len(self._buffer)

    def feed(self, data: bytes) -> None:
        """Take in what came over the connection, however it was cut."""
        self._buffer += data

    def message(self) -> Message | None:
        """The next message; None: more bytes are needed. Raises MessageError."""
        if len(self._buffer) < _HEADER.size:
            return None
        (length,) = _INT.unpack_from(self._buffer)
        if not _HEADER.size <= length <= self.limit:
            raise MessageError(
                f"the message length {length} is not within {_HEADER.size} and {self.limit}", 17
            )
        if len(self._buffer) < length:
            return None
        frame = bytes(memoryview(self._buffer)[:length])
        del self._buffer[:length]
        return parse(frame)


def parse(frame: bytes) -> Message:
    """The request in one whole message, header included. Raises MessageError."""
    if len(frame) < _HEADER.size or len(frame) > MAX_MESSAGE:
        raise MessageError("no message is that long or that short", 17)
    length, request_id, _, opcode = _HEADER.unpack_from(frame)
    try:
        if length != len(frame):
            raise MessageError("the length in the header is not that of the message", 17)
        if opcode == OP_MSG:
            return _op_msg(frame, request_id)
        if opcode == OP_QUERY:
            return _op_query(frame, request_id)
    except MessageError as e:
        e.request_id = request_id
        raise
    if opcode == OP_COMPRESSED:
        raise MessageError("compressed messages were not agreed upon", 17, request_id)
    raise MessageError(f"the operation {opcode} is not supported", 17, request_id)


def reply(message: Message, document: Document, request_id: int) -> bytes:
    """The whole message that answers ``message``. ``request_id``: its own number."""
    return reply_to(message.request_id, document, request_id, legacy=message.legacy)


def reply_to(answered: int, document: Document, request_id: int, *, legacy: bool = False) -> bytes:
    """The same, for a request of which only the number is known. Raises what encoding the document does."""
    body = bson.encode(document, codec_options=CODEC)
    if legacy:
        opcode, start = OP_REPLY, _REPLY.pack(_AWAIT_CAPABLE, 0, 0, 1)
    else:
        opcode, start = OP_MSG, b"\0\0\0\0\0"
    length = _HEADER.size + len(start) + len(body)
    return _HEADER.pack(length, request_id, answered, opcode) + start + body


def _op_msg(frame: bytes, request_id: int) -> Message:
    flags, at = _int(frame, _HEADER.size), _HEADER.size + 4
    unknown = flags & _REQUIRED_FLAGS & ~(CHECKSUM_PRESENT | MORE_TO_COME)
    if unknown:
        raise MessageError(f"the message has unknown flags: {unknown:#x}", 17)
    end = len(frame)
    if flags & CHECKSUM_PRESENT:
        end -= 4
        if end > MAX_CHECKED:
            raise MessageError(f"a message with a checksum has {MAX_CHECKED} bytes at most", 17)
        if end < at or crc32c(frame[:end]) != _int(frame, end) & 0xFFFFFFFF:
            raise MessageError("the checksum of the message is wrong", 17)
    command = _command(frame[at:end])
    if type(command.get("$db")) is not str:
        raise MessageError("a request must have a $db member that is a string", 40571)
    return Message(
        request_id,
        command,
        more_to_come=bool(flags & MORE_TO_COME),
        exhaust_allowed=bool(flags & EXHAUST_ALLOWED),
    )


def _command(sections: bytes) -> Document:
    """The body with the document sequences as members."""
    body: Document | None = None
    sequences: Document = {}
    at = 0
    while at < len(sections):
        kind, size = sections[at], _int(sections, at + 1)
        section = sections[at + 1 : at + 1 + size]
        if size < 5 or len(section) < size:
            raise MessageError("a section does not fit into the message", 17)
        at += 1 + size
        if kind == 0 and body is None:
            body = _document(section)
        elif kind == 1:
            name, documents = _sequence(section)
            if name in sequences:
                raise MessageError(f"two document sequences are called {name[:50]!r}", 40431)
            sequences[name] = documents
        else:
            raise MessageError("a message has one body, and besides it only document sequences", 40430)
    if body is None:
        raise MessageError("the message has no body", 40587)
    if clash := sequences.keys() & body.keys():
        raise MessageError(f"the body has a member like the document sequence {clash.pop()[:50]!r}", 40433)
    return {**body, **sequences}


def _sequence(section: bytes) -> tuple[str, list[Document]]:
    name, at = _name(section, 4)
    return name, _checked(_decoded(section[at:]), len(section))


def _op_query(frame: bytes, request_id: int) -> Message:
    namespace, at = _name(frame, _HEADER.size + 4)
    database, _, collection = namespace.partition(".")
    if collection != "$cmd":
        raise MessageError("OP_QUERY can only carry a command", 352)
    at += 8  # how many to skip and to return
    query = _document(frame[at : at + max(_int(frame, at), 5)])
    command = query.get("$query", query)
    if type(command) is not dict:
        raise MessageError("$query must be an object", 14)
    return Message(request_id, {**command, "$db": database}, legacy=True)


def _int(data: bytes, at: int) -> int:
    try:
        (value,) = _INT.unpack_from(data, at)
    except struct.error:
        raise MessageError("the message ends too early", 17) from None
    return int(value)


def _name(data: bytes, at: int) -> tuple[str, int]:
    """The text up to the next null byte, and where the data goes on."""
    end = data.find(b"\0", at)
    if end < 0:
        raise MessageError("a name in the message has no end", 17)
    try:
        return data[at:end].decode(), end + 1
    except UnicodeDecodeError:
        raise MessageError("a name in the message is no valid UTF-8", 17) from None


def _document(data: bytes) -> Document:
    documents = _decoded(data)
    if len(documents) != 1:
        raise MessageError("there must be exactly one document in this place", 22)
    return _checked(documents, len(data))[0]


def _decoded(data: bytes) -> list[Document]:
    try:
        return bson.decode_all(data, CODEC)
    except (BSONError, ValueError, TypeError, OverflowError, RecursionError) as e:
        raise MessageError(f"invalid BSON: {e}", 22) from None


def _checked(documents: list[Document], size: int) -> list[Document]:
    if size > MAX_DEPTH * _BYTES_A_LEVEL and _too_deep(documents):
        raise MessageError(f"documents may be nested {MAX_DEPTH} levels deep at most", 15)
    return documents


def _too_deep(documents: Iterable[Document]) -> bool:
    return any(deeper_than(document, MAX_DEPTH) for document in documents)
