"""The windows that arrive at a broker, and the proof that no reading of the sample is missing in them."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from confluent_kafka import Consumer

from brookmill.connections.sample.source import record

TOPIC = "solar"

PIPELINE: list[dict[str, Any]] = [
    {"$source": {"connectionName": "sample_stream_solar"}},
    {
        "$tumblingWindow": {
            "interval": {"size": 1, "unit": "second"},
            "allowedLateness": {"size": 100, "unit": "ms"},
            "pipeline": [
                {
                    "$group": {
                        "_id": {"$meta": "stream.window.start"},
                        "readings": {"$count": {}},
                        "watts": {"$sum": "$obs.watts"},
                        "devices": {"$push": "$device_id"},
                    }
                }
            ],
        }
    },
    {"$emit": {"connectionName": "kafka", "topic": TOPIC}},
]


@dataclass(frozen=True)
class Window:
    """What one second of readings came to. ``start`` is an ISO date."""

    start: str
    readings: int
    watts: int
    devices: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.start}  {self.readings:3d} readings  {self.watts:6d} watts"


class Reader:
    """Reads the topic from its beginning; remembers what it has read."""

    def __init__(self, consumer: Consumer) -> None:
        self._consumer = consumer
        self.windows: list[Window] = []

    def until(self, count: int, seconds: float) -> bool:
        """Read until ``count`` windows are here, or for ``seconds``; whether they are."""
        deadline = time.monotonic() + seconds
        while len(self.windows) < count and time.monotonic() < deadline:
            self._take(0.2)
        return len(self.windows) >= count

    def rest(self) -> None:
        """Read what is left; nothing may be written meanwhile."""
        while self._take(1.5):
            pass

    def _take(self, timeout: float) -> bool:
        message = self._consumer.poll(timeout)
        if message is None or message.error():
            return False
        self.windows.append(_window(json.loads(message.value() or b"{}")))
        return True


@contextmanager
def reader(bootstrap: str) -> Iterator[Reader]:
    """A consumer of the topic on this broker, which may not exist there yet."""
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": "demo",
            "auto.offset.reset": "earliest",
            "topic.metadata.refresh.interval.ms": 500,
            "log_level": 0,
        }
    )
    consumer.subscribe([TOPIC])
    try:
        yield Reader(consumer)
    finally:
        consumer.close()


def _window(document: dict[str, Any]) -> Window:
    return Window(
        document["_id"]["$date"], document["readings"], document["watts"], tuple(document["devices"])
    )


def complete(windows: list[Window]) -> bool:
    """Whether the windows, one after the other, hold the sample's own readings 0, 1, 2, … and no others.

    Reading number n of the sample is always the same but for its time, so it is made here once more.
    """
    number = 0
    for window in windows:
        expected = [json.loads(record(number + i, 0)) for i in range(len(window.devices))]
        number += len(expected)
        watts = sum(reading.get("obs", {}).get("watts", 0) for reading in expected)
        if (window.readings, window.watts) != (len(expected), watts):
            return False
        if window.devices != tuple(reading["device_id"] for reading in expected):
            return False
    return number > 0
