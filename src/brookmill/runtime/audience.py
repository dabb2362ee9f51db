"""All who look at what one processor puts out, and what its worker is told of them."""

from __future__ import annotations

import threading
from collections.abc import Callable

from brookmill.runtime.messages import Samples, Sampling
from brookmill.runtime.sample import Sample, Shown, cost

#: The worker is told of new room when there is so much of it: a part of all that a client may have.
_WORTH_TELLING = 1 / 8

Tell = Callable[[Sampling], object]


class Audience:
    """Safe for threads. The worker gets room for the client who has most; the others miss some.

    ``owner``: somebody who must miss nothing, so that the worker gets his room; None: there is none.
    """

    def __init__(self, owner: Sample | None = None) -> None:
        self._owner = owner
        self._samples: list[Sample] = [] if owner is None else [owner]
        self._tell: Tell | None = None
        self._received = 0
        self._told: int | None = None
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._samples)

    def join(self, sample: Sample) -> None:
        """From now on ``sample`` gets what passes."""
        with self._lock:
            self._samples.append(sample)
        self.look()

    def begin(self, tell: Tell | None) -> None:
        """Another worker runs, which counts from zero and hears by ``tell``; None: none runs."""
        with self._lock:
            self._tell, self._received, self._told = tell, 0, None
        self.look()

    def hear(self, message: Samples) -> None:
        """Hand on what the worker sent."""
        documents = [Shown(data, message.form) for data in message.documents]
        with self._lock:
            self._received += sum(map(cost, message.documents))
            samples = list(self._samples)
        for sample in samples:
            sample.offer(documents, message.dropped)
        self.look()

    def look(self) -> None:
        """Let go of those who have gone, and tell the worker if that, or what they fetched, makes room."""
        if not self._samples and self._told is None:
            return
        with self._lock:
            self._samples = [sample for sample in self._samples if not sample.closed]
            best = self._owner or max(self._samples, key=lambda sample: sample.room, default=None)
            upto = self._received + best.room if best and self._samples else None
            if self._tell is not None and self._is_news(upto, best):
                self._told = upto
                self._tell(Sampling(upto=upto))

    def _is_news(self, upto: int | None, best: Sample | None) -> bool:
        if upto is None or self._told is None or best is None:
            return upto != self._told
        more = upto - self._told
        return more >= best.capacity * _WORTH_TELLING or (more > 0 and best.room == best.capacity)

    def end(self, failure: str | None = None) -> None:
        """The processor has ended, and why if that was no user's wish."""
        with self._lock:
            samples, self._samples = self._samples, []
        for sample in samples:
            sample.end(failure)
