"""Whole pipelines next to orjson's decoding and encoding of the same: ``python -m benchmarks.pipelines``.

Each workload runs in a process of its own, as a worker would run it: ``Program.push`` in batches, with dead
letters and statistics, on a heap that keeps its memory. Rounds of floor and program take turns; a figure is
the median of the rounds' ratios of processor time, so that what else the machine does hits both alike. Before
anything is timed the reference evaluator must have given the same output and the same dead letters.
"""

from __future__ import annotations

import datetime as dt
import gc
import multiprocessing
import random
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

import orjson

from benchmarks.figure import Figure, show
from brookmill.clock import VirtualClock
from brookmill.connections import Batch, DeadLetter
from brookmill.mql import Document
from brookmill.plan import Plan, plan
from brookmill.runtime.heap import keep_heap

ROUNDS = 11
BATCH = 1_000
START = dt.datetime(2024, 8, 12, 21, tzinfo=dt.UTC)
START_MS = int(START.timestamp() * 1000)

TIMED: Document = {"$source": {"documents": [], "timeField": {"$toDate": "$timestamp"}}}
UNTIMED: Document = {"$source": {"documents": []}}
STATELESS: list[Document] = [
    UNTIMED,
    {"$match": {"obs.watts": {"$gte": 220}, "event_type": 0}},
    {"$addFields": {"load": {"$divide": ["$obs.watts", "$max_watts"]}}},
    {
        "$project": {
            "_id": 0,
            "device_id": 1,
            "load": 1,
            "fahrenheit": {"$add": [{"$multiply": ["$obs.temp", 1.8]}, 32]},
            "at": {"$toDate": "$timestamp"},
        }
    },
]


def windowed(*stages: Document) -> Document:
    """Stages in a window of ten seconds."""
    return {"$tumblingWindow": {"interval": {"size": 10, "unit": "second"}, "pipeline": list(stages)}}


GROUPED: list[Document] = [
    TIMED,
    windowed(
        {
            "$group": {
                "_id": "$device_id",
                "avg": {"$avg": "$obs.watts"},
                "max": {"$max": "$obs.watts"},
                "min": {"$min": "$obs.watts"},
                "sum": {"$sum": "$obs.watts"},
                "count": {"$sum": 1},
                "first": {"$first": "$obs.temp"},
            }
        }
    ),
]
UNWOUND: list[Document] = [
    UNTIMED,
    windowed(
        {"$unwind": "$items"},
        {
            "$group": {
                "_id": "$items.sku",
                "sold": {"$sum": "$items.quantity"},
                "best": {"$max": "$items.price"},
            }
        },
    ),
]


@dataclass(frozen=True)
class Workload:
    """``documents``: makes the JSON texts. ``encodes``: whether the floor encodes the output too."""

    name: str
    pipeline: list[Document]
    documents: Callable[[], list[bytes]]
    promise: float
    encodes: bool = True


