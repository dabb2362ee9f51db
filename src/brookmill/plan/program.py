"""A plan that runs: batches in, output and dead letters out, with the memory of open windows between them."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from bson import Int64

from brookmill.clock import Clock
from brookmill.connections import Asker, Batch, DeadLetter, Form, Output
from brookmill.mql.encoding import RELAXED
from brookmill.mql.values import DATETIME_MAX_MS, DATETIME_MIN_MS, Document, date_from_ms, storable
from brookmill.plan.asked import Asked
from brookmill.plan.latency import Latency
from brookmill.plan.origins import Origins
from brookmill.plan.segment import Segment
from brookmill.plan.stats import Counts, operator_stats
from brookmill.plan.track import Meta, Track
from brookmill.stages import Collector, Results, Row
from brookmill.stages.windows import Windows

if TYPE_CHECKING:
    from brookmill.plan.pipeline import Plan


class Program:
    """Not safe for threads. ``reference``: every document goes through the reference evaluator."""

    def __init__(
        self,
        plan: Plan,
        accepts: Form,
        clock: Clock,
        *,
        askers: Sequence[Asker] = (),
        reference: bool = False,
    ) -> None:
        """``askers``: one for each stage that asks, in order."""
        self._askers = dict(zip((i for i, link in enumerate(plan.links) if link.ask), askers, strict=True))
        self._latencies = {index: Latency(clock) for index in self._askers}
        self._plan = plan
        self._clock = clock
        self._names = tuple(plan.sink.columns) if plan.sink is not None else ()
        self._out = self._fresh()
        self._origins = Origins()
        self._letters: list[DeadLetter] = []
        self._counts = Counts.of(len(plan.operators) + 2, len(plan.links))
        self._origin: Document = {}
        self._windows: Windows | None = None
        self._windowed = next((i for i, link in enumerate(plan.links) if link.window is not None), 0)
        link = plan.links[self._windowed]
        if link.window is not None:
            self._windows = link.window.windows(link.blocking.collector, self._fire, clock)
        encoding = RELAXED if plan.sink is None else plan.sink.encoding
        self._tracks = [
            Track(
                Segment(link, accepts, encoding, self._by_clock),
                windows=self._windows if link.window is not None else None,
                drops=self._counts.drops,
                bury=self._bury,
                now=self._now,
                reference=reference,
            )
            for link in plan.links
        ]

    @property
    def _by_clock(self) -> bool:
        return self._windows is not None and self._windows.timing.processing_time

    def _now(self) -> int:
        return int(self._clock.now() * 1000)

    def _fresh(self) -> Output:
        return Output(columns={name: [] for name in self._names})

    def push(self, batch: Batch) -> tuple[Output, list[DeadLetter]]:
        """Run a batch through; what came of it, in its order. Bad documents are dead letters."""
        self._counts.input[0] += len(batch)
        if not self._origin and len(batch):
            # Documents made by a window stem from many; what they have in common is the kind of source.
            source = batch.meta(0)
            self._origin = {"source": {name: source[name] for name in ("type",) if name in source}}
        if self._windows is not None:
            self._windows.attend(batch.partition_count, batch.idle)
        if self._plan.links[0].ask is not None:
            self._ask_batch(batch)
        else:
            for start, stop, partition in self._runs(batch):
                self._take(batch, start, stop, partition, self._out)
        return self._hand_over()

    def _take(self, batch: Batch, start: int, stop: int, partition: int, out: Output) -> None:
        track = self._tracks[0]
        take = track.take_json if batch.form == "json" else track.take_documents
        values = batch.values[start:stop] if stop - start < len(batch) else batch.values
        values = values if type(values) is list else list(values)
        given = (values, batch.times[start:stop], partition, self._meta(batch, start))
        if out is self._out and self._windows is None:
            self._origins.note(len(out), functools.partial(track.metas, *given, json=batch.form == "json"))
        take(*given, out)

    def _ask_batch(self, batch: Batch) -> None:
        """A batch through links that ask: all of it through one before any of it comes to the next."""
        asked = self._asked(0, len(batch))
        self._take(batch, 0, len(batch), 0, asked)
        index, asked = 1, self._answered(0, asked)
        while self._plan.links[index].ask is not None:
            self._counts.input[index] += len(asked)
            inner = self._asked(index, len(asked))
            self._tracks[index].take_documents(asked.values, asked.times, 0, asked.meta, inner)
            asked = self._answered(index, inner.placed(asked))
            index += 1
        if self._plan.links[index].window is None:
            self._feed(index, Results(asked.values, asked.metas), {})
        else:
            self._counts.input[index] += len(asked)
            self._enter(self._tracks[index], asked, None if self._by_clock else batch.partitions)

    def _enter(self, track: Track, asked: Asked, partitions: Sequence[int] | None) -> None:
        """Into the windows, which see the same event times in the same order as if nothing had been asked."""
        assert self._windows is not None
        mark = _ignored if self._by_clock else self._windows.mark
        for run, partition in asked.stretches(partitions, mark):
            metas = asked.metas[run]
            track.take_documents(
                asked.values[run], asked.times[run], partition, lambda i, _, metas=metas: metas[i], self._out
            )

    def _asked(self, index: int, size: int) -> Asked:
        stage = self._plan.links[index].ask
        assert stage is not None
        return Asked(columns={name: [] for name in stage.columns}, seen=[None] * size)

    def _answered(self, index: int, asked: Asked) -> Asked:
        link = self._plan.links[index]
        assert link.ask is not None

        def refuse(document: Document, meta: Document, reason: str) -> None:
            self._bury(link.sink_position, Row(document, meta, self._now), reason)

        begun = self._clock.monotonic()
        through = asked.answered(link.ask, self._askers[index], refuse)
        self._latencies[index].note(self._clock.monotonic() - begun, len(asked))
        return through

    def tick(self, now_ms: int, idle_since_ms: int | None) -> tuple[Output, list[DeadLetter]]:
        """Let the time pass. ``idle_since_ms``: when the source fell silent, None when it is not."""
        if self._windows is not None:
            self._windows.tick(now_ms, idle_since_ms)
        return self._hand_over()

    def finish(self) -> tuple[Output, list[DeadLetter]]:
        """The input is at its end, as it only is in tests: what open windows hold comes out."""
        if self._windows is not None:
            self._windows.finish()
        return self._hand_over()

    def _hand_over(self) -> tuple[Output, list[DeadLetter]]:
        out, letters = self._out, self._letters
        out.trace = functools.partial(self._origins.meta, len(out))
        self._out, self._origins, self._letters = self._fresh(), Origins(), []
        self._counts.output += len(out)
        return out, letters

    def _runs(self, batch: Batch) -> Iterator[tuple[int, int, int]]:
        """Start, stop and partition of the stretches of a batch that come from one partition.

        Partitions only matter to windows by event time.
        """
        if batch.partitions is None or self._windows is None or self._by_clock:
            yield 0, len(batch), 0
            return
        start = 0
        for partition, run in itertools.groupby(batch.partitions):
            stop = start + sum(1 for _ in run)
            yield start, stop, partition
            start = stop

    @staticmethod
    def _meta(batch: Batch, start: int) -> Meta:
        def meta(i: int, time: int | None) -> Document:
            when = batch.times[start + i] if time is None else time
            return {"source": {**batch.meta(start + i), "ts": date_from_ms(when)}}

        return meta

    def _bury(self, position: int, row: Row, reason: str) -> None:
        self._counts.dead[position] += 1
        operator = self._plan.operator(position)
        self._letters.append(DeadLetter(reason, operator, row.document, row.meta))

    def _fire(self, meta: Document, collector: Collector) -> None:
        """A window has closed: what it gives goes on to the next link."""
        documents, metas = collector.results()
        if metas is not None:  # of sessions, start and end are known only now
            metas = [{**one, **meta} for one in metas]
        self._feed(self._windowed + 1, Results(documents, metas), {**self._origin, **meta})

    def _feed(self, index: int, results: Results, window: Document) -> None:
        """Documents into a link behind the windows, or behind the last stage that asks."""
        documents, metas = results
        self._counts.input[index] += len(documents)
        track, link = self._tracks[index], self._plan.links[index]

        def meta(i: int, _: int | None) -> Document:
            return window if metas is None else metas[i]

        if link.ask is not None:
            asked = self._asked(index, len(documents))
            track.take_documents(documents, None, 0, meta, asked)
            asked = self._answered(index, asked)
            self._feed(index + 1, Results(asked.values, asked.metas), window)
            return
        given = (documents, None, 0, meta)
        if link.blocking is None:
            self._origins.note(len(self._out), functools.partial(track.metas, *given, json=False))
        track.take_documents(*given, self._out)
        if link.blocking is not None:
            assert track.collector is not None
            self._feed(index + 1, track.collector.results(), window)

    @property
    def watermark(self) -> int | None:
        """Milliseconds since the epoch, within the dates that can be shown; None without event-time windows
        or before the first document.
        """
        if self._windows is None or self._by_clock or self._windows.watermark is None:
            return None
        return _showable(self._windows.watermark)

    def partition_watermarks(self) -> dict[int, int]:
        """The highest event time of each partition, likewise; empty without event-time windows."""
        if self._windows is None or self._by_clock:
            return {}
        return {partition: _showable(mark) for partition, mark in self._windows.marks.items()}

    @property
    def state_size(self) -> int:
        """About how many bytes open windows hold."""
        return 0 if self._windows is None else self._windows.open.size

    def operator_stats(self) -> list[Document]:
        """Counts by operator, in the words of the stats reply."""
        stats = operator_stats(self._plan, self._counts, [track.segment.derived for track in self._tracks])
        for index, asker in self._askers.items():
            stats[self._plan.links[index].sink_position] |= asker.stats() | self._latencies[index].shown()
        if self._windows is not None:
            one = stats[self._plan.links[self._windowed].window_position]
            one["stateSize"] = Int64(self.state_size)
            bounds = self._windows.open.bounds()
            if bounds is not None:
                one["minOpenWindowStartTime"] = date_from_ms(_showable(bounds[0]))
                one["maxOpenWindowStartTime"] = date_from_ms(_showable(bounds[1]))
        return stats

    def snapshot(self) -> Document:
        """Everything to go on from, between batches; BSON-encodable."""
        windows = None if self._windows is None else storable(self._windows.snapshot())
        return {
            "counts": self._counts.snapshot(),
            "windows": windows,
            "origin": self._origin,
            "operators": self._operators(),
            "digest": self._plan.digest,
        }

    def _operators(self) -> list[str]:
        return [self._plan.operator(position) for position in range(len(self._plan.operators) + 2)]

    def landmark(self) -> tuple[int, Document, int | None] | None:
        """A new landmark: no window that opens from now on has documents from before.

        Its number; what is known of time, in the form of ``snapshot()["windows"]``; the number of the last
        landmark before the oldest open window, None if none is open. None without windows.
        """
        if self._windows is None:
            return None
        self._windows.open.landmark += 1
        return self._windows.open.landmark, self._windows.time(), self._windows.open.oldest

    def fits(self, snapshot: Document) -> bool:
        """Whether the windows can go on from ``snapshot``, of a program of another pipeline perhaps."""
        return snapshot["windows"] is None or snapshot.get("digest", self._plan.digest) == self._plan.digest

    def restore(self, snapshot: Document) -> None:
        """Go on from ``snapshot``, which fits; before the first batch. Counts by operator start anew if there
        are other operators now.
        """
        if snapshot.get("operators", self._operators()) == self._operators():
            self._counts.restore(snapshot["counts"])
        self._origin = snapshot.get("origin", {})  # older checkpoints have none
        if self._windows is not None and snapshot["windows"] is not None:
            self._windows.restore(snapshot["windows"])


def _showable(ms: int) -> int:
    """The nearest time with a year of four digits: documents may tell any."""
    return max(DATETIME_MIN_MS, min(ms, DATETIME_MAX_MS))


def _ignored(_: int, __: int) -> None:
    """Windows by the clock need no event times."""
