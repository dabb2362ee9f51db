"""Rules about `$source`: where reading begins, what time it is, and what comes."""

from __future__ import annotations

from typing import Any

from brookmill.connections import CONNECTIONS
from brookmill.domain.tier import TIERS
from brookmill.lint import Hit, Hits, rule
from brookmill.lint.changes import Change, Insert, Remove, Rename, Replace, fix
from brookmill.lint.pipeline import Pipeline

#: Members of `config` that people write straight into `$source`, by type of connection.
_FLAT = {
    "Kafka": ("auto_offset_reset", "group_id", "enable_auto_commit", "keyFormat", "keyFormatError"),
    "AWSKinesisDataStreams": (
        "consumerARN",
        "initialPosition",
        "atTimestamp",
        "reshardDetectionIntervalSecs",
    ),
}


@rule("partition-idle-timeout", "warning", "One silent partition holds all windows open")
def partition_idle_timeout(pipeline: Pipeline) -> Hits:
    """The watermark is the least of those of all partitions. A partition without documents keeps it where it
    is, and no window closes, however much the others bring. `partitionIdleTimeout` leaves it out after so
    long.
    """
    source = pipeline.source
    kafka = pipeline.kind(source) == "Kafka" and pipeline.event_time is not None
    if source is not None and kafka and "partitionIdleTimeout" not in source.members:
        yield Hit(source.path, "without partitionIdleTimeout a silent partition holds back every window")


@rule("shard-idle-timeout", "warning", "One silent shard holds all windows open")
def shard_idle_timeout(pipeline: Pipeline) -> Hits:
    """As partitions of Kafka do: the watermark is the least of those of all shards. `shardIdleTimeout` leaves
    silent ones out.
    """
    source = pipeline.source
    kinesis = pipeline.kind(source) == "AWSKinesisDataStreams" and pipeline.event_time is not None
    if source is not None and kinesis and "shardIdleTimeout" not in source.members:
        yield Hit(source.path, "without shardIdleTimeout a silent shard holds back every window")


@rule("flat-source-option", "error", "This option belongs into config")
def flat_source_option(pipeline: Pipeline) -> Hits:
    """Some texts show `fullDocument`, `pipeline` or `auto_offset_reset` straight in `$source`. They are
    members of its `config`.
    """
    source = pipeline.source
    for name in () if source is None else _misplaced(pipeline.kind(source)):
        if source is not None and name in source.members:
            value = source.members[name]
            to: Change = Insert(source.path, "config", {name: value})
            if isinstance(config := source.get("config"), dict):
                if name in config:
                    continue
                to = Insert(source.at("config"), name, value)
            mended = fix(f"move it to config.{name}", Remove(source.at(name)), to)
            yield Hit(source.at(name), f"write it as config.{name}", mended)


def _misplaced(kind: str | None) -> tuple[str, ...]:
    options: Any = getattr(CONNECTIONS.get(kind or ""), "source_options", None)
    return (*_FLAT.get(kind or "", ()), *getattr(options, "misplaced", {}))


@rule("ts-field-override", "error", "tsFieldOverride is called tsFieldName")
def ts_field_override(pipeline: Pipeline) -> Hits:
    """An older name of the option that tells which field gets the event time."""
    source = pipeline.source
    if source is not None and "tsFieldOverride" in source.members:
        at = source.at("tsFieldOverride")
        made = fix("rename it", Rename(at, "tsFieldName")) if "tsFieldName" not in source.members else None
        yield Hit(at, "tsFieldOverride is not known any more; it is tsFieldName", made)


@rule("time-field-operator", "error", "timeField is no $toDate or $dateFromString")
def time_field_operator(pipeline: Pipeline) -> Hits:
    """The event time must be made by one of these two, also where the field holds a date already:
    `{"$toDate": "$ts"}`.
    """
    source = pipeline.source
    spec = None if source is None else source.get("timeField")
    if source is None or "timeField" not in source.members:
        return
    if isinstance(spec, dict) and len(spec) == 1 and spec.keys() & {"$toDate", "$dateFromString"}:
        return
    field = isinstance(spec, str) and spec[:1] == "$"
    made = fix("put it into $toDate", Replace(source.at("timeField"), {"$toDate": spec})) if field else None
    yield Hit(source.at("timeField"), "timeField must be a $toDate or a $dateFromString", made)


@rule("reads-from-now-on", "info", "Only what comes after the first start is read")
def reads_from_now_on(pipeline: Pipeline) -> Hits:
    """Without `config.auto_offset_reset` a new processor begins at the end of the topic, and what is there
    already gives no output. `earliest` begins at the beginning.
    """
    source = pipeline.source
    kafka = pipeline.kind(source) == "Kafka" and not pipeline.test
    if source is not None and kafka and source.get("config", "auto_offset_reset") is None:
        yield Hit(source.path, "messages that are there already are not read")


