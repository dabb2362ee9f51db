"""Kafka to window to Kafka next to the same client's bare loop: ``python -m benchmarks.kafka [DOCUMENTS]``.

The bare loop consumes every message and produces it again, and knows nothing of what is in it. Both run in
this process against a broker of its own; rounds take turns, a figure is the median of their ratios of
processor time, the client's threads included. With a number of documents the memory of the pipeline is
watched while so many run through it.
"""

from __future__ import annotations

import multiprocessing
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection as Pipe
from pathlib import Path
from typing import Any

import orjson
import psutil
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from benchmarks.figure import Figure, show
from brookmill.clock import SystemClock
from brookmill.config import Outside
from brookmill.connections import Opening
from brookmill.connections.kafka import Kafka
from brookmill.plan import plan
from brookmill.runtime.dead_letters import Dropped
from brookmill.runtime.flow import BATCH_LIMIT, Flow
from brookmill.runtime.heap import keep_heap
from brookmill.runtime.opening import assembled
from demo.broker import broker

ROUNDS = 5
DOCUMENTS = 200_000
PARTITIONS = 4
DEVICES = 100
#: Event time of the first document, in milliseconds; there are ten documents in each.
START_MS = 1_723_496_400_000
PER_MS = 10
#: How far the writer may be ahead of the pipeline whose memory is watched: the broker keeps all in memory.
AHEAD = 500_000
STEP = 250_000


def document(i: int) -> bytes:
    """The i-th document: the same in every run."""
    return orjson.dumps(
        {
            "device_id": f"device_{i * 7919 % DEVICES}",
            "group_id": i % 8,
            "at": START_MS + i // PER_MS,
            "max_watts": 450,
            "event_type": 0,
            "obs": {"watts": i * 31 % 351, "temp": i % 21 + 5},
        }
    )


def pipeline(source: str, sink: str) -> list[dict[str, Any]]:
    group = {"_id": "$device_id", "count": {"$sum": 1}, "avg": {"$avg": "$obs.watts"}}
    inside = [{"$group": group | {"max": {"$max": "$obs.watts"}}}]
    window = {"interval": {"size": 1, "unit": "second"}, "pipeline": inside}
    return [
        {
            "$source": {
                "connectionName": "k",
                "topic": source,
                "timeField": {"$toDate": "$at"},
                "config": {"auto_offset_reset": "earliest"},
            }
        },
        {"$tumblingWindow": window},
        {"$emit": {"connectionName": "k", "topic": sink}},
    ]


def topic(bootstrap: str, name: str) -> str:
    new = NewTopic(name, PARTITIONS, 1, config={"retention.ms": "-1"})
    admin = AdminClient({"bootstrap.servers": bootstrap})
    admin.create_topics([new])[name].result(20)
    return name


def write(bootstrap: str, name: str, numbers: range) -> None:
    """Documents in turn to all partitions."""
    producer = Producer(
        {"bootstrap.servers": bootstrap, "linger.ms": 5, "queue.buffering.max.messages": 1_000_000}
    )
    for i in numbers:
        producer.produce(name, document(i), partition=i % PARTITIONS)
        if i % 1000 == 0:
            producer.poll(0)
    producer.flush()


def flow(bootstrap: str, source: str, sink: str, name: str) -> Flow:
    """The pipeline, open, as a worker has it."""
    connections = {"k": Kafka(name="k", bootstrap_servers=bootstrap)}
    planned = plan(pipeline(source, sink), connections)
    opening = Opening(name, SystemClock(), outside=Outside(allow_private=True), connections=connections)
    return assembled(planned, opening, Dropped)


