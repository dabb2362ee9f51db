"""Causes that lie in what is read: nothing comes, or nothing that can be read."""

from __future__ import annotations

from brookmill.diagnosis import Held, cause
from brookmill.diagnosis.evidence import Evidence, moment

_FROM_THE_END = (None, "latest", "end", "largest")
#: Event times before are not meant: in milliseconds, 1980.
_EARLY = 315_532_800_000
_DAY = 86_400_000


@cause("NO_INPUT", "See whether anybody writes to where $source reads.")
def no_input(evidence: Evidence) -> Held | None:
    """The source has given nothing yet."""
    source = evidence.source
    if not evidence.silent or evidence.input or source is None:
        return None
    config = source.get("config")
    reset = config.get("auto_offset_reset") if isinstance(config, dict) else None
    if source.get("topic") is not None and reset in _FROM_THE_END:
        remedy = "To read what is there already, set config.auto_offset_reset to earliest in a new processor."
        places = f"{len(evidence.partitions)} partitions"
        return Held(0, f"nothing came since the start: of {places} only what is new is read", remedy)
    if source.get("schedule") is not None:
        return Held(0, f"no time of the schedule {source.get('schedule')} has come yet", "Wait for it.")
    if source.get("connectionName") is not None and (source.get("db") or source.get("coll")):
        return Held(0, "no change since the start", "To read what is there already, set initialSync.")
    return Held(0, "nothing came since the start")


@cause("SOURCE_REFUSES_ALL", "Read the reason in the dead letters; mend the format, or timeField.")
def source_refuses_all(evidence: Evidence) -> Held | None:
    """What comes cannot be decoded, or has no event time."""
    source = evidence.source
    refused = int((evidence.stats or {}).get("dlqMessageCount", 0))
    if not evidence.silent or source is None or not refused:
        return None
    if evidence.input and source.dead == source.input:
        timed = source.get("timeField") is not None
        why = "timeField fails for each" if timed else "they could not be decoded"
        return Held(0, f"all {source.input} documents are refused by $source: {why}")
    if not evidence.input:
        return Held(0, f"all {refused} messages so far could not be decoded")
    return None


@cause("TIMES_IN_SECONDS", "Multiply by 1000 in timeField: dates count milliseconds.")
def times_in_seconds(evidence: Evidence) -> Held | None:
    """Event times are near 1970."""
    mark = evidence.watermark
    if not evidence.silent or mark is None or not 0 <= mark < _EARLY:
        return None
    return Held(0, f"the watermark is {moment(mark)}: event times seem to be seconds")


@cause("TIMES_IN_FUTURE", "Mend the clock of who writes, or drop such documents by $match before the window.")
def times_in_future(evidence: Evidence) -> Held | None:
    """A document from the future has closed the windows of the present."""
    window, mark = evidence.event_window, evidence.watermark
    if window is None or mark is None or mark < evidence.now + _DAY or not window.dead:
        return None
    return Held(0, f"the watermark is {moment(mark)}; {window.dead} documents since were too late")
