"""Flows: crashed at every batch boundary, they lose nothing, and count nothing twice inside a window."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest

from brookmill.clock import VirtualClock
from brookmill.connections import Batch, DeadLetter, Opening, Output
from brookmill.connections.https import Https
from brookmill.plan import plan
from brookmill.runtime import flow as module
from brookmill.runtime.checkpoint import Checkpoint
from brookmill.runtime.dead_letters import Dropped
from brookmill.runtime.flow import Flow

SECOND = {"size": 1, "unit": "second"}
GROUP = {"$group": {"_id": "$k", "n": {"$sum": "$n"}, "all": {"$push": "$n"}}}
WINDOW = {
    "$tumblingWindow": {
        "interval": SECOND,
        "allowedLateness": {"size": 0, "unit": "second"},
        "pipeline": [GROUP],
    }
}
START = 1_700_000_000_000
DOCUMENTS = [{"t": START + n * 100, "k": n % 2, "n": n} for n in range(40)]
CONNECTIONS = {"h": Https(name="h", url="http://127.0.0.1")}


class Outside:
    """A sink that keeps what was flushed: what a crash takes from a client's queue is gone."""

    accepts: Any = "json"

    def __init__(self) -> None:
        self.arrived: list[bytes] = []
        self._queue: list[bytes] = []

    def write(self, output: Output) -> list[DeadLetter]:
        self._queue += output.values
        return []

    def flush(self) -> list[DeadLetter]:
        self.arrived += self._queue
        self._queue = []
        return []

    def crash(self, arrived: int) -> None:
        """Of the queue, ``arrived`` messages were sent before."""
        self.arrived += self._queue[:arrived]
        self._queue = []

    def close(self) -> None:
        pass


def opened(stages: list[dict[str, Any]], sink: Outside, kept: bytes | None) -> Flow:
    source = {"documents": DOCUMENTS, "timeField": {"$toDate": "$t"}}
    pipeline = [{"$source": source}, *stages, {"$https": {"connectionName": "h", "method": "POST"}}]
    planned: Any = plan(pipeline, CONNECTIONS)
    clock = VirtualClock(1000.0)
    resumed = None if kept is None else Checkpoint.decode(kept)
    position = None if resumed is None else resumed.position
    return Flow(
        source=planned.source.open_source(Opening("p", clock, position)),
        program=planned.program("json", clock),
        sink=sink,
        dead_letters=Dropped(),
        clock=clock,
        resumed=resumed,
    )


def straight(stages: list[dict[str, Any]]) -> list[bytes]:
    sink = Outside()
    flow = opened(stages, sink, None)
    for _ in range(len(DOCUMENTS)):
        flow.turn()
    flow.checkpoint()
    return sink.arrived


def crashed(
    stages: list[dict[str, Any]], at: int, every: int, after_flush: bool, arrived: int
) -> list[bytes]:
    """As ``straight``, with a crash after turn ``at`` and a checkpoint every so many turns.

    ``after_flush``: the crash falls between the flush of a checkpoint and its safe keeping.
    """
    sink, kept = Outside(), None
    flow = opened(stages, sink, kept)
    for turn in range(1, at + 1):
        flow.turn()
        if turn % every == 0 and (taken := flow.checkpoint()):
            kept = taken.encode()
    if after_flush:
        flow.checkpoint()
    sink.crash(arrived)
    flow = opened(stages, sink, kept)
    for _ in range(len(DOCUMENTS)):
        flow.turn()
    flow.checkpoint()
    return sink.arrived


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BATCH_LIMIT", 3)


STATELESS = [{"$match": {"k": 1}}, {"$project": {"_id": 0, "n": 1}}]


@pytest.mark.parametrize("after_flush", [False, True])
@pytest.mark.parametrize("stages", [STATELESS, [WINDOW]], ids=["stateless", "windowed"])
def test_a_crash_anywhere_loses_nothing_and_changes_nothing(
    stages: list[dict[str, Any]], after_flush: bool
) -> None:
    expected = Counter(straight(stages))
    assert expected
    for at in range(1, 16):
        for every in (1, 4, 100):
            for arrived in (0, 1, 100):
                got = Counter(crashed(stages, at, every, after_flush, arrived))
                assert got.keys() == expected.keys(), (at, every, arrived)
                assert all(got[value] >= count for value, count in expected.items())


def test_nothing_is_repeated_when_the_checkpoint_is_fresh() -> None:
    for at in range(1, 16):
        assert Counter(crashed([WINDOW], at, 1, False, 0)) == Counter(straight([WINDOW]))


