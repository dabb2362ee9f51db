"""Where the documents of an output came from: worked out only when a sink hands one back.

Nothing is kept but what the links were given. A stretch of output is made once more by the reference
evaluator, which says of every document it writes what the stream metadata was.
"""

from __future__ import annotations

import bisect
import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from brookmill.mql.values import Document

#: The stream metadata of every document of a stretch.
Replay = Callable[[], Sequence[Document]]


@dataclass(slots=True)
class Origins:
    """``starts``: index of each stretch's first document in the output."""

    starts: list[int] = field(default_factory=list)
    replays: list[Replay] = field(default_factory=list)

    def note(self, start: int, replay: Replay) -> None:
        """A stretch begins at ``start``."""
        self.starts.append(start)
        self.replays.append(functools.cache(replay))

    def meta(self, total: int, index: int) -> Document:
        """``{$meta: "stream"}`` of a document of an output of ``total``.

        {} if making it once more gave another number of documents: stages may ask for the time, or chance.
        """
        at = bisect.bisect_right(self.starts, index) - 1
        if at < 0:
            return {}
        start = self.starts[at]
        end = self.starts[at + 1] if at + 1 < len(self.starts) else total
        metas = self.replays[at]()
        return metas[index - start] if len(metas) == end - start else {}
