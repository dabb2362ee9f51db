"""Programs of some stages over some documents, the generated way and the reference way."""

from __future__ import annotations

from typing import Any

import orjson

from brookmill.clock import VirtualClock
from brookmill.connections import Batch
from brookmill.plan import plan

START = 1_700_000_000_000
SOURCE: dict[str, Any] = {"$source": {"documents": [{"x": 1}]}}


def run(
    stages: list[dict[str, Any]], documents: list[Any], *, reference: bool, reasons: bool = False
) -> tuple[Any, ...]:
    """Output; dead letters: operator, document, perhaps reason; by operator what came in, went out, died."""
    program = plan([SOURCE, *stages], {}, sinkless=True).program(
        "json", VirtualClock(START / 1000), reference=reference
    )
    raws = [orjson.dumps(document) for document in documents]
    out, letters = program.push(Batch(raws, [START] * len(raws)))
    closed, more = program.tick(START + 3_600_000, START)
    counts = [
        [int(one[f"{name}MessageCount"]) for name in ("input", "output", "dlq")]
        for one in program.operator_stats()
    ]
    values = [orjson.loads(value) for value in [*out.values, *closed.values]]
    said = [(letter.operator, letter.document, letter.reason) for letter in [*letters, *more]]
    return values, said if reasons else [letter[:2] for letter in said], counts
