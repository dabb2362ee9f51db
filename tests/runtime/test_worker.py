"""The loop inside a worker, in this process: when it takes checkpoints, and what it dies of."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import bson
import msgspec
import pytest
from servers import Endpoint

from brookmill.clock import VirtualClock
from brookmill.config import Outside
from brookmill.connections.https import Https
from brookmill.domain.tier import TIERS, Limits
from brookmill.errors import ConnectionFailed
from brookmill.mql import PlanError
from brookmill.runtime import worker
from brookmill.runtime.channel import Channel
from brookmill.runtime.checkpoint import Checkpoint, CheckpointTooLargeError, CheckpointUnreadableError
from brookmill.runtime.control import Control
from brookmill.runtime.flow import Flow
from brookmill.runtime.messages import Acknowledged, Failed, Start, Stop, ToSupervisor, ToWorker
from brookmill.runtime.messages import Checkpoint as Taken
from brookmill.runtime.opening import opened
from brookmill.runtime.sampler import Sampler
from brookmill.runtime.worker import Loop, SupersededError, failure


def started(
    url: str,
    checkpoint: bytes | None = None,
    documents: int = 5,
    limits: Limits = TIERS["SP10"],
    middle: Sequence[dict[str, Any]] = (),
    parallelism: int = 1,
) -> Start:
    pipeline = [
        {"$source": {"documents": [{"n": n} for n in range(documents)]}},
        *middle,
        {"$https": {"connectionName": "h", "method": "POST", "parallelism": parallelism}},
    ]
    return Start(
        processor_id="p" * 24,
        name="p",
        limits=limits,
        instance=None,
        pipeline=json.dumps(pipeline),
        options=None,
        connections={"h": msgspec.json.encode(Https(name="h", url=url))},
        clusters={},
        checkpoint=checkpoint,
        checkpoint_interval=60.0,
        sample_rate=10.0,
        log_level="info",
        log_format="auto",
        outside=Outside(allow_private=True),
    )


@dataclass
class Bench:
    """A loop on a virtual clock, and the supervisor's end of its line."""

    clock: VirtualClock
    control: Control
    supervisor: Channel[ToSupervisor, ToWorker]
    loop: Loop

    def say(self, message: ToWorker) -> None:
        self.control._hear(message)

    def taken(self) -> list[int]:
        """The sequence numbers of the checkpoints that were sent."""
        found = []
        while (message := self.supervisor.receive(0)) is not None:
            assert isinstance(message, Taken)
            found.append(message.sequence)
        return found


@pytest.fixture
def bench(endpoint: Endpoint) -> Iterator[Any]:
    closing: list[Any] = []

    def make(**more: Any) -> Bench:
        ours, theirs = socket.socketpair()
        supervisor: Channel[ToSupervisor, ToWorker] = Channel(ours, ToSupervisor)
        channel: Channel[ToWorker, ToSupervisor] = Channel(theirs, ToWorker)
        clock = VirtualClock(1000.0)
        control = Control(channel, clock)
        start = started(endpoint.url, **more)
        flow = opened(start, clock, Sampler(channel.send, clock, control.stopping, origin={}))
        closing.extend([flow, supervisor, channel])
        return Bench(clock, control, supervisor, Loop(start, flow, control, channel, clock))

    yield make
    for one in closing:
        one.close()


def until(bench: Bench, seconds: float, acknowledge: bool = True) -> list[int]:
    """Run for so many seconds of the virtual clock; answer the checkpoints taken on the way."""
    sequences: list[int] = []
    end = bench.clock.monotonic() + seconds
    wait = bench.clock.wait

    def passing(event: Any, timeout: float) -> bool:
        for sequence in bench.taken():
            sequences.append(sequence)
            if acknowledge:
                bench.say(Acknowledged(sequence=sequence, kept=True))
        if bench.clock.monotonic() >= end:
            bench.say(Stop())
            for sequence in () if acknowledge else (1, 2):
                bench.say(Acknowledged(sequence=sequence, kept=True))
        return wait(event, timeout)

    bench.clock.wait = passing  # type: ignore[method-assign]
    bench.loop.run()
    return sequences + bench.taken()


def test_a_checkpoint_is_taken_once_when_something_changed(bench: Any, endpoint: Endpoint) -> None:
    here = bench()
    assert until(here, 600.0) == [1, 2]  # the first says where it began
    assert len(endpoint.requests) == 5


def test_one_checkpoint_waits_for_its_answer_at_a_time(bench: Any) -> None:
    here = bench()
    assert until(here, 600.0, acknowledge=False) == [1, 2]


