"""What the memory of open windows depends on, in short: whether another pipeline can go on with it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

from brookmill.mql.values import Document
from brookmill.plan.links import Link

#: What of a window may change while it is open: when it closes, and what is done with its documents then.
_FREE = frozenset({"allowedLateness", "idleTimeout", "pipeline"})


def window_digest(pipeline: Sequence[Document], links: Iterable[Link]) -> str | None:
    """Of the window, and of its stages up to that which collects; None: there is no window."""
    link = next((link for link in links if link.window is not None), None)
    if link is None or link.window is None:
        return None
    name = link.window.name
    spec = next(stage[name] for stage in pipeline if name in stage)
    collects = link.blocking_position != link.window_position
    stages = spec["pipeline"][: len(link.inner) + collects]
    settings = sorted((key, repr(value)) for key, value in spec.items() if key not in _FREE)
    text = repr([name, settings, stages])
    return hashlib.sha256(text.encode(errors="backslashreplace")).hexdigest()
