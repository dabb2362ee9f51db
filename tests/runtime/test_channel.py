"""Whole messages over a stream socket, whatever the pieces they arrive in."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator

import msgspec
import pytest

from brookmill.domain.tier import TIERS
from brookmill.runtime.channel import Channel
from brookmill.runtime.messages import (
    Acknowledged,
    Checkpoint,
    Failed,
    Heartbeat,
    Running,
    Start,
    Stop,
    Stopped,
    ToSupervisor,
    ToWorker,
)

Ends = tuple[Channel[ToSupervisor, ToWorker], Channel[ToWorker, ToSupervisor]]

START = Start(
    processor_id="p",
    name="n",
    limits=TIERS["SP10"],
    instance=None,
    pipeline="[]",
    options=None,
    connections={"k": b'{"password":"hush"}'},
    clusters={"c": "mongodb://ann:hush@h"},
    checkpoint=b"\0\xff",
    checkpoint_interval=60.0,
    sample_rate=10.0,
    log_level="info",
    log_format="auto",
)


@pytest.fixture
def ends() -> Iterator[Ends]:
    ours, theirs = socket.socketpair()
    supervisor: Channel[ToSupervisor, ToWorker] = Channel(ours, ToSupervisor)
    worker: Channel[ToWorker, ToSupervisor] = Channel(theirs, ToWorker)
    yield supervisor, worker
    supervisor.close()
    worker.close()


@pytest.mark.parametrize("message", [START, Stop(), Acknowledged(sequence=3, kept=False)])
def test_what_the_supervisor_says_arrives(ends: Ends, message: ToWorker) -> None:
    supervisor, worker = ends
    assert supervisor.send(message)
    assert worker.receive(5) == message


@pytest.mark.parametrize(
    "message",
    [
        Running(),
        Heartbeat(),
        Heartbeat(stats=b"s"),
        Checkpoint(sequence=1, data=b"\0" * 100),
        Stopped(),
        Failed(error="e", kind="connection", code=419, name="n", trace="t"),
    ],
)
def test_what_the_worker_says_arrives(ends: Ends, message: ToSupervisor) -> None:
    supervisor, worker = ends
    assert worker.send(message)
    assert supervisor.receive(5) == message


def test_a_large_message_and_many_small_ones_keep_their_order(ends: Ends) -> None:
    supervisor, worker = ends
    data = os.urandom(20_000_000)

    def talk() -> None:
        for n in range(500):
            worker.send(Checkpoint(sequence=n, data=b"x"))
        worker.send(Checkpoint(sequence=500, data=data))
        worker.send(Stopped())

    talking = threading.Thread(target=talk)
    talking.start()
    got = [supervisor.receive(10) for _ in range(502)]
    talking.join()
    assert [m.sequence for m in got if isinstance(m, Checkpoint)] == list(range(501))
    assert got[500] == Checkpoint(sequence=500, data=data)
    assert got[501] == Stopped()


def test_many_threads_may_send(ends: Ends) -> None:
    supervisor, worker = ends
    data = b"z" * 100_000
    talkers = [
        threading.Thread(target=lambda n=n: worker.send(Checkpoint(sequence=n, data=data))) for n in range(16)
    ]
    for talker in talkers:
        talker.start()
    got = [supervisor.receive(10) for _ in talkers]
    assert sorted(m.sequence for m in got if isinstance(m, Checkpoint)) == list(range(16))
    for talker in talkers:
        talker.join()


def test_silence_is_none_and_hanging_up_is_an_end(ends: Ends) -> None:
    supervisor, worker = ends
    assert supervisor.receive(0.01) is None
    worker.close()
    with pytest.raises(EOFError):
        supervisor.receive(5)
    assert not supervisor.send(START)


def test_half_a_message_is_none_and_then_an_end() -> None:
    ours, theirs = socket.socketpair()
    channel: Channel[ToSupervisor, ToWorker] = Channel(ours, ToSupervisor)
    theirs.sendall(b"\0\0\0\x10abc")
    assert channel.receive(0.01) is None
    theirs.close()
    with pytest.raises(EOFError):
        channel.receive(5)
    channel.close()


def test_what_is_no_message_is_an_error() -> None:
    ours, theirs = socket.socketpair()
    channel: Channel[ToSupervisor, ToWorker] = Channel(ours, ToSupervisor)
    theirs.sendall(b"\0\0\0\x03abc")
    with pytest.raises(msgspec.DecodeError):
        channel.receive(5)
    theirs.close()
    channel.close()


def test_a_start_shows_no_secret() -> None:
    assert "hush" not in f"{START} {START!r}"
