"""The worker's side of samples: copies of what leaves the pipeline, for whoever looks."""

from __future__ import annotations

import datetime as dt
import queue
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

import bson
from bson.binary import UuidRepresentation
from bson.codec_options import CodecOptions

from brookmill.clock import Clock
from brookmill.connections import DeadLetter, Form, Output, Sink, Targeted, Timely
from brookmill.connections.letter import shown, storable
from brookmill.mql.values import Document
from brookmill.runtime.dead_letters import DeadLetters
from brookmill.runtime.messages import Samples
from brookmill.runtime.sample import WAITING, cost

#: Documents a second that are copied at most while the processor must not wait.
PACE: Final = 1000
#: Bytes in one message, but for a document that is longer.
_PIECE: Final = 1 << 16
#: Seconds between two looks whether the worker is to stop, while it waits for room.
_LOOK: Final = 0.1

_CODEC: CodecOptions[Document] = CodecOptions(uuid_representation=UuidRepresentation.STANDARD)


class Sampler:
    """Hands on copies as far as there is room and counts what it drops; or, ``patient``, waits for room.

    The loop calls ``output`` and ``letters``; another thread calls ``allow``. Sending has a thread of its
    own: the loop never waits for the supervisor to read. ``origin``: names that dead letters are shown with.
    """

    def __init__(
        self,
        send: Callable[[Samples], object],
        clock: Clock,
        stopping: threading.Event,
        *,
        origin: Document,
        patient: bool = False,
    ) -> None:
        self._send = send
        self._clock = clock
        self._stopping = stopping
        self._origin = origin
        self._patient = patient
        self._upto: int | None = None
        self._sent = 0
        self._dropped = 0
        self._second, self._paced = 0.0, 0
        self._changed = threading.Condition()
        self._queue: queue.SimpleQueue[Samples] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    def allow(self, upto: int | None) -> None:
        """Go on until ``upto`` bytes were sent since the worker began; None: nobody looks any more."""
        with self._changed:
            self._upto = upto
            self._changed.notify_all()

    def output(self, values: Sequence[Any], form: Form) -> None:
        """``values``: what the sink took, documents or JSON texts."""
        if self._upto is None and not self._patient:
            return
        kind = "json" if form == "json" else "bson"
        copies = (value if form == "json" else _copy(value) for value in values)
        (self._wait_with if self._patient else self._hurry_with)(copies, len(values), kind)

    def letters(self, letters: Sequence[DeadLetter]) -> None:
        if self._upto is None and not self._patient:
            return
        copies = (_copy({"_dlqMessage": self._letter(letter)}) for letter in letters)
        (self._wait_with if self._patient else self._hurry_with)(copies, len(letters), "bson")

    def _hurry_with(self, copies: Iterable[bytes], count: int, form: Any) -> None:
        """As many as there is room for, at no more than the pace. What is not copied costs nothing."""
        now = self._clock.monotonic()
        if now - self._second >= 1.0:
            self._second, self._paced = now, 0
        piece: list[bytes] = []
        most, upto = min(count, PACE - self._paced), self._upto or 0
        if most > 0:
            for data in copies:
                if self._sent >= upto:
                    break
                self._sent += cost(data)
                piece.append(data)
                if len(piece) == most:
                    break
        self._paced += len(piece)
        self._dropped += count - len(piece)
        self._hand_on(piece, form)

    def _wait_with(self, copies: Iterable[bytes], _: int, form: Any) -> None:
        piece: list[bytes] = []
        size = 0
        for data in copies:
            if not self._has_room(cost(data)) or size > _PIECE:
                self._hand_on(piece, form)
                piece, size = [], 0
            if not self._room(cost(data)):
                return
            self._sent += cost(data)
            size += len(data)
            piece.append(data)
        self._hand_on(piece, form)

    def _has_room(self, size: int) -> bool:
        """What is longer than all that may wait has room when nothing waits."""
        return self._sent + min(size, WAITING) <= (self._upto or 0)

    def _room(self, size: int) -> bool:
        """Wait until there is room; False: the worker is to stop."""
        with self._changed:
            while not self._has_room(size) and not self._stopping.is_set():
                self._changed.wait(_LOOK)
        return not self._stopping.is_set()

    def _hand_on(self, piece: list[bytes], form: Any) -> None:
        if not piece:
            return
        if self._thread is None:
            self._thread = threading.Thread(target=self._carry, name="samples", daemon=True)
            self._thread.start()
        dropped, self._dropped = self._dropped, 0
        self._queue.put(Samples(documents=piece, form=form, dropped=dropped))

    def _carry(self) -> None:
        while self._send(self._queue.get()):
            pass

    def _letter(self, letter: DeadLetter) -> Document:
        return {
            "_stream_meta": storable(letter.meta),
            "errInfo": {"reason": letter.reason},
            "doc": storable(shown(letter.document)),
            **self._origin,
            "dlqTime": dt.datetime.fromtimestamp(self._clock.now(), dt.UTC),
            "operatorName": letter.operator,
        }


class SampledSink:
    """A ``Sink`` that shows what it has written."""

    def __init__(self, sink: Sink, sampler: Sampler) -> None:
        self.accepts: Form = sink.accepts
        self.target: tuple[str, ...] = ()
        self.constants: Mapping[str, Any] = {}
        if isinstance(sink, Targeted):
            self.target, self.constants = sink.target, sink.constants
        self._sink = sink
        self._sampler = sampler

    def write(self, output: Output) -> list[DeadLetter]:
        refused = self._sink.write(output)
        self._sampler.output(output.values, self.accepts)
        return refused

    def flush(self) -> list[DeadLetter]:
        return self._sink.flush()

    def tick(self) -> list[DeadLetter]:
        return self._sink.tick() if isinstance(self._sink, Timely) else []

    def close(self) -> None:
        self._sink.close()


class ShownOnly:
    """The ``Sink`` of a pipeline that has none: documents go to whoever looks, and nowhere else."""

    accepts: Form = "document"

    def write(self, output: Output) -> list[DeadLetter]:  # noqa: ARG002
        return []

    def flush(self) -> list[DeadLetter]:
        return []

    def close(self) -> None:
        """Nothing is open."""


class SampledLetters:
    """``DeadLetters`` that are shown too."""

    def __init__(self, letters: DeadLetters, sampler: Sampler) -> None:
        self._letters = letters
        self._sampler = sampler

    def write(self, letters: Sequence[DeadLetter]) -> int:
        size = self._letters.write(letters)
        self._sampler.letters(letters)
        return size

    def flush(self) -> None:
        self._letters.flush()

    def close(self) -> None:
        self._letters.close()


def _copy(document: Document) -> bytes:
    """As BSON; of a document that BSON cannot hold, its text."""
    try:
        return bson.encode(document, codec_options=_CODEC)
    except (bson.errors.BSONError, OverflowError, ValueError, TypeError, RecursionError):
        return bson.encode({"doc": storable(document)}, codec_options=_CODEC)
