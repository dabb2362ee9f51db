"""Documents with event times, through a window in both evaluators."""

from __future__ import annotations

from typing import Any

import orjson

from brookmill.clock import VirtualClock
from brookmill.connections import Batch
from brookmill.mql import Document
from brookmill.mql.values import date_from_ms
from brookmill.plan import Program, plan

START = 1_700_000_000_000  # a multiple of 10 seconds
#: With ``_id`` the numbers of the documents, and the metadata of the window.
NUMBERS: list[Document] = [{"$group": {"_id": None, "ids": {"$push": "$i"}}}]
BOUNDS: Document = {"$project": {"_id": 0, "ids": 1, "window": {"$meta": "stream.window"}}}


def at(seconds: float) -> Any:
    """So many seconds after START, as a date."""
    return date_from_ms(START + round(seconds * 1000))


def span(seconds: float) -> Document:
    return {"size": round(seconds * 1000), "unit": "ms"}


def program(
    window: Document, *after: Document, clock: VirtualClock | None = None, reference: bool = False
) -> Program:
    planned = plan([{"$source": {"documents": []}}, window, *after], {}, sinkless=True)
    return planned.program("document", clock or VirtualClock(START / 1000), reference=reference)


def push(running: Program, *documents: Document) -> tuple[list[Document], list[tuple[str, Any]]]:
    """Output, and dead letters: reason and document. ``at`` of each: seconds after START."""
    texts = [orjson.dumps({name: one[name] for name in one if name != "at"}) for one in documents]
    times = [START + round(one.get("at", 0) * 1000) for one in documents]
    return told(running.push(Batch(texts, times)))


def told(made: Any) -> tuple[list[Document], list[tuple[str, Any]]]:
    output, letters = made
    return output.values, [(letter.reason, letter.document) for letter in letters]