def solar(count: int, devices: int) -> list[bytes]:
    """Readings of as many devices, ten a millisecond; the last one, an hour later, closes all windows."""
    source = random.Random(count)
    return [_reading(source, devices, i // 10 if i < count else 3_600_000) for i in range(count + 1)]


def _reading(source: random.Random, devices: int, ms: int) -> bytes:
    at = (START + dt.timedelta(milliseconds=ms)).isoformat(timespec="milliseconds")
    document = {
        "device_id": f"device_{source.randrange(devices)}",
        "group_id": source.randrange(8),
        "timestamp": at,
        "max_watts": source.choice([250, 450]),
        "event_type": int(source.random() < 0.1),
        "obs": {"watts": source.randrange(351), "temp": source.randrange(5, 26)},
    }
    return orjson.dumps(document)


def wide(count: int) -> list[bytes]:
    """Orders of two kilobytes: forty fields, one of them with eight items."""
    source = random.Random(count)
    return [_order(source) for _ in range(count)]


def _order(source: random.Random) -> bytes:
    filler: Document = {f"field_{i:02}": source.randrange(10**9) for i in range(20)}
    filler |= {f"text_{i:02}": f"{source.randrange(16**32):032x}" for i in range(19)}
    items = [
        {
            "sku": f"sku_{source.randrange(200)}",
            "quantity": source.randrange(1, 10),
            "price": source.randrange(100, 9_999),
        }
        for _ in range(8)
    ]
    return orjson.dumps({**filler, "items": items})


WORKLOADS = (
    Workload("W1: match, addFields, project", STATELESS, lambda: solar(60_000, 11), 0.6),
    Workload("W2: window and group, 100 keys", GROUPED, lambda: solar(200_000, 100), 0.45),
    Workload("W2: window and group, 100,000 keys", GROUPED, lambda: solar(200_000, 100_000), 0.2),
    Workload("W3: unwind 8 items of 2 KB and group", UNWOUND, lambda: wide(10_000), 0.9, encodes=False),
)


def run() -> list[Figure]:
    """The ratio of each workload to its floor, the higher the quicker."""
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawn, max_tasks_per_child=1) as processes:
        return list(processes.map(measured, range(len(WORKLOADS))))


def measured(number: int) -> Figure:
    """The figure of a workload, taken in this process."""
    keep_heap()
    workload = WORKLOADS[number]
    texts = workload.documents()
    planned = plan(workload.pipeline, {}, sinkless=True)
    outputs = [orjson.loads(text) for text in proven(planned, texts)]
    encoded = outputs if workload.encodes else []
    gc.collect()
    gc.freeze()
    ratios, rates = [], []
    for turn in range(ROUNDS + 1):
        floor, spent = _floor(texts, encoded), _program(planned, texts)
        if turn:  # the first one only warms up
            ratios.append(floor / spent)
            rates.append(len(texts) / spent)
    note = f"{statistics.median(rates):,.0f} documents a CPU second; median of {ROUNDS} rounds, "
    note += f"{min(ratios):.2f} to {max(ratios):.2f}; {len(texts):,} in, {len(outputs):,} out"
    return Figure(workload.name, statistics.median(ratios), "of the floor", (">=", workload.promise), note)


def proven(planned: Plan, texts: list[bytes]) -> list[bytes]:
    """The output, once both evaluators agree on it. Raises ValueError if they do not."""
    quick, slow = (_result(planned, texts, reference=reference) for reference in (False, True))
    if quick != slow:
        raise ValueError("generated code and reference evaluator disagree")
    if not quick[0]:
        raise ValueError("there is no output")
    return quick[0]


def _result(planned: Plan, texts: list[bytes], *, reference: bool) -> tuple[list[bytes], list[DeadLetter]]:
    program = planned.program("json", VirtualClock(START_MS / 1000), reference=reference)
    values: list[bytes] = []
    letters: list[DeadLetter] = []
    for batch in _batches(texts):
        output, dead = program.push(batch)
        values += output.values
        letters += dead
    return values, letters


def _batches(texts: list[bytes]) -> Iterator[Batch]:
    """The source's own times move on by 1 ms a document, and by an hour at the very last."""
    for start in range(0, len(texts), BATCH):
        values = texts[start : start + BATCH]
        times = [START_MS + start + i for i in range(len(values))]
        if start + BATCH >= len(texts):
            times[-1] += 3_600_000
        yield Batch(values, times)


def _floor(texts: list[bytes], outputs: list[Document]) -> float:
    """Seconds of processor time to decode every input and to encode every output."""
    batches = list(_batches(texts))
    loads, dumps = orjson.loads, orjson.dumps
    gc.collect()
    began = time.process_time()
    for batch in batches:
        [loads(text) for text in batch.values]  # each batch's documents live together, as in a program
    for start in range(0, len(outputs), BATCH):
        [dumps(output) for output in outputs[start : start + BATCH]]
    return time.process_time() - began


def _program(planned: Plan, texts: list[bytes]) -> float:
    """Seconds of processor time that a program takes for the same."""
    program = planned.program("json", VirtualClock(START_MS / 1000))
    batches = list(_batches(texts))
    gc.collect()
    began = time.process_time()
    for batch in batches:
        program.push(batch)
    program.operator_stats()
    return time.process_time() - began


if __name__ == "__main__":
    sys.exit(not show(run()))
