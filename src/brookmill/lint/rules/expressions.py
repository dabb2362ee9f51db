"""Rules about expressions and filters."""

from __future__ import annotations

from typing import Any

from brookmill.lint import Hit, Hits, rule
from brookmill.lint.changes import Fix, Remove, Replace, Swap, fix
from brookmill.lint.marks import Path
from brookmill.lint.pipeline import Pipeline, Stage

_ARITHMETIC = {"$add", "$subtract", "$multiply", "$divide", "$mod", "$abs", "$avg", "$sum", "$round", "$pow"}
_RANDOM = {"$createUUID", "$rand", "$currentDate", "$createObjectId"}
_UNSUPPORTED = ("$$CLUSTER_TIME", "$$USER_ROLES", "$$SEARCH_META")


@rule("now-variable", "error", "Streams have no $$NOW")
def now_variable(pipeline: Pipeline) -> Hits:
    """A stream processor runs for months, so there is no one moment of the query. `{"$currentDate": {}}` is
    the time at which the document is processed; `{"$meta": "stream.source.ts"}` its event time.
    """
    for path, text, _ in pipeline.texts:
        if text == "$$NOW" or text.startswith("$$NOW."):
            made = fix("write $currentDate", Replace(path, {"$currentDate": {}})) if text == "$$NOW" else None
            yield Hit(path, "$$NOW is not available in a stream processor", made)


@rule("unsupported-variable", "error", "This variable is not there in streams")
def unsupported_variable(pipeline: Pipeline) -> Hits:
    """`$$CLUSTER_TIME`, `$$USER_ROLES` and `$$SEARCH_META` belong to a server that answers a query. Change
    events carry `clusterTime` themselves.
    """
    for path, text, _ in pipeline.texts:
        if text.split(".")[0] in _UNSUPPORTED:
            yield Hit(path, f"{text} is not available in a stream processor")


@rule("ts-field", "warning", "_ts is no field of documents any more")
def ts_field(pipeline: Pipeline) -> Hits:
    """Documents once carried their event time in `_ts`. It is read where no field of this name is there, but
    not written. `{"$meta": "stream.source.ts"}` says the same; `tsFieldName` of `$source` makes it a field.
    """
    source = pipeline.source
    if source is not None and ("schedule" in source.members or source.get("tsFieldName") == "_ts"):
        return
    for path, text, stage in pipeline.texts:
        if text == "$_ts" and stage.name != "$source":
            made = Replace(path, {"$meta": "stream.source.ts"})
            yield Hit(path, "_ts is not written into documents", fix("write $meta", made))


@rule("stream-meta-field", "warning", "_stream_meta is no field of documents any more")
def stream_meta_field(pipeline: Pipeline) -> Hits:
    """Documents once carried their stream metadata in `_stream_meta`. It is read where no field of this name
    is there, but not written. `{"$meta": "stream.…"}` says the same; the processor option
    `streamMetaFieldName` makes it a field.
    """
    named = (pipeline.options or {}).get("streamMetaFieldName")
    for path, text, _ in pipeline.texts:
        if named != "_stream_meta" and text.split(".")[0] == "$_stream_meta":
            made = Replace(path, {"$meta": f"stream{text[len('$_stream_meta') :]}"})
            yield Hit(path, "_stream_meta is not written into documents", fix("write $meta", made))


@rule("javascript", "info", "$function runs JavaScript for each document")
def javascript(pipeline: Pipeline) -> Hits:
    """That is many times slower than operators, which do most of what is needed; and upstream has it on AWS
    only.
    """
    for path, name, _, _ in pipeline.operators:
        if name == "$function":
            yield Hit((*path, name), "JavaScript is called for every document")


@rule("random-id", "warning", "A random _id makes every repetition a new document")
def random_id(pipeline: Pipeline) -> Hits:
    """Delivery is at least once. With an `_id` that is made anew (`$createUUID`, `$currentDate`, `$rand`) a
    document that comes again is stored again. Make it of what the document is.
    """
    for path, name, _, stage in pipeline.operators:
        if name in _RANDOM and path[len(stage.path) :][:1] == ("_id",) and stage.name != "$source":
            yield Hit((*path, name), f"{name} gives another _id when the document comes again")


@rule("match-compares-text", "warning", "A filter compares with a text that looks like a field")
def match_compares_text(pipeline: Pipeline) -> Hits:
    """In a filter `{"a": "$b"}` looks for the text `$b`. To compare two fields: `{"$expr": {"$eq": ["$a",
    "$b"]}}`.
    """
    for stage in pipeline.named("$match", "$validate"):
        at = stage.path if stage.name == "$match" else stage.at("validator")
        spec = stage.spec if stage.name == "$match" else stage.get("validator")
        for path, value in _leaves(spec, at):
            if isinstance(value, str) and len(value) > 1 and value[0] == "$" and value[1].isidentifier():
                yield Hit(path, f"looks for the very text {value}")


def _leaves(spec: Any, path: Path) -> list[tuple[Path, Any]]:
    """What a filter compares with, outside of ``$expr`` and of operators that take texts of their own."""
    if isinstance(spec, dict):
        skipped = {"$expr", "$jsonSchema", "$comment", "$type", "$regex", "$options"}
        return [leaf for n, one in spec.items() if n not in skipped for leaf in _leaves(one, (*path, n))]
    if isinstance(spec, list):
        return [leaf for i, one in enumerate(spec) for leaf in _leaves(one, (*path, i))]
    return [(path, spec)]


