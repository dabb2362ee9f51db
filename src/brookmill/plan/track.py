"""A link that runs: its generated functions, and the reference evaluator behind them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from brookmill.connections import Output
from brookmill.errors import DocumentError
from brookmill.mql.dates import event_time
from brookmill.mql.ejson import parse_with_digits
from brookmill.mql.encoding import encoder
from brookmill.mql.values import MISSING, Document, Value, date_from_ms
from brookmill.plan.asked import Asked
from brookmill.plan.links import Step
from brookmill.plan.segment import Segment, Way
from brookmill.stages import Collector, Row
from brookmill.stages.windows import Windows

#: Stream metadata of the i-th document with event time t.
Meta = Callable[[int, int | None], Document]

#: Which of the rows that a stage made of its row is meant, by operator position; empty: all of all stages.
Chosen = Mapping[int, int]


class Track:
    """One link of a running program. ``bury`` takes a dead letter and the position of its operator."""

    def __init__(
        self,
        segment: Segment,
        *,
        windows: Windows | None,
        drops: list[int],
        bury: Callable[[int, Row, str], None],
        now: Callable[[], int],
        reference: bool,
    ) -> None:
        self.input = 0
        self.segment = segment
        self._link = segment.link
        self._windows = windows
        self._drops = drops
        self._bury = bury
        self._now = now
        reference = reference or segment.nested
        self.collector: Collector | None = None
        self._encode = encoder(segment.encoding) if segment.encodes else None
        each = self._each_slowly
        self.take_json = each(self._from_json) if reference else self._compiled("json", self._from_json)
        self.take_documents = each(self._judge) if reference else self._compiled("documents", self._judge)

    def _compiled(self, way: Way, detour: Callable[..., None]) -> Callable[..., None]:
        source = self.segment.write(way)
        names: dict[str, Any] = {
            **source.bound,
            "NOW": self._now,
            "windows": self._windows,
            "collect": self._collect,
            "drops": self._drops,
            "detour": detour,
        }
        exec(compile(source.text, f"<generated {way}>", "exec"), names)  # noqa: S102 - names and constants are bound
        run: Callable[..., None] = names["run"]
        return run

    def _collect(self) -> Collector:
        self.collector = self._link.blocking.collector()
        return self.collector

    def _each_slowly(self, take: Callable[..., None]) -> Callable[..., None]:
        """A function like the generated ones that takes every document the slow way."""

        def run(values: list[Any], times: Any, partition: int, meta: Meta, out: Output) -> None:
            if self._link.blocking is not None and self._windows is None:
                self._collect()
            for i, value in enumerate(values):
                take(i, value, times, partition, meta, out, {})

        return run

    def _from_json(  # noqa: PLR0917 - called by generated code
        self, i: int, value: Any, times: Any, partition: int, meta: Meta, out: Output, chosen: Chosen
    ) -> None:
        """Decode with all care; what is no document is a dead letter of the source."""
        time = times[i]
        try:
            document = _document(parse_with_digits(value))
        except Exception as e:
            self._bury(0, Row(value, meta(i, time), self._now), _reason(e))
            return

        def own(_: int, t: int | None) -> Document:
            return meta(i, t)

        if isinstance(out, Asked):
            self._judge(i, document, times, partition, meta, out, chosen)
        elif chosen:
            self._judge(0, document, [time], partition, own, out, chosen)
        else:
            self.take_documents([document], [time], partition, own, out)

    def _judge(  # noqa: PLR0917 - called by generated code
        self, i: int, document: Document, times: Any, partition: int, meta: Meta, out: Output, chosen: Chosen
    ) -> None:
        """The reference evaluator: the pipeline, stage by stage."""
        time: Any = times[i] if times is not None else None
        try:
            if self._link.time_field is not None:
                env = Row(document, meta(i, time), self._now).env()
                time = event_time(self._link.time_field.evaluate(env))
        except Exception as e:
            self._bury(0, Row(document, meta(i, time), self._now), _reason(e))
            return
        if self._windows is not None:
            if self._windows.timing.processing_time:
                time = self._windows.high(0)
            self._windows.mark(partition, time)
        if self._link.timed:
            assert isinstance(out, Asked)
            out.seen[i] = time
        if self._link.ts_field is not None:
            document = {**document, self._link.ts_field: date_from_ms(time)}
        rows = self._through(self._link.steps, [Row(document, meta(i, time), self._now)], chosen)
        for row in rows:
            self._end(i, row, time, out, chosen)

    def _through(self, steps: Iterable[Step], rows: list[Row], chosen: Chosen) -> list[Row]:
        """The rows after the steps. Up to the last choice all was counted and buried before."""
        seen = max(chosen, default=0)
        for step in steps:
            if step.position <= seen:
                rows = [made for row in rows for made in _again(step, row, chosen)]
            else:
                rows = [made for row in rows for made in self._applied(step, row)]
        return rows

    def _applied(self, step: Step, row: Row) -> list[Row]:
        try:
            made = list(step.stage.apply(row))
        except Exception as e:
            self._bury(step.position, row, _reason(e))
            return []
        self._drops[step.position] += 1 - len(made)
        return made

    def _end(self, i: int, row: Row, time: int | None, out: Output, chosen: Chosen) -> None:
        if self._windows is not None and time is not None:
            for inside, collector in self._found(self._windows, row, time, chosen):
                for one in self._through(self._link.inner, [inside], chosen):
                    self._add(collector, one)
        elif self._link.blocking is not None:
            assert self.collector is not None
            self._add(self.collector, row)
        elif self._write(row, out) and isinstance(out, Asked):
            out.note(row.meta, i, time)

    def _found(
        self, windows: Windows, row: Row, time: int, chosen: Chosen
    ) -> Sequence[tuple[Row, Collector]]:
        """The windows of a row, of which one may be chosen as of the rows that a stage made."""
        assert self._link.window is not None
        position = self._link.window_position
        try:
            found = self._link.window.find(windows, row, time)
        except Exception as e:
            self._bury(position, row, _reason(e))
            return ()
        if position in chosen:
            return found[chosen[position] :][:1]
        self._drops[position] += 1 - len(found)
        return found

    def _add(self, collector: Collector, row: Row) -> None:
        try:
            collector.add(row)
        except Exception as e:
            self._bury(self._link.blocking_position, row, _reason(e))

    def _write(self, row: Row, out: Output) -> bool:
        env = row.env()
        try:
            columns = {n: e.evaluate(env) for n, e in (self._link.columns or {}).items()}
            value: Value = row.document if self._encode is None else self._encode(row.document)
        except Exception as e:
            self._bury(self._link.sink_position, row, _reason(e))
            return False
        out.values.append(value)
        for name, column in columns.items():
            out.columns[name].append(None if column is MISSING else column)
        return True


def _again(step: Step, row: Row, chosen: Chosen) -> list[Row]:
    """What a stage made of a row before; of several only the chosen one."""
    try:
        made = list(step.stage.apply(row))
    except Exception:
        return []
    return made[chosen[step.position] :][:1] if step.position in chosen else made


def _document(value: Value) -> Document:
    """A document from the top of a JSON text; an array's items get their positions for names."""
    if isinstance(value, dict):
        return value
    if isinstance(value, list):
        return {str(i): item for i, item in enumerate(value)}
    raise DocumentError("the value is neither an object nor an array")


def _reason(error: Exception) -> str:
    if isinstance(error, DocumentError):
        return str(error)
    if isinstance(error, RecursionError):
        return "the document is nested too deeply"
    return f"internal error: {type(error).__name__}: {error}"[:500]
