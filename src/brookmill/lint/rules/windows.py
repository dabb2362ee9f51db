"""Rules about windows, and about what only makes sense inside of one."""

from __future__ import annotations

from brookmill.lint import Hit, Hits, rule
from brookmill.lint.changes import Insert, Remove, Rename, Replace, fix
from brookmill.lint.pipeline import Pipeline, milliseconds

_DAY = 86_400_000
_WINDOWS = ("$tumblingWindow", "$hoppingWindow", "$sessionWindow")
_ALIGNED = ("$tumblingWindow", "$hoppingWindow")


_RENAMED = {
    "boundaryType": "boundary",
    "hopsize": "hopSize",
    "hop": "hopSize",
    "size": "interval",
    "latenessAllowed": "allowedLateness",
    "lateness": "allowedLateness",
}


@rule("window-option-name", "error", "A window has no such option, but one of another name")
def window_option_name(pipeline: Pipeline) -> Hits:
    """Names that are in use elsewhere, or in older texts: `boundaryType` is `boundary`, `key` of a session is
    `partitionBy`, the boundary `processTime` is `processingTime`.
    """
    for stage in pipeline.named("$tumblingWindow", "$hoppingWindow", "$sessionWindow"):
        renamed = _RENAMED | ({"key": "partitionBy"} if stage.name == "$sessionWindow" else {})
        for name in stage.members:
            if name in renamed and renamed[name] not in stage.members:
                right = renamed[name]
                mended = fix(f"rename it to {right}", Rename(stage.at(name), right))
                yield Hit(stage.at(name), f"{name} should be {right}", mended)
        if stage.get("boundary") in ("processTime", "processing_time", "processing"):
            mended = fix("write processingTime", Replace(stage.at("boundary"), "processingTime"))
            yield Hit(stage.at("boundary"), "the boundary is called processingTime", mended)


@rule("window-without-idle-timeout", "warning", "The last window stays open when the source falls silent")
def window_without_idle_timeout(pipeline: Pipeline) -> Hits:
    """Event time moves on only with documents. When none comes, open windows wait for the next, be it days.
    With `idleTimeout` they close once the source has been silent for so long, and have ended on the clock.
    """
    window = pipeline.event_time
    if window is None or window.name not in _ALIGNED or "idleTimeout" in window.members:
        return
    kind = pipeline.kind(pipeline.source)
    if kind in {"Kafka", "Cluster", "AWSKinesisDataStreams"}:
        yield Hit(window.path, "without idleTimeout, no window closes while the source is silent")


@rule("default-lateness", "info", "Windows wait three seconds for late documents by default")
def default_lateness(pipeline: Pipeline) -> Hits:
    """Without `allowedLateness` a window closes when the watermark is 3 seconds past its end, and what comes
    later goes to the dead letters, or nowhere. Say how late documents of this source may be.
    """
    window = pipeline.event_time
    if window is not None and window.name in _WINDOWS and "allowedLateness" not in window.members:
        default = Insert(window.path, "allowedLateness", {"size": 3, "unit": "second"})
        made = fix("write the default down", default) if isinstance(window.spec, dict) else None
        yield Hit(window.path, "documents more than 3 seconds late are not counted", made)


@rule("zero-lateness", "info", "No document may be late at all")
def zero_lateness(pipeline: Pipeline) -> Hits:
    """With several partitions or producers documents hardly ever come in the order of their times. With an
    `allowedLateness` of 0 each that is out of order across the end of a window is lost to it.
    """
    window = pipeline.event_time
    late = None if window is None else window.get("allowedLateness")
    if window is not None and (late == 0 or (isinstance(late, dict) and late.get("size") == 0)):
        yield Hit(window.at("allowedLateness"), "documents out of order across the end of a window are lost")


@rule("hop-gap", "warning", "Documents between two hops are in no window")
def hop_gap(pipeline: Pipeline) -> Hits:
    """Where `hopSize` is longer than `interval`, times between the windows belong to none: their documents
    are dropped without a dead letter.
    """
    for stage in pipeline.named("$hoppingWindow"):
        interval, hop = milliseconds(stage.get("interval")), milliseconds(stage.get("hopSize"))
        if interval is not None and hop is not None and hop > interval:
            share = 100 * (hop - interval) // hop
            yield Hit(stage.at("hopSize"), f"about {share} % of all documents are in no window")


