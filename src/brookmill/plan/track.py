"""A link that runs: its generated functions, and the reference evaluator behind them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from brookmill.connections import Output
from brookmill.errors import DocumentError
from brookmill.mql.bounds import MAX_OUTPUT, MAX_ROWS, TooManyRows
from brookmill.mql.dates import event_time
from brookmill.mql.ejson import parse_with_digits
from brookmill.mql.encoding import encoder
from brookmill.mql.size import Seen, bounded_document
from brookmill.mql.values import MISSING, Document, Value, date_from_ms
from brookmill.plan.asked import Asked
from brookmill.plan.links import Step
from brookmill.plan.segment import Segment, Way
from brookmill.stages import Collector, Row
from brookmill.stages.unwind import Unwind
from brookmill.stages.windows import Windows

#: Stream metadata of the i-th document with event time t.
Meta = Callable[[int, int | None], Document]

#: Which of the rows that a stage made of its row is meant, by operator position; empty: all of all stages.
Chosen = Mapping[int, int]

#: Characters of generated code that are worth compiling: it takes about a microsecond for each.
MOST_CODE = 400_000


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
        #: Of the document in hand: sizes of its parts, bytes of what was made of it.
        self._seen: Seen = {}
        self._written = 0
        self.segment = segment
        self._link = segment.link
        self._windows = windows
        self._drops = drops
        self._bury = bury
        self._now = now
        reference = reference or segment.long or segment.nested
        self.collector: Collector | None = None
        self._encode = encoder(segment.encoding) if segment.encodes else None
        each = self._each_slowly
        self.take_json = each(self._from_json) if reference else self._compiled("json", self._from_json)
        self.take_documents = each(self._judge) if reference else self._compiled("documents", self._judge)

    def _compiled(self, way: Way, detour: Callable[..., None]) -> Callable[..., None]:
        source = self.segment.write(way)
        if len(source.text) > MOST_CODE:
            return self._each_slowly(detour)
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

    def metas(
        self, values: list[Any], times: Any, partition: int, meta: Meta, *, json: bool
    ) -> Sequence[Document]:
        """The stream metadata of every document that comes of these: all is done once more, unseen."""
        unseen = Track(
            self.segment,
            windows=None,
            drops=[0] * len(self._drops),
            bury=lambda *_: None,
            now=self._now,
            reference=True,
        )
        out = Asked(columns={name: [] for name in self._link.columns or {}}, seen=[None] * len(values))
        (unseen.take_json if json else unseen.take_documents)(values, times, partition, meta, out)
        return out.metas

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
        first, before = Row(document, meta(i, time), self._now), len(out)
        self._seen, self._written = {}, 0
        try:
            for row in self._through(self._link.steps, [first], chosen):
                self._end(i, row, time, out, chosen)
        except TooManyRows as e:
            out.cut(before)
            steps = (*self._link.steps, *self._link.inner)
            self._bury(max(s.position for s in steps if s.stage.name == "$unwind"), first, str(e))

    def _through(self, steps: Iterable[Step], rows: Iterable[Row], chosen: Chosen) -> Iterable[Row]:
        """The rows after the steps. Up to the last choice all was counted and buried before.

        Raises TooManyRows when asked for them.
        """
        seen, unwinds = max(chosen, default=0), 0
        straight: list[Step] = []
        for step in steps:
            if step.position <= seen:
                rows = [made for row in rows for made in _again(step, row, chosen)]
            elif step.stage.name == "$unwind":
                rows = self._applied(step, self._straight(straight, rows), MAX_ROWS if unwinds else None)
                straight = []
            else:
                straight.append(step)
            unwinds += step.stage.name == "$unwind"
        return self._straight(straight, rows)

    def _straight(self, steps: Sequence[Step], rows: Iterable[Row]) -> Iterator[Row]:
        """The rows after stages that make no more of them."""
        for row in rows:
            batch = [row]
            for step in steps:
                batch = list(self._applied(step, batch, None))
            yield from batch

    def _applied(self, step: Step, rows: Iterable[Row], most: int | None) -> Iterator[Row]:
        """What a stage makes of rows, each only when it is asked for. Raises TooManyRows beyond ``most``."""
        count = 0
        for row in rows:
            self._drops[step.position] += 1
            try:
                made = step.stage.apply(row)
            except Exception as e:
                self._bury(step.position, row, _reason(e))
                self._drops[step.position] -= 1
                continue
            for one in made:
                count += 1
                if most is not None and count > most:
                    raise TooManyRows
                self._drops[step.position] -= 1
                yield one

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
            bounded_document(row.document, self._seen)
            collector.add(row)
        except Exception as e:
            self._bury(self._link.blocking_position, row, _reason(e))

    def _write(self, row: Row, out: Output) -> bool:
        env = row.env()
        try:
            columns = {n: e.evaluate(env) for n, e in (self._link.columns or {}).items()}
            if self._encode is None:
                bounded_document(row.document, self._seen)
            value: Value = row.document if self._encode is None else self._encode(row.document)
        except Exception as e:
            self._bury(self._link.sink_position, row, _reason(e))
            return False
        if self._encode is not None:
            self._written += len(value)
            if self._written > MAX_OUTPUT:
                raise TooManyRows
        out.values.append(value)
        for name, column in columns.items():
            out.columns[name].append(None if column is MISSING else column)
        return True


def _again(step: Step, row: Row, chosen: Chosen) -> list[Row]:
    """What a stage made of a row before; of several only the chosen one."""
    try:
        if step.position in chosen and isinstance(step.stage, Unwind):
            return [step.stage.one(row, chosen[step.position])]
        return list(step.stage.apply(row))
    except Exception:
        return []


def _document(value: Value) -> Document:
    """A document from the top of a JSON text; an array's items get their positions for names."""
    if isinstance(value, dict):
        return value
    if isinstance(value, list):
        return {str(i): item for i, item in enumerate(value)}
    raise DocumentError("the value is neither an object nor an array")


def _reason(error: Exception) -> str:
    """Why the document is a dead letter. Raises again what is no fault of it: our bugs are not buried."""
    if isinstance(error, DocumentError):
        return str(error)
    if isinstance(error, RecursionError):
        return "the document is nested too deeply"
    if isinstance(error, MemoryError):
        return "the document takes too much memory"
    if isinstance(error, UnicodeEncodeError):
        return "a string is no valid UTF-8"
    raise error
