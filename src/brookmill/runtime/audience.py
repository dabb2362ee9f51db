"""All who look at what one processor puts out, and what its worker is told of them."""

from __future__ import annotations

import threading
from collections.abc import Callable

from brookmill.runtime.messages import Samples, Sampling
from brookmill.runtime.sample import WAITING, Sample, Shown, cost

#: The worker is told of new room when there is so much of it.
_WORTH_TELLING = WAITING // 8

Tell = Callable[[Sampling], object]


class Audience:
    """Safe for threads. The worker gets room for the client who has most; the others miss some."""

    def __init__(self) -> None:
        self._samples: list[Sample] = []
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
            upto = None
            if self._samples:
                upto = self._received + max(sample.room for sample in self._samples)
            if self._tell is not None and self._is_news(upto):
                self._told = upto
                self._tell(Sampling(upto=upto))

    def _is_news(self, upto: int | None) -> bool:
        if upto is None or self._told is None:
            return upto != self._told
        return upto - self._told >= _WORTH_TELLING

    def end(self, failure: str | None = None) -> None:
        """The processor has ended, and why if that was no user's wish."""
        with self._lock:
            samples, self._samples = self._samples, []
        for sample in samples:
            sample.end(failure)
