"""Messages of the wire protocol: what is understood, and that nothing else ever does harm."""

from __future__ import annotations

import struct
from typing import Any

import bson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brookmill.wire.checksum import crc32c
from brookmill.wire.message import (
    CHECKSUM_PRESENT,
    EXHAUST_ALLOWED,
    MAX_CHECKED,
    MAX_DEPTH,
    MAX_MESSAGE,
    MORE_TO_COME,
    OP_COMPRESSED,
    OP_MSG,
    OP_QUERY,
    OP_REPLY,
    Message,
    MessageError,
    Reader,
    parse,
    reply,
)

PING = {"ping": 1, "$db": "admin"}


def framed(opcode: int, body: bytes, request_id: int = 7) -> bytes:
    return struct.pack("<iiii", 16 + len(body), request_id, 0, opcode) + body


def section(kind: int, content: bytes) -> bytes:
    return bytes([kind]) + content


def sequence(name: str, *documents: dict[str, Any]) -> bytes:
    content = name.encode() + b"\0" + b"".join(map(bson.encode, documents))
    return section(1, struct.pack("<i", 4 + len(content)) + content)


def op_msg(*sections: bytes, flags: int = 0) -> bytes:
    return framed(OP_MSG, struct.pack("<I", flags) + b"".join(sections))


def body(command: dict[str, Any]) -> bytes:
    return section(0, bson.encode(command))


def query(namespace: str, *documents: dict[str, Any]) -> bytes:
    start = struct.pack("<i", 0) + namespace.encode() + b"\0" + struct.pack("<ii", 0, -1)
    return framed(OP_QUERY, start + b"".join(map(bson.encode, documents)))


def test_a_command() -> None:
    assert parse(op_msg(body(PING))) == Message(7, PING)


def test_document_sequences_are_members_wherever_they_stand() -> None:
    insert = {"insert": "c", "$db": "d"}
    parts = [body(insert), sequence("documents", {"a": 1}, {"a": 2}), sequence("empty")]
    for order in (parts, parts[::-1]):
        command = parse(op_msg(*order)).command
        assert command == {**insert, "documents": [{"a": 1}, {"a": 2}], "empty": []}
        assert next(iter(command)) == "insert"


def test_flags() -> None:
    message = parse(op_msg(body(PING), flags=MORE_TO_COME | EXHAUST_ALLOWED))
    assert (message.more_to_come, message.exhaust_allowed) == (True, True)
    assert parse(op_msg(body(PING), flags=1 << 20)).command == PING  # optional flags may be unknown


def test_the_checksum_is_checked() -> None:
    assert crc32c(b"123456789") == 0xE3069283  # RFC 3720's own check value
    plain = op_msg(body(PING), flags=CHECKSUM_PRESENT)
    frame = struct.pack("<i", len(plain) + 4) + plain[4:]
    good = frame + struct.pack("<I", crc32c(frame))
    assert parse(good).command == PING
    with pytest.raises(MessageError, match="checksum"):
        parse(good[:-1] + bytes([good[-1] ^ 1]))


def test_the_old_format_carries_hello() -> None:
    message = parse(query("admin.$cmd", {"ismaster": 1}, {"ignored": 1}))
    assert message == Message(7, {"ismaster": 1, "$db": "admin"}, legacy=True)
    wrapped = parse(query("admin.$cmd", {"$query": {"hello": 1}, "$readPreference": {"mode": "primary"}}))
    assert wrapped.command == {"hello": 1, "$db": "admin"}
    answer = reply(message, {"ok": 1.0}, 3)
    assert struct.unpack_from("<iiii", answer) == (len(answer), 3, 7, OP_REPLY)
    assert bson.decode(answer[36:]) == {"ok": 1.0}


def test_a_reply_can_be_read_as_a_message() -> None:
    answer = reply(Message(7, PING), {"ok": 1.0, "$db": "x"}, 9)
    assert struct.unpack_from("<iiii", answer) == (len(answer), 9, 7, OP_MSG)
    assert parse(answer).command == {"ok": 1.0, "$db": "x"}


def deep(levels: int) -> dict[str, Any]:
    document: dict[str, Any] = {}
    for _ in range(levels):
        document = {"a": document}
    return document


def abyss(levels: int) -> bytes:
    """The same deeper than any encoder goes."""
    document = struct.pack("<i", 5) + b"\0"
    parts = [struct.pack("<i", 5 + 8 * level) + b"\3a\0" for level in range(levels, 0, -1)]
    return b"".join(parts) + document + b"\0" * levels


