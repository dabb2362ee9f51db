"""Peers that mean no good: whatever they send, the door stands, and others notice nothing."""

from __future__ import annotations

import os
import random
import struct
import sys
import time
from collections.abc import Iterator
from typing import Any

import bson
import psutil
import pytest
from bson import Int64
from servers import wait_until
from wire_peer import PING, Peer, op_msg, peer
from wired import SAMPLE, Wire, wired

from brookmill.wire import commands, connection, peers
from brookmill.wire.commands import Command, login

PINGED = 77
FRAMES = int(os.environ.get("FRAMES", "200"))

COMMANDS: list[dict[str, Any]] = [
    {"hello": 1, "client": {"application": {"name": "x"}}, "loadBalanced": True},
    {
        "hello": 1,
        "saslSupportedMechs": "a.b",
        "speculativeAuthenticate": {"saslStart": 1, "payload": b"n,,n=a,r=b"},
    },
    {"saslStart": 1, "mechanism": "PLAIN", "payload": b"x"},
    {"saslContinue": 1, "conversationId": 1, "payload": b""},
    {"createStreamProcessor": "f", "pipeline": [SAMPLE, {"$match": {"a": {"$in": [1, 2]}}}]},
    {"listStreamProcessors": 1, "filter": {"name": {"$regex": "(a+)+$"}}},
    {"listStreamConnections": 1, "filter": {"$expr": {"$eq": ["$name", 1]}}},
    {"getStreamProcessorStats": "f", "options": {"scale": 5, "verbose": True}},
    {"modifyStreamProcessor": "f", "name": "g", "dlq": {}, "tier": "SP10"},
    {"startSampleStreamProcessor": "f", "limit": 3},
    {"getMoreSampleStreamProcessor": "f", "cursorId": Int64(5), "batchSize": 3},
    {"startStreamProcessor": "f", "options": {"startAfter": {"_data": "x"}}, "tier": "SP5"},
    {"aggregate": "x", "pipeline": [{"$sample": {"size": 10}}], "cursor": {}},
    {"endSessions": [{"id": b"x"}]},
    {"killCursors": "x", "cursors": [Int64(5)]},
    {"connectionStatus": 1},
]
VALUES: list[Any] = [
    None,
    -1,
    2**31,
    Int64(2**62),
    float("nan"),
    float("inf"),
    "",
    "\0",
    "x" * 3000,
    [],
    {},
    b"\xff",
]
VALUES += [True, [[[]]], {"$db": 1}, bson.MinKey(), bson.ObjectId(), bson.Code("x", {"a": 1}), {"": {"": ""}}]


def frames(seed: int, count: int) -> Iterator[bytes]:
    """Commands, spoiled in one of many ways."""
    chance = random.Random(seed)
    for _ in range(count):
        command = dict(chance.choice(COMMANDS)) | {"$db": chance.choice(["admin", "admin", "x", ""])}
        if chance.random() < 0.5:
            command[chance.choice(list(command))] = chance.choice(VALUES)
        yield _spoiled(chance, command)


def _spoiled(chance: random.Random, command: dict[str, Any]) -> bytes:
    frame = bytearray(op_msg(command, flags=chance.choice([0, 0, 0, 0, 1, 2, 4, 1 << 16])))
    match chance.randrange(8):
        case 0:  # a byte or two
            for _ in range(chance.randint(1, 3)):
                frame[chance.randrange(16, len(frame))] = chance.randrange(256)
        case 1:  # another operation: compressed, a query, one that there never was
            struct.pack_into("<i", frame, 12, chance.choice([2012, 2004, 1, 2002, 0, -1, 2013]))
        case 2:  # the length, the end
            struct.pack_into("<i", frame, 0, chance.choice([0, -1, 15, 16, 2**31 - 1, len(frame) - 3]))
        case 3:
            del frame[chance.randrange(17, len(frame)) :]
            struct.pack_into("<i", frame, 0, len(frame))
        case 4:  # the lengths within
            struct.pack_into(
                "<i", frame, chance.randrange(16, len(frame) - 4), chance.randrange(-(2**31), 2**31)
            )
        case 5:
            frame[16:] = chance.randbytes(chance.randint(0, 300))
            struct.pack_into("<i", frame, 0, len(frame))
        case 6:
            return chance.randbytes(chance.randint(1, 200))
    return bytes(frame)


def shower(wire: Wire, seed: int, count: int, user: str | None) -> int:
    """Send so many frames; how often the server hung up. It must never take long to say something."""
    lost, left = 0, frames(seed, count)
    frame = next(left, None)
    while frame is not None:
        with peer(wire.address, user=user, timeout=10) as here:
            while frame is not None and _stands(here, frame):
                frame = next(left, None)
            lost += frame is not None
            frame = next(left, None)
    return lost


def _stands(here: Peer, frame: bytes) -> bool:
    """Whether the connection lives after this one: a ping behind it is answered."""
    whole = len(frame) >= 4 and struct.unpack_from("<i", frame)[0] == len(frame)
    here.sock.settimeout(20 if whole else 0.03)  # of half a message the server awaits the rest, as it must
    try:
        here.send(frame + op_msg(PING, request_id=PINGED))
        while (answer := here.answer()) is not None:
            if answer == (PINGED, {"ok": 1.0}):
                return True
    except (ConnectionError, TimeoutError):
        assert not whole or not isinstance(sys.exc_info()[1], TimeoutError), "no answer"
    return False


