"""What leaves a pipeline under test, written down on its way."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

from bson import ObjectId

from brookmill.clock import Clock
from brookmill.connections import Batch, DeadLetter, Form, Output, Sink, Source, Timely
from brookmill.connections.documents import DocumentsSource
from brookmill.connections.letter import encoded, shown, storable
from brookmill.mql.values import Document
from brookmill.testing.player import Player
from brookmill.testing.written import as_drivers_do, document_of


class Slowly:
    """A ``Source`` that is read in small batches, and remembers when it had nothing to say."""

    def __init__(self, source: Source, limit: int) -> None:
        self._source = source
        self._limit = limit
        self.silent = False
        self.position, self.acknowledge = source.position, source.acknowledge
        self.lag, self.close = source.lag, source.close

    def read(self, limit: int, timeout: float) -> Batch:
        batch = self._source.read(min(limit, self._limit), timeout)
        self.silent = not batch.values and not batch.refused
        return batch

    @property
    def may_crash(self) -> bool:
        """Whether all will be the same afterwards, and come to the same end. Samples and schedules begin
        anew; that a source has fallen silent would be forgotten.
        """
        if isinstance(self._source, DocumentsSource):
            return not self.silent
        return isinstance(self._source, Player) and not self._source.pausing

    @property
    def over(self) -> bool:
        """Whether all of a timeline was played, or a source without one fell silent."""
        return self._source.over if isinstance(self._source, Player) else self.silent


class Recorded:
    """A ``Sink`` that keeps the documents which ``sink`` takes; without one, all."""

    def __init__(self, sink: Sink | None, documents: list[Document]) -> None:
        self._sink = sink
        self._documents = documents
        self.accepts: Form = "document" if sink is None else sink.accepts

    def write(self, output: Output) -> list[DeadLetter]:
        refused = [] if self._sink is None else self._sink.write(output)
        gone = {id(letter.document) for letter in refused}
        taken = [value for value in output.values if id(value) not in gone]
        self._documents += map(document_of if self.accepts == "json" else as_drivers_do, taken)
        return refused

    def tick(self) -> list[DeadLetter]:
        """Sinks that write when it is time are told the time."""
        return self._sink.tick() if isinstance(self._sink, Timely) else []

    def flush(self) -> list[DeadLetter]:
        return [] if self._sink is None else self._sink.flush()

    def close(self) -> None:
        if self._sink is not None:
            self._sink.close()


class Kept:
    """``DeadLetters`` in memory, as documents like those in a queue (engine reference, section 4)."""

    def __init__(self, letters: list[Document], clock: Clock, processor: str) -> None:
        self._letters = letters
        self._clock = clock
        self._processor = processor

    def write(self, letters: Sequence[DeadLetter]) -> int:
        made = [self._document(letter) for letter in letters]
        self._letters += made
        return sum(len(encoded(document)) for document in made)

    def _document(self, letter: DeadLetter) -> dict[str, Any]:
        return {
            "_id": ObjectId(),
            "_stream_meta": letter.meta,
            "errInfo": {"reason": letter.reason},
            "doc": as_drivers_do(storable(shown(letter.document))),
            "processorName": self._processor,
            "dlqTime": dt.datetime.fromtimestamp(self._clock.now(), dt.UTC),
            "operatorName": letter.operator,
        }

    def flush(self) -> None:
        """Nothing waits."""

    def close(self) -> None:
        """Nothing is open."""