def test_windows_hold_what_they_should() -> None:
    rows = [json.loads(value) for value in straight([WINDOW])]
    closed = DOCUMENTS[:30]  # the last window is still open
    expected = [
        [d["n"] for d in closed if d["n"] // 10 == w and d["k"] == k] for w in range(3) for k in (0, 1)
    ]
    assert [row["all"] for row in rows] == expected
    assert [row["n"] for row in rows] == [sum(numbers) for numbers in expected]


def test_counts_survive_and_a_quiet_flow_takes_no_checkpoint() -> None:
    sink = Outside()
    flow = opened(STATELESS, sink, None)
    for _ in range(20):
        flow.turn()
    taken = flow.checkpoint()
    assert taken is not None
    assert flow.checkpoint() is None
    again = opened(STATELESS, sink, taken.encode())
    again.turn()
    assert again.checkpoint() is None
    for stats in (flow.stats(), again.stats()):
        assert (stats["inputMessageCount"], stats["outputMessageCount"]) == (40, 20)
        assert stats["operatorStats"][0]["inputMessageCount"] == 40


def test_a_slow_sink_makes_batches_small_and_a_quick_one_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BATCH_LIMIT", 8)
    sizes: list[int] = []
    pace = 2.0

    class Slow(Outside):
        def write(self, output: Output) -> list[DeadLetter]:
            sizes.append(len(output))
            flow._clock.advance(pace)  # type: ignore[attr-defined]
            return []

    flow = opened([], Slow(), None)
    for turn in range(12):
        pace = 2.0 if 4 <= turn < 8 else 0.1
        flow.turn()
    assert sizes[:11] == [1, 2, 4, 8, 8, 4, 2, 1, 1, 2, 4]


def test_what_a_sink_refuses_only_when_it_flushes_is_no_output() -> None:
    class Late(Outside):
        def flush(self) -> list[DeadLetter]:
            refused, self._queue = self._queue[:2], []
            return [DeadLetter("too large", "EmitOperator", one, {}) for one in refused]

    flow = opened(STATELESS, Late(), None)
    for _ in range(20):
        flow.turn()
    flow.checkpoint()
    stats = flow.stats()
    assert (stats["inputMessageCount"], stats["outputMessageCount"], stats["dlqMessageCount"]) == (40, 18, 2)


class Scripted:
    """A source of batches of so many documents, as far as it may; the times between are idle."""

    def __init__(self, counts: list[int], text: bytes = b'{"t":1700000000000}') -> None:
        self.counts = counts
        self.text = text
        self.limits: list[int] = []

    def read(self, limit: int, timeout: float) -> Batch:
        self.limits.append(limit)
        count = min(limit, self.counts.pop(0))
        return Batch([self.text] * count, [START] * count)


def test_idle_turns_do_not_make_batches_large(monkeypatch: pytest.MonkeyPatch) -> None:
    """A burst after a silence, towards a slow outside, must not become a turn of many minutes."""
    monkeypatch.setattr(module, "BATCH_LIMIT", 1000)

    class Slow(Outside):
        def write(self, output: Output) -> list[DeadLetter]:
            flow._clock.advance(0.6 * len(output))  # type: ignore[attr-defined]
            return []

    flow = opened([], Slow(), None)
    source = Scripted([9] * 3 + [0] * 20 + [1000] * 3)
    flow._source = source  # type: ignore[assignment]
    for _ in range(26):
        flow.turn()
    assert max(source.limits) <= 2


def test_large_documents_make_batches_small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BATCH_LIMIT", 1000)
    monkeypatch.setattr(module, "BATCH_BYTES", 100_000)
    flow = opened([], Outside(), None)
    source = Scripted([1000] * 20, b'{"t":1700000000000,"a":"%s"}' % (b"x" * 20_000))
    flow._source = source  # type: ignore[assignment]
    for _ in range(20):
        flow.turn()
    assert source.limits == [1, 2, *[4] * 18]


def test_idle_partitions_reach_the_program_without_documents() -> None:
    batches = [
        Batch([b'{"t":%d}' % START], [START], partitions=[0], partition_count=2),
        Batch([b'{"t":%d}' % (START + 5000)], [START + 5000], partitions=[0], partition_count=2),
        Batch([], [], partition_count=2, idle=frozenset({1})),
    ]

    class Partitioned:
        def read(self, limit: int, timeout: float) -> Batch:
            return batches.pop(0)

    sink = Outside()
    flow = opened(
        [{"$tumblingWindow": {"interval": SECOND, "pipeline": [{"$group": {"_id": None}}]}}], sink, None
    )
    flow._source = Partitioned()  # type: ignore[assignment]
    arrived = []
    for _ in range(3):
        flow.turn()
        sink.flush()
        arrived.append(len(sink.arrived))
    assert arrived == [0, 0, 1]