@pytest.mark.parametrize(
    ("frame", "code", "text"),
    [
        (op_msg(), 40587, "no body"),
        (op_msg(sequence("documents", {})), 40587, "no body"),
        (op_msg(body(PING), body(PING)), 40430, "one body"),
        (op_msg(body(PING), section(2, bson.encode({}))), 40430, "document sequences"),
        (op_msg(body(PING), sequence("a"), sequence("a")), 40431, "two document sequences"),
        (op_msg(body(PING), sequence("ping")), 40433, "member like the document sequence"),
        (op_msg(body({"ping": 1})), 40571, r"\$db"),
        (op_msg(body({"ping": 1, "$db": 5})), 40571, r"\$db"),
        (op_msg(body(PING), flags=4), 17, "unknown flags"),
        (op_msg(body(PING), flags=CHECKSUM_PRESENT), 17, "checksum"),
        (op_msg(body(PING | {"x": "x" * MAX_CHECKED}), flags=CHECKSUM_PRESENT), 17, "at most"),
        (op_msg(body(PING)[:-1]), 17, "does not fit"),
        (op_msg(body(PING) + b"\0"), 17, "too early"),
        (op_msg(section(0, struct.pack("<i", -5))), 17, "does not fit"),
        (op_msg(section(0, struct.pack("<i", 2**31 - 1))), 17, "does not fit"),
        (op_msg(section(1, struct.pack("<i", 6) + b"ab")), 17, "no end"),
        (op_msg(section(1, struct.pack("<i", 6) + b"\xff\0")), 17, "UTF-8"),
        (op_msg(section(0, struct.pack("<i", 6) + b"\x99\0")), 22, "invalid BSON"),
        (op_msg(body({**PING, "a": deep(MAX_DEPTH)})), 15, "levels deep"),
        (op_msg(body(PING), sequence("a", deep(MAX_DEPTH + 1))), 15, "levels deep"),
        (op_msg(section(0, abyss(100_000))), 22, "invalid BSON"),
        (framed(OP_COMPRESSED, b"\xdd\x07\0\0" + b"\0" * 5), 17, "compressed"),
        (framed(2010, b""), 17, "not supported"),
        (query("db.things", {"a": 1}), 352, "command"),
        (query("admin.$cmd"), 17, "too early"),
        (query("admin.$cmd", {"$query": 5}), 14, "object"),
        (framed(OP_QUERY, b"\0\0\0\0admin.$cmd"), 17, "no end"),
        (framed(OP_MSG, b""), 17, "too early"),
    ],
)
def test_what_breaks_the_protocol_is_refused(frame: bytes, code: int, text: str) -> None:
    with pytest.raises(MessageError, match=text) as refused:
        parse(frame)
    assert (refused.value.code, refused.value.request_id) == (code, 7)


@pytest.mark.parametrize("length", [-1, 0, 15, MAX_MESSAGE + 1, 2**31 - 1])
def test_lengths_out_of_bounds_end_the_stream_before_anything_is_kept(length: int) -> None:
    reader = Reader()
    reader.feed(struct.pack("<iiii", length, 1, 0, OP_MSG))
    with pytest.raises(MessageError) as refused:
        reader.message()
    assert refused.value.request_id is None


def test_a_lower_limit_holds() -> None:
    frame = op_msg(body(PING))
    reader = Reader(len(frame))
    reader.feed(frame)
    assert reader.message() is not None
    reader.limit -= 1
    reader.feed(frame)
    with pytest.raises(MessageError):
        reader.message()


@given(st.lists(st.integers(0, 5), min_size=1, max_size=5), st.data())
def test_messages_come_out_however_the_bytes_are_cut(counts: list[int], data: st.DataObject) -> None:
    commands = [{**PING, "n": [{}] * count} for count in counts]
    stream = b"".join(op_msg(body(command)) for command in commands)
    reader, seen = Reader(), []
    while stream:
        size = data.draw(st.integers(1, len(stream)))
        reader.feed(stream[:size])
        stream = stream[size:]
        while (message := reader.message()) is not None:
            seen.append(message.command)
    assert seen == commands


@given(st.binary(max_size=200), st.sampled_from([OP_MSG, OP_QUERY, OP_REPLY, OP_COMPRESSED, 0]))
def test_noise_is_refused_and_nothing_worse(noise: bytes, opcode: int) -> None:
    try:
        message = parse(framed(opcode, noise))
    except MessageError:
        return
    assert type(message.command["$db"]) is str


WHOLE = op_msg(
    body({"insert": "c", "$db": "d", "x": {"$ref": "c", "$id": 1}, "d": bson.Decimal128("1.5")}),
    sequence("documents", {"_id": bson.ObjectId(), "r": bson.Regex("a", "i"), "c": bson.Code("f", {"a": 1})}),
    flags=EXHAUST_ALLOWED,
)


@given(st.data())
def test_a_message_with_some_bytes_changed_is_refused_and_nothing_worse(data: st.DataObject) -> None:
    frame = bytearray(WHOLE)
    for _ in range(data.draw(st.integers(1, 4))):
        frame[data.draw(st.integers(0, len(frame) - 1))] = data.draw(st.integers(0, 255))
    try:
        message = parse(bytes(frame))
    except MessageError:
        return
    assert type(message.command["$db"]) is str


@given(st.binary(max_size=100), st.integers(0, 3))
def test_a_stream_of_noise_is_refused_and_nothing_worse(noise: bytes, cut: int) -> None:
    reader = Reader()
    try:
        reader.feed(op_msg(body(PING))[: -cut or None] + noise)
        while reader.message() is not None:
            pass
    except MessageError:
        pass