@rule("initial-sync-with-window", "error", "initialSync and windows exclude each other")
def initial_sync_with_window(pipeline: Pipeline) -> Hits:
    """What is copied has no event time that makes sense. Copy with one processor, window the changes with
    another.
    """
    source, window = pipeline.source, pipeline.window
    if source is not None and window is not None and source.get("initialSync", "enable") is True:
        yield Hit(source.at("initialSync"), f"initialSync cannot be used together with {window.name}")


@rule("too-many-synced-collections", "error", "The tier does not copy so many collections")
def too_many_synced_collections(pipeline: Pipeline) -> Hits:
    """Tiers copy 1 (SP2, SP5), 5 (SP10), 10 (SP30) or 50 (SP50) collections in one initial sync."""
    source = pipeline.source
    coll = None if source is None or source.get("initialSync", "enable") is not True else source.get("coll")
    limits = TIERS.get(pipeline.tier or "SP10")
    if source is not None and isinstance(coll, list) and limits and len(coll) > limits.sync_collections:
        text = f"{len(coll)} collections; {pipeline.tier or 'SP10'} copies {limits.sync_collections}"
        yield Hit(source.at("coll"), text)


@rule("full-document-missing", "warning", "Updates come without the document that is read")
def full_document_missing(pipeline: Pipeline) -> Hits:
    """Change events of updates have no `fullDocument` unless `config.fullDocument` asks for it:
    `updateLookup` for the document as it is now, `whenAvailable` or `required` for that right after the
    change.
    """
    source = pipeline.source
    if source is None or pipeline.kind(source) != "Cluster":
        return
    if source.get("config", "fullDocument") not in (None, "default") or "fullDocument" in source.members:
        return
    if source.get("config", "fullDocumentOnly") is True:
        yield Hit(source.at("config", "fullDocumentOnly"), "an update has no fullDocument to give")
        return
    for path, text, stage in pipeline.texts:
        names = text.removeprefix("$$ROOT.").split(".")
        if stage.name != "$source" and names[0] in {"$fullDocument", "fullDocument"} and text[:1] == "$":
            yield Hit(path, "updates have no fullDocument: set config.fullDocument")
            return


@rule("whole-cluster", "info", "The whole cluster is watched")
def whole_cluster(pipeline: Pipeline) -> Hits:
    """Without `db` every change of every database comes, those of other applications too. Name `db`, and
    `coll` if you can: less is read, and less rights are needed.
    """
    source = pipeline.source
    if source is not None and pipeline.kind(source) == "Cluster" and "db" not in source.members:
        yield Hit(source.path, "without db and coll every change in the cluster is read")


@rule("five-field-schedule", "error", "A schedule has six fields; the first are seconds")
def five_field_schedule(pipeline: Pipeline) -> Hits:
    """Unlike crontab's, a schedule begins with the second: `0 */5 * * * *`, in UTC."""
    source = pipeline.source
    schedule = None if source is None else source.get("schedule")
    if source is not None and isinstance(schedule, str) and len(schedule.split()) == 5:
        at = source.at("schedule")
        made = fix("begin it with second 0", Replace(at, f"0 {schedule.strip()}"))
        yield Hit(at, "five fields: the second is missing", made)


@rule("schedule-of-two-days", "warning", "Day of month and day of week must both match")
def schedule_of_two_days(pipeline: Pipeline) -> Hits:
    """crontab fires when either matches; here both must: `0 0 0 1 * MON` is only those Mondays that are the
    first of a month.
    """
    source = pipeline.source
    schedule = None if source is None else source.get("schedule")
    fields = schedule.split() if isinstance(schedule, str) else []
    if source is not None and len(fields) == 6 and not {fields[3], fields[5]} & {"*", "?"}:
        yield Hit(source.at("schedule"), "fires only on days that match both fields")


@rule("binary-key", "info", "The key of messages is read as binary data")
def binary_key(pipeline: Pipeline) -> Hits:
    """Without `config.keyFormat` the key is `BinData`, which equals no text and no number. Say `string`,
    `json`, `int` or `long`.
    """
    source = pipeline.source
    if source is None or pipeline.kind(source) != "Kafka" or source.get("config", "keyFormat") is not None:
        return
    for path, text, _ in pipeline.texts:
        if text in {"stream.source.key", "$_stream_meta.source.key"}:
            yield Hit(path, "without config.keyFormat this is binary data")


@rule("partition-limit", "info", "The tier reads so many partitions at most")
def partition_limit(pipeline: Pipeline) -> Hits:
    """SP2 reads 32, SP5 64 partitions of Kafka, of all topics together; with more the processor fails at its
    start.
    """
    source = pipeline.source
    limits = TIERS.get(pipeline.tier or "")
    if source is not None and limits and limits.kafka_partitions and pipeline.kind(source) == "Kafka":
        yield Hit(source.at("topic"), f"{pipeline.tier} reads {limits.kafka_partitions} partitions at most")
