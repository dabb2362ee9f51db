"""Where ``brookmill run`` shows documents: on standard output; all else goes to standard error."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from brookmill.cli import show
from brookmill.connections import DeadLetter, Form, Output, Sink, Timely
from brookmill.connections.letter import encoded, shown
from brookmill.mql import encoder

if TYPE_CHECKING:
    from brookmill.mql.values import Document

_RED, _DIM = 31, 2


class Screen:
    """``limit``: so many documents are shown; None: any number."""

    def __init__(self, limit: int | None) -> None:
        self._encode = encoder()
        self._left = limit
        self._progress = sys.stderr.isatty()

    @property
    def full(self) -> bool:
        """Whether as many documents were shown as are wanted."""
        return self._left is not None and self._left <= 0

    def show(self, document: Any) -> None:
        """A document that came out; bytes are its JSON already."""
        if self.full:
            return
        if self._left is not None:
            self._left -= 1
        text = document if isinstance(document, bytes) else self._encode(document)
        self._clear()
        print(show.coloured(text.decode()), flush=True)

    def bury(self, reason: str, operator: str, document: Any) -> None:
        """A dead letter: why, and the document."""
        self._clear()
        why = show.painted(f"dead letter of {operator}: {reason}", _RED, to=sys.stderr)
        print(why, self._encode(document).decode(), file=sys.stderr, flush=True)

    def progress(self, stats: Document, seconds: float) -> None:
        """How much went through until now, ``seconds`` after the start; on a terminal only."""
        if self._progress:
            self._clear()
            rate = int(stats["inputMessageCount"]) / max(seconds, 0.001)
            text = show.painted(f"{_counts(stats)}, {rate:,.0f} in/s", _DIM, to=sys.stderr)
            print(text, end="", file=sys.stderr, flush=True)

    def done(self, stats: Document) -> None:
        """How much went through in all."""
        self._clear()
        print(show.painted(_counts(stats), _DIM, to=sys.stderr), file=sys.stderr, flush=True)

    def _clear(self) -> None:
        if self._progress:
            print("\r\033[K", end="", file=sys.stderr, flush=True)


def _counts(stats: Document) -> str:
    counts = (f"{int(stats[f'{name}MessageCount']):,}" for name in ("input", "output", "dlq"))
    return "{} in, {} out, {} dead letters".format(*counts)


class ShownSink:
    """A ``Sink`` that shows what ``sink`` takes; without one, everything."""

    def __init__(self, sink: Sink | None, screen: Screen) -> None:
        self._sink = sink
        self._screen = screen
        self.accepts: Form = "json" if sink is None else sink.accepts

    def write(self, output: Output) -> list[DeadLetter]:
        refused = [] if self._sink is None else self._sink.write(output)
        gone = {id(letter.document) for letter in refused}
        for value in output.values:
            if id(value) not in gone:
                self._screen.show(value)
        return refused

    def tick(self) -> list[DeadLetter]:
        return self._sink.tick() if isinstance(self._sink, Timely) else []

    def flush(self) -> list[DeadLetter]:
        return [] if self._sink is None else self._sink.flush()

    def close(self) -> None:
        if self._sink is not None:
            self._sink.close()


class ShownLetters:
    """``DeadLetters`` for the eye."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen

    def write(self, letters: Sequence[DeadLetter]) -> int:
        for letter in letters:
            self._screen.bury(letter.reason, letter.operator, shown(letter.document))
        return sum(len(encoded(shown(letter.document))) for letter in letters)

    def flush(self) -> None:
        """Nothing waits."""

    def close(self) -> None:
        """Nothing is open."""