@rule("hop-equals-interval", "info", "A hopping window that does not overlap is a tumbling one")
def hop_equals_interval(pipeline: Pipeline) -> Hits:
    """Where `hopSize` is `interval`, `$tumblingWindow` says the same in less words, and runs faster."""
    for stage in pipeline.named("$hoppingWindow"):
        hop = milliseconds(stage.get("hopSize"))
        if hop is not None and hop == milliseconds(stage.get("interval")):
            made = fix(
                "make it a $tumblingWindow",
                Rename(stage.path, "$tumblingWindow"),
                Remove(stage.at("hopSize")),
            )
            yield Hit(stage.path, "hopSize is the interval: no document is in two windows", made)


@rule("many-overlaps", "warning", "Every document is kept in very many windows")
def many_overlaps(pipeline: Pipeline) -> Hits:
    """A document is in `interval` / `hopSize` windows at once, and is counted and kept in each of them. That
    costs time and memory in proportion.
    """
    for stage in pipeline.named("$hoppingWindow"):
        interval, hop = milliseconds(stage.get("interval")), milliseconds(stage.get("hopSize"))
        if interval and hop and interval // hop > 60:
            yield Hit(stage.at("hopSize"), f"each document is in {interval // hop} windows at once")


@rule("lateness-with-processing-time", "error", "Nothing is late by the clock")
def lateness_with_processing_time(pipeline: Pipeline) -> Hits:
    """With the boundary `processingTime` windows close by the clock: `allowedLateness` and `idleTimeout` have
    no meaning there, and are refused.
    """
    for stage in pipeline.named(*_WINDOWS):
        for name in ("allowedLateness", "idleTimeout"):
            if stage.get("boundary") == "processingTime" and name in stage.members:
                made = fix(f"take {name} out", Remove(stage.at(name)))
                yield Hit(stage.at(name), f"{name} cannot be used with processingTime", made)


@rule(
    "session-partition-object", "error", "Sessions are kept apart by one value, not by an object of several"
)
def session_partition_object(pipeline: Pipeline) -> Hits:
    """`partitionBy` is a field or an expression. For a key of several parts, make one text of them:
    `{"$concat": ["$a", "|", "$b"]}`.
    """
    for stage in pipeline.named("$sessionWindow"):
        by = stage.get("partitionBy")
        if isinstance(by, dict) and (len(by) > 1 or (by and next(iter(by))[:1] != "$")):
            yield Hit(stage.at("partitionBy"), "partitionBy must be a field or an expression")


@rule("session-idle-timeout", "error", "Sessions have no idleTimeout")
def session_idle_timeout(pipeline: Pipeline) -> Hits:
    """A session ends by its `gap`. Only tumbling and hopping windows have an `idleTimeout`."""
    for stage in pipeline.named("$sessionWindow"):
        if "idleTimeout" in stage.members:
            made = fix("take it out", Remove(stage.at("idleTimeout")))
            yield Hit(stage.at("idleTimeout"), "idleTimeout is not an option of $sessionWindow", made)


@rule("group-outside-window", "error", "$group needs a window")
def group_outside_window(pipeline: Pipeline) -> Hits:
    """A stream has no end at which groups would be complete. Put the stage into the pipeline of a window; for
    a running total keep it in the target, with a pipeline in `whenMatched` of `$merge`.
    """
    for stage in pipeline.main:
        if stage.name in {"$group", "$count"}:
            yield Hit(stage.path, f"{stage.name} can only stand in the pipeline of a window")


@rule("sort-outside-window", "error", "$sort and $limit need a window")
def sort_outside_window(pipeline: Pipeline) -> Hits:
    """A stream has no end: there is nothing to sort or to count off but the documents of a window."""
    for stage in pipeline.main:
        if stage.name in {"$sort", "$limit"}:
            yield Hit(stage.path, f"{stage.name} can only stand in the pipeline of a window")


@rule("two-windows", "error", "A pipeline has one window at most")
def two_windows(pipeline: Pipeline) -> Hits:
    """For a window over the results of another one, write the results to a topic or collection, and read them
    in a second processor.
    """
    for stage in [stage for stage in pipeline.main if stage.name in _WINDOWS][1:]:
        yield Hit(stage.path, "there is a window before")


