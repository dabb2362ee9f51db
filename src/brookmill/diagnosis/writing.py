"""Causes that lie at the end: the sink takes nothing."""

from __future__ import annotations

from brookmill.diagnosis import Held, cause
from brookmill.diagnosis.evidence import Evidence


@cause(
    "SINK_REFUSES_ALL", "Read the reason in the dead letters: a dynamic name, a key, an index or a validator."
)
def sink_refuses_all(evidence: Evidence) -> Held | None:
    """Documents come to the sink, and it refuses each."""
    sink = evidence.sink
    if not evidence.silent or sink is None or sink.position == 0 or not sink.input:
        return None
    refused = int((evidence.stats or {}).get("dlqMessageCount", 0))
    before = sum(one.dead for one in evidence.operators[:-1])
    if refused - before < sink.input:
        return None
    return Held(sink.position, f"all {sink.input} documents are refused by {sink.stage}")
