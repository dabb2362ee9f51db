"""Documents between two links of a program: on their way to an outside system, and back with its answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from brookmill.connections import Asker, Output
from brookmill.mql.paths import written
from brookmill.mql.values import MISSING, Document
from brookmill.stages import AskStage

#: Takes a document that was refused: itself, its stream metadata and the reason.
Refuse = Callable[[Document, Document, str], None]


@dataclass(slots=True)
class Asked(Output):
    """Documents with what goes along with each: stream metadata, its place in the batch, its event time.

    ``seen``: the event time of every document of the batch by place, of those too that were dropped; None:
    it has none.
    """

    metas: list[Document] = field(default_factory=list)
    places: list[int] = field(default_factory=list)
    times: list[int | None] = field(default_factory=list)
    seen: list[int | None] = field(default_factory=list)

    def note(self, meta: Document, place: int, time: int | None) -> None:
        """What goes along with the document just appended."""
        self.metas.append(meta)
        self.places.append(place)
        self.times.append(time)

    def cut(self, count: int) -> None:
        Output.cut(self, count)
        del self.metas[count:], self.places[count:], self.times[count:]

    def meta(self, i: int, _: int | None) -> Document:
        return self.metas[i]

    def answered(self, stage: AskStage, asker: Asker, refuse: Refuse) -> Asked:
        """The documents that go on, with the answers in them. Raises ConnectionFailed."""
        through = Asked(seen=self.seen)
        if not self.values:
            return through
        for i, answer in enumerate(asker.ask(Output(self.values, self.columns))):
            document = self.values[i]
            meta = self.metas[i] if answer.meta is None else {**self.metas[i], **answer.meta}
            if answer.refused is not None:
                refuse(document, meta, answer.refused)
                continue
            if answer.value is not MISSING and stage.into is not None:
                document = written(document, stage.into, answer.value)
            through.values.append(document)
            through.note(meta, self.places[i], self.times[i])
        return through

    def placed(self, source: Asked) -> Asked:
        """The same with places in the batch: these documents were made of those of ``source``."""
        self.places = [source.places[place] for place in self.places]
        self.seen = source.seen
        return self

    def stretches(
        self, partitions: Sequence[int] | None, mark: Callable[[int, int], None]
    ) -> Iterator[tuple[slice, int]]:
        """Where documents of one partition stand together, and its number.

        ``mark`` is told, in between, of event times of documents that were dropped on the way: windows must
        not see them earlier or later than if nothing had been asked.
        """
        start = stop = current = 0
        for place, time in enumerate(self.seen):
            partition = 0 if partitions is None else partitions[place]
            if stop < len(self.places) and self.places[stop] == place:
                if partition != current and start < stop:
                    yield slice(start, stop), current
                    start = stop
                current = partition
                while stop < len(self.places) and self.places[stop] == place:
                    stop += 1
            elif time is not None:
                if start < stop:
                    yield slice(start, stop), current
                    start = stop
                mark(partition, time)
        if start < stop:
            yield slice(start, stop), current