@rule("limit-without-sort", "info", "Which documents a window keeps is left to chance")
def limit_without_sort(pipeline: Pipeline) -> Hits:
    """Without `$sort` before it, `$limit` in a window keeps those that came first; with several partitions
    that is not the same after a restart.
    """
    sorted_before = False
    for stage in pipeline.all:
        sorted_before = sorted_before or (stage.inside and stage.name == "$sort")
        if stage.inside and stage.name == "$limit" and not sorted_before:
            yield Hit(stage.path, "without $sort before it, $limit keeps whatever came first")


@rule("first-without-sort", "info", "$first and $last go by arrival")
def first_without_sort(pipeline: Pipeline) -> Hits:
    """Inside a window without `$sort`, documents stand in the order in which they came, which need not be
    that of their times. Sort before `$group`, or use `$top` and `$bottom`, which have a `sortBy`.
    """
    ordered = False
    for stage in pipeline.all:
        ordered = ordered or (stage.inside and stage.name == "$sort")
        if stage.name == "$group" and stage.inside and not ordered:
            for name, accumulation in stage.members.items():
                if isinstance(accumulation, dict) and accumulation.keys() & {"$first", "$last"}:
                    yield Hit(stage.at(name), "without $sort before, this is the order of arrival")


@rule("push-whole-documents", "warning", "A group keeps whole documents")
def push_whole_documents(pipeline: Pipeline) -> Hits:
    """`{"$push": "$$ROOT"}` keeps every document of the window in memory and writes them as one document,
    which may not be larger than 16 MB. Keep only the fields that are needed, or the first few with `$firstN`.
    """
    for stage in pipeline.named("$group"):
        for name, accumulation in stage.members.items():
            if isinstance(accumulation, dict):
                for operator in accumulation.keys() & {"$push", "$addToSet"}:
                    if accumulation[operator] == "$$ROOT":
                        yield Hit(stage.at(name, operator), f"{operator} keeps all documents of the group")


@rule("window-keeps-all", "info", "The window keeps all its documents until it closes")
def window_keeps_all(pipeline: Pipeline) -> Hits:
    """A pipeline of a window without `$group`, `$count` or `$limit` has to remember every document. State may
    take 80 % of the memory of the tier.
    """
    window = pipeline.window
    inner = {stage.name for stage in pipeline.all if stage.inside}
    if window is not None and inner and not inner & {"$group", "$count", "$limit"}:
        yield Hit(window.at("pipeline"), "nothing in this pipeline makes less of the documents")


@rule("day-window-in-utc", "info", "Windows of a day begin at midnight UTC")
def day_window_in_utc(pipeline: Pipeline) -> Hits:
    """Windows are aligned to the epoch in UTC. For days of another zone give an `offset`, such as
    `{"offsetFromUtc": -1, "unit": "hour"}`; it does not follow daylight saving time.
    """
    for stage in pipeline.named(*_ALIGNED):
        interval = milliseconds(stage.get("interval"))
        if interval and interval % _DAY == 0 and "offset" not in stage.members:
            yield Hit(stage.at("interval"), "these days begin at midnight UTC")


@rule("results-overwrite-each-other", "info", "Each window's results replace those of the window before")
def results_overwrite_each_other(pipeline: Pipeline) -> Hits:
    """`$merge` finds documents by `_id`, which here is the same in every window. To keep the results of all
    windows, make the window's start a part of it: `{"_id": {"key": "$key", "start": {"$meta":
    "stream.window.start"}}}`.
    """
    groups = [stage for stage in pipeline.named("$group") if stage.inside]
    sink = pipeline.sink
    if not groups or sink is None or sink.name != "$merge" or sink.get("on") not in (None, "_id", ["_id"]):
        return
    reads = any("$meta" in node.value for node in pipeline.expressions if isinstance(node.value, dict))
    stamped = reads or any("_stream_meta" in text for _, text, _ in pipeline.texts)
    if not stamped and sink.get("whenMatched") in (None, "merge", "replace"):
        yield Hit(groups[-1].at("_id"), "the _id does not tell windows apart")