def piped(bootstrap: str, source: str, sink: str, name: str) -> float:
    """Seconds of processor time for all documents through the pipeline."""
    running = flow(bootstrap, source, sink, name)
    begun = time.process_time()
    while (left := DOCUMENTS - running.stats()["inputMessageCount"]) > 0:
        for _ in range(left // BATCH_LIMIT or 1):
            running.turn()
    running.checkpoint()
    spent = time.process_time() - begun
    running.close()
    return spent


def bare(bootstrap: str, source: str, sink: str, name: str) -> float:
    """Seconds of processor time for all documents through a loop of the client alone."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": name, "enable.auto.commit": False})
    producer = Producer({"bootstrap.servers": bootstrap, "linger.ms": 5})
    consumer.assign([TopicPartition(source, p, 0) for p in range(PARTITIONS)])
    begun, seen = time.process_time(), 0
    while seen < DOCUMENTS:
        messages = consumer.consume(1000, 0.05)
        for message in messages:
            producer.produce(sink, message.value())
        producer.poll(0)
        seen += len(messages)
    producer.flush()
    spent = time.process_time() - begun
    consumer.close()
    return spent


def run() -> list[Figure]:
    """The pipeline's documents a second of processor time, as a part of the bare loop's."""
    keep_heap()
    with tempfile.TemporaryDirectory() as data, broker(Path(data) / "kafka") as bootstrap:
        source = topic(bootstrap, "in")
        write(bootstrap, source, range(DOCUMENTS))
        ratios, rates = [], []
        for turn in range(ROUNDS + 1):
            sinks = [topic(bootstrap, f"out-{turn}-{kind}") for kind in ("bare", "piped")]
            floor, spent = (
                bare(bootstrap, source, sinks[0], f"b{turn}"),
                piped(bootstrap, source, sinks[1], f"p{turn}"),
            )
            if turn:  # the first one only warms up
                ratios.append(floor / spent)
                rates.append(DOCUMENTS / spent)
    note = f"{statistics.median(rates):,.0f} documents a CPU second; median of {ROUNDS} rounds, "
    note += f"{min(ratios):.2f} to {max(ratios):.2f}; {DOCUMENTS:,} documents in {PARTITIONS} partitions"
    return [
        Figure("Kafka to window to Kafka", statistics.median(ratios), "of a bare loop", (">=", 0.5), note)
    ]


def watched(documents: int) -> list[Figure]:
    """How much the pipeline's memory grows from the first tenth of the documents to the last."""
    with tempfile.TemporaryDirectory() as data, broker(Path(data) / "kafka") as bootstrap:
        source, sink = topic(bootstrap, "in"), topic(bootstrap, "out")
        ours, theirs = multiprocessing.Pipe()
        process = multiprocessing.get_context("spawn").Process(
            target=_watch, args=(theirs, bootstrap, source, sink, documents)
        )
        process.start()
        sizes = list(_fed(ours, bootstrap, source, documents))
        process.join()
    tenth = max(1, len(sizes) // 10)
    begin, end = max(sizes[: tenth + 1]), max(sizes[-tenth:])
    note = f"{begin / 2**20:.0f} MB after a tenth, {end / 2**20:.0f} MB at the end of {documents:,} documents"
    return [Figure("memory, Kafka to window to Kafka", end / begin, "of the beginning's", ("<", 1.1), note)]


def _fed(ours: Pipe, bootstrap: str, source: str, documents: int) -> Iterator[int]:
    """Write so that the pipeline always has something to read; answers its memory as it goes on."""
    admin, written, read = AdminClient({"bootstrap.servers": bootstrap}), 0, 0
    while read < documents:
        while written < min(documents, read + AHEAD):
            write(bootstrap, source, range(written, written + STEP))
            written += STEP
        read, size = ours.recv()
        done = [TopicPartition(source, p, read // PARTITIONS) for p in range(PARTITIONS)]
        for future in admin.delete_records(done).values():
            future.result(20)
        print(f"{read:,} documents, {size / 2**20:.0f} MB", flush=True)
        yield size


def _watch(theirs: Pipe, bootstrap: str, source: str, sink: str, documents: int) -> None:
    """The pipeline, in a process of its own."""
    keep_heap()
    running, told = flow(bootstrap, source, sink, "watched"), 0
    while told < documents:
        for _ in range(50):
            running.turn()
        read = int(running.stats()["inputMessageCount"])
        if read >= min(told + STEP, documents):
            told = read
            running.checkpoint()
            theirs.send((read, psutil.Process().memory_info().rss))
    running.close()


if __name__ == "__main__":
    sys.exit(not show(watched(int(sys.argv[1])) if sys.argv[1:] else run()))
