"""Causes that lie in stages on the way: they let nothing pass."""

from __future__ import annotations

from brookmill.diagnosis import Held, cause
from brookmill.diagnosis.evidence import Evidence

_FILTERS = {"$match", "$validate", "$redact", "$unwind"}


@cause("FILTER_DROPS_ALL", "Compare the filter with documents that come: brookmill sample, or dead letters.")
def filter_drops_all(evidence: Evidence) -> Held | None:
    """No document passes a filter."""
    one = evidence.blocked
    if not evidence.silent or one is None or one.stage not in _FILTERS or one.dead:
        return None
    text = f"none of {one.input} documents passes {one.stage}"
    if one.stage == "$unwind":
        path = one.spec if isinstance(one.spec, str) else one.get("path")
        remedy = "Mend the path, or set preserveNullAndEmptyArrays."
        return Held(one.position, f"{text}: {path} is missing, null or an empty array in each", remedy)
    return Held(one.position, text)


@cause("STAGE_REFUSES_ALL", "Read the reason in the dead letters, and mend the stage.")
def stage_refuses_all(evidence: Evidence) -> Held | None:
    """Every document fails in a stage."""
    one = evidence.blocked
    if not evidence.silent or one is None or one.dead < one.input:
        return None
    return Held(one.position, f"all {one.input} documents fail in {one.stage} and go to the dead letters")


@cause(
    "MOST_ARE_REFUSED", "Read the reason in the dead letters; what is left may be too little for a window."
)
def most_are_refused(evidence: Evidence) -> Held | None:
    """More than half of the documents fail in a stage, and nothing has come out of the others."""
    for one in evidence.operators[1:-1]:
        if evidence.silent and one != evidence.event_window and one.input // 2 < one.dead < one.input:
            text = f"{one.dead} of {one.input} documents fail in {one.stage}"
            return Held(one.position, f"{text} and go to the dead letters")
    return None


@cause("THROTTLED", "Raise bytesPerSec or messagesPerSec of $throttle.")
def throttled(evidence: Evidence) -> Held | None:
    """A stage waits on purpose."""
    waited = (evidence.stats or {}).get("throttle", {}).get("throttledTimeMs", 0)
    one = next((one for one in evidence.operators if one.stage == "$throttle"), None)
    if not evidence.silent or one is None or not waited:
        return None
    return Held(one.position, f"$throttle has held documents back for {int(waited)} ms so far")
