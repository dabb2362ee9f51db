"""Causes that lie in windows: they are still open, or what comes belongs to none."""

from __future__ import annotations

from brookmill.diagnosis import Held, cause
from brookmill.diagnosis.evidence import Evidence, Partition, long, moment, span


def _waits(evidence: Evidence) -> int | None:
    """Position of the event-time window that is open and has given nothing; None: there is none, or what
    holds the documents is no window.
    """
    window = evidence.event_window
    if not evidence.silent or window is None or evidence.opened is None or evidence.blocked is not None:
        return None
    return window.position


def _behind(evidence: Evidence) -> list[Partition]:
    """The partitions that hold the watermark back: awake, and before the time at which a window would close
    if only the others counted.
    """
    awake = [one for one in evidence.partitions if not one.idle]
    best = max((one.watermark for one in awake if one.watermark is not None), default=None)
    due = evidence.due
    if best is None or due is None or best < due:
        return []
    return [one for one in awake if one.watermark is None or one.watermark < due]


@cause(
    "ALL_LATE",
    "Give the window a longer allowedLateness; or mend timeField, or who writes documents so late.",
)
def all_late(evidence: Evidence) -> Held | None:
    """Documents come when their windows are closed already."""
    window = evidence.event_window
    if window is None or not window.input or window.dead * 2 < window.input:
        return None
    text = f"{window.dead} of {window.input} documents came more than {long(evidence.lateness)} late"
    return Held(window.position, f"{text}; the watermark is {moment(evidence.watermark or 0)}")


@cause(
    "IDLE_PARTITION",
    "Set partitionIdleTimeout (Kinesis: shardIdleTimeout), or write to all.",
)
def idle_partition(evidence: Evidence) -> Held | None:
    """The watermark waits for partitions in which nothing comes."""
    position = _waits(evidence)
    silent = [one for one in _behind(evidence) if one.lag == 0]
    if position is None or not silent:
        return None
    marks = (f"{one.name} ({_mark(one)})" for one in silent[:5])
    more = f" and {len(silent) - 5} more" if len(silent) > 5 else ""
    return Held(position, f"windows wait for {', '.join(marks)}{more}; other partitions are past their end")


@cause("PARTITION_BEHIND", "Wait until it is read, or give the processor a larger tier.")
def partition_behind(evidence: Evidence) -> Held | None:
    """The watermark waits for a partition that is still being read."""
    position = _waits(evidence)
    lagging = [one for one in _behind(evidence) if one.lag > 0]
    if position is None or not lagging:
        return None
    slowest = max(lagging, key=lambda one: one.lag)
    return Held(position, f"windows wait for {slowest.name}, which has {slowest.lag} messages to read yet")


def _mark(partition: Partition) -> str:
    return "nothing came" if partition.watermark is None else f"last at {moment(partition.watermark)}"


@cause("WINDOW_OPEN", "Wait for later documents, or make interval, gap or allowedLateness shorter.")
def window_open(evidence: Evidence) -> Held | None:
    """Event time has not come to the end of the first window."""
    position, due, mark = _waits(evidence), evidence.due, evidence.watermark
    if position is None or due is None or mark is None or _behind(evidence):
        return None
    window = evidence.event_window
    if mark >= due or window is None:
        return None
    begins, late = moment(evidence.opened or 0), long(evidence.lateness)
    text = f"the window from {begins} closes when the watermark is {moment(due)} (its end and {late}); "
    text += f"it is {moment(mark)}, {long(due - mark)} before"
    remedy = None
    if window.stage != "$sessionWindow" and window.get("idleTimeout") is None:
        remedy = "Wait for later documents; or set idleTimeout, so that a silent source closes windows too."
    return Held(position, text, remedy)


@cause("SOURCE_WITHOUT_TIME", "Write to all partitions, or set partitionIdleTimeout.")
def source_without_time(evidence: Evidence) -> Held | None:
    """No watermark yet: some partition has had no document, and none is past the end of a window."""
    position = _waits(evidence)
    if position is None or evidence.watermark is not None or _behind(evidence):
        return None
    empty = [one for one in evidence.partitions if one.watermark is None and not one.idle]
    text = (
        f"there is no watermark: {len(empty)} of {len(evidence.partitions)} partitions have had no document"
    )
    return Held(position, text) if empty else None


@cause("CLOCK_WINDOW_OPEN", "Wait until it ends on the clock.")
def clock_window_open(evidence: Evidence) -> Held | None:
    """A window by the clock has not ended."""
    window, opened = evidence.window, evidence.opened
    if not evidence.silent or window is None or window == evidence.event_window or opened is None:
        return None
    length = span(window.get("interval") or window.get("gap"))
    if length is None or opened + length <= evidence.now:
        return None
    return Held(window.position, f"the window ends in {long(opened + length - evidence.now)} by the clock")


@cause("BETWEEN_HOPS", "Make hopSize no longer than interval.")
def between_hops(evidence: Evidence) -> Held | None:
    """Documents fall between windows."""
    window = evidence.window
    if window is None or window.stage != "$hoppingWindow" or not evidence.silent:
        return None
    interval, hop = span(window.get("interval")), span(window.get("hopSize"))
    missed = window.input - window.output - window.dead
    if interval is None or hop is None or hop <= interval or not missed:
        return None
    return Held(window.position, f"{missed} of {window.input} documents are in no window: hops are longer")
