"""Rules about `$merge` and `$emit`: what is written where, and what comes twice."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from brookmill.lint import Hit, Hits, rule
from brookmill.lint.changes import Insert, Remove, Replace, fix
from brookmill.lint.marks import Path
from brookmill.lint.pipeline import Pipeline, Stage, milliseconds

#: Operators that give one of the values written in them, not what a document holds.
_CHOOSING = {"$cond", "$switch"}


@rule("merge-fail", "error", "$merge has no mode fail")
def merge_fail(pipeline: Pipeline) -> Hits:
    """A stream does not stop because one document is there already, or is not. `keepExisting` and `discard`
    let it be; to see such documents, route them to another sink.
    """
    for stage in pipeline.named("$merge"):
        for name in ("whenMatched", "whenNotMatched"):
            if stage.get(name) == "fail":
                yield Hit(stage.at(name), f"{name} cannot be fail")


@rule("additive-merge", "warning", "What is delivered twice is counted twice")
def additive_merge(pipeline: Pipeline) -> Hits:
    """Delivery is at least once: after a failure, documents since the last checkpoint come again. A pipeline
    that adds to what is stored then adds twice. Keep what was added last with the document, such as the
    window's start, and add only what is newer, by `$cond`.
    """
    adding = {"$add", "$sum", "$concatArrays", "$concat", "$subtract", "$multiply"}
    for stage in pipeline.named("$merge"):
        updates = stage.get("whenMatched")
        if not isinstance(updates, list) or _holds(updates, {"$cond", "$switch", "$max", "$setUnion"}):
            continue
        for path, name, operand in _operators(updates, stage.at("whenMatched")):
            if name in adding and "$$new" in str(operand):
                yield Hit(path, f"{name} of stored and new values is not the same when done twice")


def _operators(value: Any, path: Path) -> Iterator[tuple[Path, str, Any]]:
    pairs = value.items() if isinstance(value, dict) else enumerate(value if isinstance(value, list) else ())
    for name, member in pairs:
        if isinstance(name, str) and name[:1] == "$":
            yield (*path, name), name, member
        yield from _operators(member, (*path, name))


def _holds(value: Any, names: set[str]) -> bool:
    return any(name in names for _, name, _ in _operators(value, ()))


@rule("merge-on-needs-index", "info", "on needs a unique index in the target")
def merge_on_needs_index(pipeline: Pipeline) -> Hits:
    """`$merge` finds documents by the fields of `on`. Unless that is `_id`, the collection must have a unique
    index on exactly these fields, else every document is refused.
    """
    for stage in pipeline.named("$merge"):
        on = stage.get("on")
        names = [on] if isinstance(on, str) else on
        if isinstance(names, list) and names and names != ["_id"] and all(isinstance(n, str) for n in names):
            keys = json.dumps(dict.fromkeys(names, 1))
            yield Hit(stage.at("on"), f"needs createIndex({keys}, {{unique: true}})")


@rule("merge-keeps-existing-id", "info", "Documents without _id are always inserted")
def merge_keeps_existing_id(pipeline: Pipeline) -> Hits:
    """Documents of Kafka have no `_id` of their own; `$merge` on `_id` then inserts each, and once more after
    a failure. Set `_id` to what makes a document the same, or name it by `on`.
    """
    source, sink = pipeline.source, pipeline.sink
    if sink is None or sink.name != "$merge" or sink.get("on") not in (None, "_id", ["_id"]):
        return
    if pipeline.kind(source) not in {"Kafka", "AWSKinesisDataStreams"} or pipeline.window is not None:
        return
    whole = any(stage.name in {"$replaceRoot", "$replaceWith"} for stage in pipeline.main)
    sets = any("_id" in stage.members for stage in pipeline.named("$addFields", "$set", "$project"))
    if not whole and not sets and isinstance(sink.spec, dict):
        yield Hit(sink.path, "nothing sets _id: unless the messages have one, each is inserted anew")


@rule("emit-key-without-format", "warning", "A key without keyFormat must be binary data")
def emit_key_without_format(pipeline: Pipeline) -> Hits:
    """The default of `config.keyFormat` is `binData`: a key that is a text or a number sends the document to
    the dead letters. Say `string`, `json`, `int`, `long` or `double`.
    """
    for stage in pipeline.named("$emit"):
        config = stage.get("config")
        if isinstance(config, dict) and "key" in config and "keyFormat" not in config:
            literal = isinstance(config["key"], str) and config["key"][:1] != "$"
            made = Insert(stage.at("config"), "keyFormat", "string")
            mended = fix("add keyFormat string", made) if literal else None
            yield Hit(
                stage.at("config", "key"), "keyFormat is missing; the default takes only binData", mended
            )


@rule("tombstone-without-key", "warning", "A tombstone without a key deletes nothing")
def tombstone_without_key(pipeline: Pipeline) -> Hits:
    """Compaction takes away the older messages of the tombstone's key. Without `config.key` and
    `config.keyFormat` there is none.
    """
    for stage in pipeline.named("$emit"):
        config = stage.get("config")
        if isinstance(config, dict) and "tombstoneWhen" in config and "key" not in config:
            yield Hit(
                stage.at("config", "tombstoneWhen"), "tombstoneWhen needs config.key and config.keyFormat"
            )


@rule("compression-level-without-gzip", "error", "Only gzip has levels")
def compression_level_without_gzip(pipeline: Pipeline) -> Hits:
    """`compressionLevel` is refused unless `compression` is `gzip`."""
    for stage in pipeline.named("$emit"):
        if (
            stage.get("config", "compressionLevel") is not None
            and stage.get("config", "compression") != "gzip"
        ):
            at = stage.at("config", "compressionLevel")
            yield Hit(at, "compressionLevel without gzip", fix("take it out", Remove(at)))


@rule("unbounded-target", "warning", "Documents themselves name the target")
def unbounded_target(pipeline: Pipeline) -> Hits:
    """A processor writes to 1000 different targets at most, and a name that is no text sends the document to
    the dead letters. A field that anybody fills can also name what you did not mean. Choose among known names
    by `$switch`.
    """
    for stage in pipeline.named("$emit", "$merge"):
        for names in (
            ("topic",),
            ("db",),
            ("coll",),
            ("bucket",),
            ("path",),
            ("into", "db"),
            ("into", "coll"),
        ):
            spec = stage.get(*names)
            if _is_unbounded(spec):
                yield Hit(stage.at(*names), f"{'.'.join(names)} can be anything that a document says")


def _is_unbounded(spec: Any) -> bool:
    if isinstance(spec, str):
        return spec[:1] == "$"
    if not isinstance(spec, dict):
        return False
    return not spec.keys() & _CHOOSING and any(_is_field(text) for text in _texts(spec))


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    for member in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _texts(member)


def _is_field(text: str) -> bool:
    return text[:1] == "$" and text[:2] != "$$"


@rule("weak-acks", "warning", "Messages may be lost although nothing fails")
def weak_acks(pipeline: Pipeline) -> Hits:
    """With `acks` 0 or 1 the broker confirms messages that are not safe yet; if it fails, they are gone,
    though the checkpoint counts them as delivered. Only `all` keeps the promise of at least once.
    """
    for stage in pipeline.named("$emit"):
        if stage.get("config", "acks") in ("0", "1", 0, 1):
            at = stage.at("config", "acks")
            yield Hit(at, "at-least-once delivery needs acks: all", fix("write all", Replace(at, "all")))


@rule("emit-without-key", "info", "Messages without key are spread over all partitions")
def emit_without_key(pipeline: Pipeline) -> Hits:
    """Readers see documents in order only within a partition. A `config.key` keeps those of one thing
    together, and lets compacted topics keep the newest of each.
    """
    for stage in pipeline.named("$emit"):
        if pipeline.kind(stage) == "Kafka" and stage.get("config", "key") is None:
            yield Hit(stage.path, "without config.key the order of documents is not kept")


@rule("avro-type-case", "error", "The type of a schema is written avro")
def avro_type_case(pipeline: Pipeline) -> Hits:
    """In small letters; `AVRO` and `Avro` are refused."""
    for stage in pipeline.named("$emit"):
        kind = stage.get("schemaRegistry", "valueSchema", "type")
        if isinstance(kind, str) and kind != "avro" and kind.lower() == "avro":
            at = stage.at("schemaRegistry", "valueSchema", "type")
            yield Hit(at, f"{kind} should be avro", fix("write avro", Replace(at, "avro")))


@rule("emit-option-shape", "error", "An option of $emit in a shape that is in no documentation")
def emit_option_shape(pipeline: Pipeline) -> Hits:
    """Some examples nest what stands flat: `{"kafka": {…}}`, `outputFormat: {"name": …}`, `key: {"field": …,
    "format": …}`. Write the members of `kafka` into `$emit`, `config.outputFormat` as a text, `config.key`
    and `config.keyFormat` side by side.
    """
    for stage in pipeline.named("$emit"):
        for name in stage.members.keys() & {"kafka", "timeseriesCollection", "s3"}:
            yield Hit(stage.at(name), f"write the members of {name} straight into $emit")
        name = stage.get("config", "outputFormat", "name")
        if isinstance(name, str):
            at = stage.at("config", "outputFormat")
            yield Hit(at, "outputFormat is a text", fix(f"write {name}", Replace(at, name)))
        key = stage.get("config", "key")
        if isinstance(key, dict) and key.keys() == {"field", "format"}:
            yield Hit(stage.at("config", "key"), "key and keyFormat stand side by side")


@rule("small-objects", "warning", "Very many small objects are written")
def small_objects(pipeline: Pipeline) -> Hits:
    """Each object costs a request, and readers one more. Let `writeOptions` gather at least some seconds, or
    a megabyte of documents.
    """
    for stage in pipeline.named("$emit"):
        options = stage.get("config", "writeOptions")
        if not isinstance(options, dict):
            continue
        interval = milliseconds(options.get("interval"))
        for name, small in (
            ("count", _below(options.get("count"), 100)),
            ("bytes", _below(options.get("bytes"), 2**20)),
            ("interval", interval is not None and interval < 10_000),
        ):
            if small:
                yield Hit(stage.at("config", "writeOptions", name), "objects will be very small")


def _below(value: Any, least: int) -> bool:
    return type(value) is int and value < least


@rule("feedback-loop", "warning", "The processor reads what it writes")
def feedback_loop(pipeline: Pipeline) -> Hits:
    """What goes to the place that `$source` reads comes back, for ever. Write elsewhere, or filter out your
    own writes before the sink.
    """
    source, sink = pipeline.source, pipeline.sink
    if source is None or sink is None:
        return
    if source.get("connectionName") == _target(sink, "connectionName") and _overlap(source, sink):
        yield Hit(sink.path, "writes to where $source reads")


def _target(sink: Stage, name: str) -> Any:
    return sink.get("into", name) if sink.name == "$merge" else sink.get(name)


def _overlap(source: Stage, sink: Stage) -> bool:
    """Whether both name one topic, stream or collection; a change stream without ``coll`` has all of them."""
    if "db" in source.members or "coll" in source.members:
        coll, target = source.get("coll"), _target(sink, "coll")
        inside = coll is None or target == coll or (isinstance(coll, list) and target in coll)
        return source.get("db") == _target(sink, "db") and inside
    topic = source.get("topic")
    topics = topic if isinstance(topic, list) else [topic]
    same = sink.get("topic") is not None and sink.get("topic") in topics
    return same or (sink.get("stream") is not None and sink.get("stream") == source.get("stream"))