@pytest.fixture(scope="module")
def wire(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wire]:
    """One of its own: nobody else's connections are counted. Wrong passwords are answered at once."""
    with pytest.MonkeyPatch.context() as patch, wired(tmp_path_factory.mktemp("hostile")) as running:
        patch.setattr(login, "PAUSE", 0.0)
        patch.setattr(login, "GLANCE", 0.0)
        yield running


@pytest.mark.parametrize("who", ["stranger", "user"])
def test_no_frame_does_any_harm(wire: Wire, who: str) -> None:
    user = wire.user() if who == "user" else None
    honest = wire.client()
    assert honest.admin.command("listWorkspaceDefaults", 1)["ok"]
    settled = wait_until(lambda: len(wire.peers))
    process = psutil.Process()
    shower(wire, 1, 100, user)
    files, memory, threads = process.num_fds(), process.memory_info().rss, process.num_threads()
    worst = 0.0
    for seed in range(FRAMES // 100):
        shower(wire, seed, 100, user)
        begun = time.monotonic()
        assert honest.admin.command("listWorkspaceDefaults", 1)["ok"]
        worst = max(worst, time.monotonic() - begun)
    assert worst < 5.0
    wait_until(lambda: len(wire.peers) <= settled + 2, what="all connections gone")
    assert process.num_fds() <= files + 5
    assert process.num_threads() <= threads + 40, "the pools are filled, no more"
    assert process.memory_info().rss < memory + 64 * 1024 * 1024


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("who", ["stranger", "user"])
def test_a_hundred_thousand_frames(wire: Wire, who: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(globals(), "FRAMES", 50_000)
    test_no_frame_does_any_harm(wire, who)


def test_a_message_beyond_the_limit_ends_the_connection_at_its_head(wire: Wire) -> None:
    for user, limit in ((None, connection.STRANGERS_MESSAGE), (wire.user(), connection.USERS_MESSAGE)):
        with peer(wire.address, user=user) as here:
            here.send(struct.pack("<iiii", limit + 1, 1, 0, 2013))
            assert here.reply() is None
        with peer(wire.address, user=user) as here:
            assert here.ask({"ping": 1, "$db": "admin", "x": "y" * (limit - 1000)}) == {"ok": 1.0}


def test_nobody_may_send_slowly(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "PATIENCE", 0.2)
    with peer(wire.address) as here:
        for byte in op_msg(PING)[:10]:
            here.send(bytes([byte]))
        assert here.reply() is None


def test_strangers_do_not_stay_for_ever(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "STRANGERS_IDLE", 0.2)
    with peer(wire.address) as here:
        assert here.ask(PING) == {"ok": 1.0}
        assert here.reply() is None


@pytest.mark.slow
def test_whoever_reads_nothing_is_dropped(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "PATIENCE", 0.3)
    before = len(wire.peers)
    with peer(wire.address, user=wire.user()) as here:
        here.sock.settimeout(0.2)
        flood = op_msg({"hello": 1, "$db": "admin"}) * 100_000
        with pytest.raises((TimeoutError, ConnectionError)):
            here.send(flood)
        wait_until(lambda: len(wire.peers) <= before)


def test_a_crowd_of_strangers_locks_nobody_out(wire: Wire) -> None:
    few = peers.Peers(most=8)
    come = [_Guest() for _ in range(20)]
    for guest in come:
        assert few.enter(guest)  # type: ignore[arg-type]
    assert [guest.dropped for guest in come] == [True] * 16 + [False] * 4, (
        "half of the places are for strangers"
    )
    for guest in come[16:]:
        few.note(guest, known=True)  # type: ignore[arg-type]
    more = [_Guest() for _ in range(20)]
    for guest in more:
        assert few.enter(guest)  # type: ignore[arg-type]
    assert not any(guest.dropped for guest in come[16:]), "whoever is logged in stays"
    assert len(few) == 8


class _Guest:
    dropped = False

    def drop(self) -> None:
        self.dropped = True


def test_a_connection_ends_after_three_wrong_passwords(wire: Wire) -> None:
    user = wire.user()
    with peer(wire.address) as here:
        for _ in range(3):
            answer = here.log_in(user, "wrong")
            assert answer is not None
            assert (answer["code"], answer["codeName"]) == (18, "AuthenticationFailed")
        assert here.reply() is None


def test_an_answer_that_cannot_be_written_is_a_refusal(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing that a client sends leads there; a bug of ours would."""

    async def broken(_: Any) -> Any:
        return {"x": object()}

    async def raising(_: Any) -> Any:
        raise KeyError("secret")

    monkeypatch.setitem(commands.COMMANDS._members, "ping", Command(broken, None, False))
    monkeypatch.setitem(commands.COMMANDS._members, "buildInfo", Command(raising, None, False))
    with peer(wire.address) as here:
        for command in ("ping", "buildInfo"):
            answer = here.ask({command: 1, "$db": "admin"})
            assert answer is not None
            assert (answer["code"], answer["codeName"]) == (1, "InternalError")
            assert "secret" not in answer["errmsg"]
