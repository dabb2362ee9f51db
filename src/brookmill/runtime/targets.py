"""What goes to each place that a sink writes to (engine reference, section 5.1: ``targetStats``)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from bson.int64 import Int64

from brookmill.connections import Output, Sink, Targeted, document_size
from brookmill.mql.values import MISSING, Document

#: Upstream shows no more of them.
_SHOWN = 100

#: What names a place, in the order of ``Targeted.target``: a topic, or a database and a collection.
Place = tuple[object, ...]


class Targets:
    """Documents and bytes handed to each place since the worker began, refused ones included.

    Sinks that are not ``Targeted`` have none.
    """

    def __init__(self, sink: Sink) -> None:
        self._names: tuple[str, ...] = ()
        self._constants: Mapping[str, object] = {}
        if isinstance(sink, Targeted):
            self._names, self._constants = sink.target, sink.constants
        self._counts: dict[Place, list[int]] = {}

    def note(self, output: Output, size: int) -> None:
        """``output``, of ``size`` bytes, was handed to the sink."""
        if not self._names:
            return
        if output.columns.keys().isdisjoint(self._names):
            self._add(tuple(self._constants.get(name, MISSING) for name in self._names), len(output), size)
        else:
            for place, value in zip(self._places(output), output.values, strict=True):
                self._add(place, 1, len(value) if isinstance(value, bytes) else document_size(value))

    def shown(self) -> Document:
        """``targetStats`` for the sink's entry in ``operatorStats``; nothing before the first document."""
        if not self._counts:
            return {}
        return {
            "targetStats": [
                {
                    **dict(zip(self._names, place, strict=True)),
                    "inputMessageCount": Int64(count),
                    "inputMessageSize": float(size),
                }
                for place, (count, size) in self._counts.items()
            ]
        }

    def _places(self, output: Output) -> Iterable[Place]:
        columns = [
            output.columns.get(name) or [self._constants.get(name, MISSING)] * len(output)
            for name in self._names
        ]
        return zip(*columns, strict=True)

    def _add(self, place: Place, count: int, size: int) -> None:
        if not all(isinstance(name, str) for name in place):
            return  # the document is a dead letter: an expression gave no name
        if place not in self._counts:
            if len(self._counts) == _SHOWN:
                return
            self._counts[place] = [0, 0]
        counts = self._counts[place]
        counts[0] += count
        counts[1] += size
