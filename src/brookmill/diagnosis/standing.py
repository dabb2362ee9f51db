"""Causes that lie in the state of the processor: it does not run."""

from __future__ import annotations

from brookmill.diagnosis import Held, cause
from brookmill.diagnosis.evidence import Evidence
from brookmill.domain.processor import State

#: A part of an error's text, and what to do about it.
_REMEDIES = {
    "no partitions found": "Create the topic, or mend its name in $source; then start the processor.",
    "ChangeStreamHistoryLost": "Start it with resumeFromCheckpoint false: what was missed is lost.",
    "out of memory": "Give it a larger tier, or smaller windows.",
    "Authentication": "Mend the login of the connection; then start the processor.",
    "authentication": "Mend the login of the connection; then start the processor.",
    "not authorized": "Give the connection's user the rights that the error names.",
}


@cause("NOT_STARTED", "Start the processor.")
def not_started(evidence: Evidence) -> Held | None:
    """It was never started, or somebody stopped it."""
    if evidence.state not in (State.CREATED, State.STOPPED):
        return None
    how = "was never started" if evidence.state is State.CREATED else "is stopped"
    return Held(0, f"the processor {how}")


@cause("FAILED", "Mend what the error names; then start the processor.")
def failed(evidence: Evidence) -> Held | None:
    """It gave up."""
    if evidence.state is not State.FAILED:
        return None
    error = evidence.error or "no error is known"
    return Held(0, f"the processor failed: {error}", _remedy(error))


@cause("NO_WORKER", "Wait a few seconds and ask again; if it stays so, look at the operational logs.")
def no_worker(evidence: Evidence) -> Held | None:
    """It is being started, or started again after a failure."""
    if evidence.state is not State.STARTED or evidence.stats is not None:
        return None
    if evidence.error:
        return Held(0, f"its worker is started again after: {evidence.error}", _remedy(evidence.error))
    return Held(0, "its worker is being started")


def _remedy(error: str) -> str | None:
    return next((remedy for part, remedy in _REMEDIES.items() if part in error), None)