def test_a_loop_goes_on_where_its_checkpoint_was(bench: Any, endpoint: Endpoint) -> None:
    state = bench().loop._flow._program.snapshot()
    data = Checkpoint(position=3, state=state, counts={"input": 3}).encode()
    again = bench(checkpoint=data)
    assert until(again, 61.0) == [1]
    assert [json.loads(r.body)["n"] for r in endpoint.requests] == [3, 4]
    assert again.loop._flow.stats()["inputMessageCount"] == 5


def test_a_loop_that_was_superseded_ends(bench: Any) -> None:
    here = bench()
    here.loop._flow.turn()
    here.loop._checkpoint()
    here.say(Acknowledged(sequence=1, kept=False))
    with pytest.raises(SupersededError):
        here.loop.run()


def test_statistics_wait_for_the_next_heartbeat(bench: Any) -> None:
    here = bench()
    until(here, 100.0)
    stats = bson.decode(here.control.stats)
    assert (stats["name"], stats["status"], stats["inputMessageCount"]) == ("p", "running", 5)
    assert stats["ok"] == 1


def test_statistics_that_take_long_are_worked_out_seldom(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    here = bench()
    stats, told = here.loop._flow.stats, []

    def slow() -> dict[str, Any]:
        told.append(here.clock.monotonic())
        here.clock.advance(2.0)
        return dict(stats())

    monkeypatch.setattr(here.loop._flow, "stats", slow)
    until(here, 100.0)
    assert 2 <= len(told) <= 3


def test_statistics_of_the_whole_tell_parallelism_and_throttling_where_there_is_any(bench: Any) -> None:
    plain, both = bench(), bench(middle=[{"$throttle": {"messagesPerSec": 2}}] * 2, parallelism=4)
    for here in (plain, both):
        until(here, 100.0)
    stats = bson.decode(plain.control.stats)
    assert not {"addedParallelism", "throttle"} & stats.keys()
    stats = bson.decode(both.control.stats)
    assert stats["addedParallelism"] == 3
    assert stats["throttle"]["throttleEvents"] == 3
    assert 1000 <= stats["throttle"]["throttledTimeMs"] <= 2000


def test_a_worker_beyond_its_tiers_memory_dies_of_it(bench: Any) -> None:
    here = bench(limits=Limits(1_000_000, 1))
    with pytest.raises(MemoryError) as error:
        here.loop.run()
    told = failure(error.value)
    assert (told.kind, told.code, told.error) == ("memory", 418, "Worker out of memory")


@pytest.mark.parametrize(
    ("error", "kind", "code"),
    [
        (ConnectionFailed("no broker"), "connection", None),
        (ConnectionFailed("no topic", retry=False, code=419), "user", 419),
        (PlanError("no stage", 40324, (1,)), "plan", 40324),
        (CheckpointUnreadableError("damaged"), "plan", None),
        (CheckpointTooLargeError(), "plan", None),
        (ZeroDivisionError("ours"), "internal", None),
    ],
)
def test_whose_fault_an_error_is(error: Exception, kind: str, code: int | None) -> None:
    told = failure(error)
    assert (told.kind, told.code) == (kind, code)
    assert (told.trace is not None) is (kind == "internal")
    assert "ours" not in told.error


@pytest.mark.parametrize("slow", [True, False])
def test_what_does_not_leave_well_changes_no_last_word(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, slow: bool
) -> None:
    endpoint.answer = lambda _: 401
    free = threading.Event()
    flows: list[Flow] = []

    def leaving(self: Flow) -> None:
        flows.append(self)
        if slow:
            free.wait(10)
        raise ValueError("leaving failed too")

    close = Flow.close
    monkeypatch.setattr(worker, "_FAREWELL", 0.1)
    monkeypatch.setattr(Flow, "close", leaving)
    ours, theirs = socket.socketpair()
    supervisor: Channel[ToSupervisor, ToWorker] = Channel(ours, ToSupervisor)
    channel: Channel[ToWorker, ToSupervisor] = Channel(theirs, ToWorker)
    monkeypatch.setattr(Control, "start", lambda _: None)
    begun = time.monotonic()
    last = worker.serve(channel, started(endpoint.url), VirtualClock(1000.0))
    assert time.monotonic() - begun < 5
    free.set()
    assert isinstance(last, Failed)
    assert (last.kind, "status 401" in last.error) == ("user", True)
    for end in (supervisor, channel):
        end.close()
    close(flows[0])