@rule("match-whole-object", "warning", "A filter compares with a whole object")
def match_whole_object(pipeline: Pipeline) -> Hits:
    """`{"a": {"x": 1, "y": 2}}` finds only objects that have these fields, in this order, and no other. For
    the fields themselves: `{"a.x": 1, "a.y": 2}`.
    """
    for stage in pipeline.named("$match"):
        for name, value in stage.members.items():
            if name[:1] != "$" and isinstance(value, dict) and value and not any(n[:1] == "$" for n in value):
                yield Hit(stage.at(name), "equal only with the same fields in the same order")


@rule("empty-match", "info", "$match lets everything pass")
def empty_match(pipeline: Pipeline) -> Hits:
    """A filter without conditions."""
    for stage in pipeline.named("$match"):
        if stage.spec == {}:
            made = fix("take the stage out", Remove(stage.path[:-1]))
            yield Hit(stage.path, "this filter has no condition", made)


@rule("match-after-unwind", "info", "The filter could stand before $unwind")
def match_after_unwind(pipeline: Pipeline) -> Hits:
    """A `$match` that does not read what `$unwind` takes apart drops the same documents before as after, but
    once each and not once for every item.
    """
    for before, match in _pairs(pipeline):
        if before.name == "$unwind" and (made := _moved(before, match, _unwound(before))):
            yield Hit(match.path, "reads nothing that $unwind changes", made)


@rule("match-after-lookup", "warning", "Outside systems are asked about documents that are dropped then")
def match_after_lookup(pipeline: Pipeline) -> Hits:
    """A `$match` that does not read the answer (`as`) can stand before the stage that asks, which saves a
    question for each document that does not pass.
    """
    for before, match in _pairs(pipeline):
        name = before.get("as") if before.name in {"$lookup", "$cachedLookup"} else None
        if isinstance(name, str) and (made := _moved(before, match, {name.split(".")[0]})):
            yield Hit(match.path, f"does not read {name}", made)


def _pairs(pipeline: Pipeline) -> list[tuple[Stage, Stage]]:
    """Each ``$match`` with the stage before it."""
    return [
        (one, other)
        for one, other in zip(pipeline.all, pipeline.all[1:], strict=False)
        if other.name == "$match" and one.path[:-2] == other.path[:-2] and other.spec
    ]


def _unwound(stage: Stage) -> set[str]:
    """Names of the fields that ``$unwind`` changes."""
    paths = (
        [stage.spec] if isinstance(stage.spec, str) else [stage.get("path"), stage.get("includeArrayIndex")]
    )
    return {path.lstrip("$").split(".")[0] for path in paths if isinstance(path, str)}


def _moved(before: Stage, match: Stage, changed: set[str]) -> Fix | None:
    """The fix that lets ``match`` go first; None if it may read what the stage before changes."""
    if not changed or _reads(match.spec) & (changed | {None}):
        return None
    return fix(f"put it before {before.name}", Swap(before.path[:-1], match.path[:-1]))


def _reads(spec: Any) -> set[str | None]:
    """Names of the fields that a filter reads; None among them: it may be any."""
    if not isinstance(spec, dict):
        return {None}
    found: set[str | None] = set()
    for name, value in spec.items():
        if name in {"$and", "$or", "$nor"} and isinstance(value, list):
            found = found.union(*map(_reads, value))
        elif name == "$expr":
            found |= _fields(value)
        else:
            found.add(None if name[:1] == "$" else name.split(".")[0])
    return found


def _fields(value: Any) -> set[str | None]:
    if isinstance(value, str):
        return {None if value[:2] == "$$" else value[1:].split(".")[0]} if value[:1] == "$" else set()
    members = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    meta: set[str | None] = {None} if isinstance(value, dict) and "$meta" in value else set()
    return meta.union(*map(_fields, members))


@rule("field-without-dollar", "warning", "Arithmetic with a text: is the $ of a field missing?")
def field_without_dollar(pipeline: Pipeline) -> Hits:
    """`{"$multiply": ["price", 2]}` multiplies the text `price`: every document goes to the dead letters, or,
    with `$sum` and `$avg`, counts as nothing. A field is `"$price"`.
    """
    for path, name, operand, _ in pipeline.operators:
        if name in _ARITHMETIC:
            operands = operand if isinstance(operand, list) else [operand]
            for i, value in enumerate(operands):
                if isinstance(value, str) and value[:1] != "$":
                    at = (*path, name, i) if isinstance(operand, list) else (*path, name)
                    yield Hit(at, f"{value!r:.60} is a text; a field would be ${value:.60}")


@rule("validate-error-action", "error", "$validate has no action error")
def validate_error_action(pipeline: Pipeline) -> Hits:
    """`validationAction` is `discard`, which drops the document, or `dlq`."""
    for stage in pipeline.named("$validate"):
        if stage.get("validationAction") == "error":
            yield Hit(stage.at("validationAction"), "validationAction is discard or dlq")


@rule("validate-discards", "info", "Invalid documents vanish without a trace")
def validate_discards(pipeline: Pipeline) -> Hits:
    """`discard` is the default of `validationAction`. With `dlq` they are kept among the dead letters, with
    the reason.
    """
    for stage in pipeline.named("$validate"):
        if stage.get("validationAction") in (None, "discard"):
            yield Hit(stage.path, "documents that are not valid are dropped silently")
