"""What is known about a processor: its pipeline, its state, and the statistics of its worker."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from brookmill.domain.duration import Duration
from brookmill.domain.pipeline import WINDOWS
from brookmill.domain.processor import State

#: Stages that keep documents until their window closes, as windows themselves do.
_COLLECTING = WINDOWS | {"$group", "$sort", "$limit", "$count"}
#: How long windows wait for late documents by default, in milliseconds.
_LATENESS = 3000


class Operator(NamedTuple):
    """``position`` in the statistics. ``stage``: name of the stage, ``spec`` what is written in it, ``path``
    to it in the pipeline. ``input``, ``output`` and ``dead``: documents.
    """

    position: int
    name: str
    stage: str
    spec: Any
    path: str
    input: int
    output: int
    dead: int

    def get(self, name: str) -> Any:
        """A member of the spec; None if it is not there."""
        return self.spec.get(name) if isinstance(self.spec, dict) else None


class Partition(NamedTuple):
    """Of a topic, or a shard. ``watermark`` None: no document came. ``lag``: documents still to be read."""

    name: str
    watermark: int | None
    idle: bool
    lag: int


@dataclass(frozen=True)
class Evidence:
    """``stats``: as in the stats reply; None: no worker runs. ``error``: why it failed, or last did.
    ``now``: milliseconds since the epoch.
    """

    pipeline: Sequence[Mapping[str, Any]]
    state: State
    stats: Mapping[str, Any] | None
    now: int
    error: str | None = None

    @cached_property
    def operators(self) -> tuple[Operator, ...]:
        """All operators with their stages; what the options of the processor add has none and is left out."""
        shown = list((self.stats or {}).get("operatorStats", ()))
        stages = list(_stages(self.pipeline))
        pairs = [*zip(range(len(shown)), stages, strict=False)]
        if len(shown) > len(stages) and stages:  # the sink is the last of both
            pairs[-1] = (len(shown) - 1, stages[-1])
        return tuple(_operator(position, shown[position], *stage) for position, stage in pairs)

    def operator(self, position: int) -> Operator | None:
        return next((one for one in self.operators if one.position == position), None)

    @property
    def source(self) -> Operator | None:
        return self.operator(0)

    @property
    def sink(self) -> Operator | None:
        return self.operators[-1] if self.operators else None

    @property
    def blocked(self) -> Operator | None:
        """The first stage between source and sink that documents reach and none leaves; what collects them
        for a window does not count.
        """
        way = (one for one in self.operators[1:-1] if one.stage not in _COLLECTING)
        return next((one for one in way if one.input and not one.output), None)

    @property
    def window(self) -> Operator | None:
        return next((one for one in self.operators if one.stage in WINDOWS), None)

    @property
    def event_window(self) -> Operator | None:
        """The window, if event times close it."""
        window = self.window
        return None if window is None or window.get("boundary") == "processingTime" else window

    @property
    def input(self) -> int:
        return int((self.stats or {}).get("inputMessageCount", 0))

    @property
    def output(self) -> int:
        return int((self.stats or {}).get("outputMessageCount", 0))

    @property
    def silent(self) -> bool:
        """Whether a worker runs and nothing has come out."""
        return self.stats is not None and self.state is State.STARTED and self.output == 0

    @property
    def watermark(self) -> int | None:
        return milliseconds((self.stats or {}).get("watermark"))

    @property
    def opened(self) -> int | None:
        """When the earliest open window begins; None: none is open."""
        return milliseconds((self.stats or {}).get("minOpenWindowStartTime"))

    @property
    def lateness(self) -> int:
        """How far the watermark must be past the end of a window, in milliseconds."""
        window = self.event_window
        late = None if window is None else window.get("allowedLateness")
        return _LATENESS if late is None else span(late) or 0

    @property
    def due(self) -> int | None:
        """The watermark that closes the earliest open window; None: none is open, or it cannot be told."""
        window = self.event_window
        length = None if window is None else span(window.get("interval") or window.get("gap"))
        return None if self.opened is None or length is None else self.opened + length + self.lateness

    @cached_property
    def partitions(self) -> tuple[Partition, ...]:
        """Of Kafka or Kinesis; none for other sources."""
        stats = self.stats or {}
        return tuple(_partition(one) for kind in _KINDS for one in stats.get(kind, ()))


_KINDS = ("kafkaPartitions", "kinesisShards")


def _stages(pipeline: Sequence[Mapping[str, Any]], path: str = "") -> list[tuple[str, Any, str]]:
    """Name, spec and path of every stage, those in a window after it: the order of the operators."""
    found: list[tuple[str, Any, str]] = []
    for i, stage in enumerate(pipeline):
        for name, spec in stage.items():
            found.append((name, spec, f"{path}{i}.{name}"))
            if name in WINDOWS:
                found += _stages(spec["pipeline"], f"{path}{i}.{name}.pipeline.")
    return found


def _operator(position: int, shown: Mapping[str, Any], stage: str, spec: Any, path: str) -> Operator:
    counts = (int(shown.get(f"{name}MessageCount", 0)) for name in ("input", "output", "dlq"))
    return Operator(position, str(shown.get("name", stage)), stage, spec, path, *counts)


def _partition(shown: Mapping[str, Any]) -> Partition:
    name = shown.get("shardId") or f"partition {shown.get('partition')}"
    named = f"{name} of {shown['topic']}" if "topic" in shown else str(name)
    lag = int(shown.get("partitionOffsetLag", shown.get("millisBehindLatest", 0)))
    return Partition(named, milliseconds(shown.get("watermark")), bool(shown.get("isIdle")), lag)


def milliseconds(when: Any) -> int | None:
    """Since the epoch: of a date, which may be naive and then is UTC, or of its ISO 8601 text."""
    if isinstance(when, str):
        when = dt.datetime.fromisoformat(when)
    if not isinstance(when, dt.datetime):
        return None
    return round(when.replace(tzinfo=when.tzinfo or dt.UTC).timestamp() * 1000)


def span(spec: Any) -> int | None:
    """Milliseconds of ``{size, unit}``; None for anything else."""
    if not isinstance(spec, dict) or not spec.get("size"):
        return None
    return Duration(int(spec["size"]), spec["unit"]).milliseconds


def moment(when: int) -> str:
    """A time for people, in UTC."""
    return dt.datetime.fromtimestamp(when / 1000, dt.UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def long(ms: int) -> str:
    """A span of time for people."""
    for unit, size in (("day", 86_400_000), ("hour", 3_600_000), ("minute", 60_000), ("second", 1000)):
        if ms >= 2 * size or (ms >= size and ms % size == 0):
            count = round(ms / size)
            return f"{count} {unit}{'s' if count != 1 else ''}"
    return f"{ms} ms"
