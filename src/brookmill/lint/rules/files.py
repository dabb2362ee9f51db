"""Rules about files as such, and about what the planner itself refuses."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from brookmill.lint import Hit, Hits, rule
from brookmill.lint.changes import Replace, fix
from brookmill.lint.content import Content
from brookmill.lint.marks import Path
from brookmill.lint.pipeline import Pipeline
from brookmill.mql.ejson import WRAPPERS, resolve
from brookmill.mql.errors import PlanError
from brookmill.mql.values import rounded
from brookmill.plan import plan
from brookmill.stages import Place, parse_stage

#: A number of milliseconds below is in 1973 or before: more likely they are seconds.
_EARLY = 100_000_000_000
_EXACT = 2**53


def _members(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Every value below, with its path, outermost first."""
    yield path, value
    pairs = value.items() if isinstance(value, dict) else enumerate(value if isinstance(value, list) else ())
    for name, member in pairs:
        yield from _members(member, (*path, name))


@rule("unreadable", "error", "The file is neither JSON nor YAML")
def unreadable(content: Content) -> Hits:
    """Names ending in .json or .ejson are read as JSON, without comments or commas after the last member;
    all others as YAML. Reading stops at the place that is told.
    """
    if (trouble := content.source.trouble) is not None:
        yield Hit((), str(trouble))


@rule("unknown-content", "warning", "The file holds nothing that is checked here")
def unknown_content(content: Content) -> Hits:
    """A file should hold a pipeline (an array of stages), a flow, a processor (`name` and `pipeline`), a
    connection (`name` and `type`), or `connections` and `processors`.
    """
    if content.form is None:
        yield Hit((), "this is no pipeline, flow, processor or connection, and holds none")


@rule("duplicate-key", "error", "An object has the same key twice")
def duplicate_key(content: Content) -> Hits:
    """Readers of JSON take the last one and say nothing about the others, so half of what is written has no
    effect. In `$match`, join conditions on one field in one object or by `$and`.
    """
    for path, _ in content.source.marks.twice:
        yield Hit(path, f"{path[-1]!r} is there already; only the last counts")


@rule("extended-json", "error", "A value begins like Extended JSON and is none")
def extended_json(content: Content) -> Hits:
    """An object whose first key is `$date`, `$oid`, `$numberLong`, … stands for one value and has a fixed
    form, such as `{"$date": "2026-01-31T12:00:00Z"}`. A `$date` text needs a time zone.
    """
    for path, value in _members(content.source.value):
        if isinstance(value, dict) and next(iter(value), "") in WRAPPERS:
            try:
                resolve(value)
            except (ValueError, TypeError, ArithmeticError) as e:
                yield Hit(path, str(e))


@rule("date-in-seconds", "warning", "A date in milliseconds is near 1970: are these seconds?")
def date_in_seconds(content: Content) -> Hits:
    """Dates count milliseconds. A number of seconds, as Unix times are, gives a day in January 1970, and with
    it a watermark that stays there. Multiply by 1000; a number that needs only 32 bits `$toDate` refuses.
    """
    for path, value in _members(content.source.value):
        name, operand = (
            next(iter(value.items())) if isinstance(value, dict) and len(value) == 1 else ("", None)
        )
        if isinstance(operand, dict) and operand.keys() == {"$numberLong"}:
            operand = _number(operand["$numberLong"])
        if name in {"$date", "$toDate"} and type(operand) is int and 0 < operand < _EARLY:
            yield Hit(path, f"{operand} milliseconds are in {1970 + operand // 31_556_952_000}")


def _number(text: Any) -> int | None:
    return int(text) if isinstance(text, str) and re.fullmatch(r"\d{1,20}", text) else None


@rule("time-field-in-seconds", "info", "The name of the time field says that it holds seconds")
def time_field_in_seconds(pipeline: Pipeline) -> Hits:
    """`$toDate` takes numbers for milliseconds. If the field holds Unix seconds, write
    `{"$toDate": {"$multiply": ["$field", 1000]}}`.
    """
    source = pipeline.source
    field = None if source is None else source.get("timeField", "$toDate")
    if (
        source is not None
        and isinstance(field, str)
        and re.search(r"(?i)(epoch|unix|sec(onds?|s)?|_s)$", field)
    ):
        yield Hit(source.at("timeField", "$toDate"), f"{field} is taken for milliseconds")


@rule("large-integer", "warning", "An integer needs more than 53 bits")
def large_integer(content: Content) -> Hits:
    """JSON readers of many languages make doubles of numbers, which changes the last digits. Write
    `{"$numberLong": "…"}`.
    """
    for path, value in _members(content.source.value):
        if type(value) is int and abs(value) > _EXACT:
            whole = -(2**63) <= value < 2**63
            made = (
                fix("write it as $numberLong", Replace(path, {"$numberLong": str(value)})) if whole else None
            )
            yield Hit(path, f"{value} may not come through unchanged", made)


@rule("plan-error", "error", "The planner refuses the pipeline")
def plan_error(pipeline: Pipeline) -> Hits:
    """Creating the processor would be answered with this text. Every stage is tried, so that all errors are
    told at once.
    """
    try:
        stages = rounded(resolve(pipeline.stages))
    except (ValueError, TypeError, ArithmeticError):
        return  # the rule extended-json tells where
    place = Place((), "main", pipeline.connections, sinkless=pipeline.test)
    errors = {}
    for i, stage in enumerate(stages):
        last = i == len(stages) - 1
        try:
            parse_stage(stage, place.at(i)._replace(last=last))
        except PlanError as e:
            errors[e.path] = e
    try:
        if not errors:
            plan(stages, pipeline.connections, sinkless=pipeline.test)
    except PlanError as e:
        errors[e.path] = e
    for path, error in errors.items():
        yield Hit(path, f"{error.message} ({error.code} {error.code_name})")


@rule("key-order", "info", "The order of keys counts here, and is not that of the alphabet")
def key_order(pipeline: Pipeline) -> Hits:
    """`$sort` goes by its first key first. Some tools that send pipelines sort keys by the alphabet
    (`jsonencode` of Terraform does), and then it is another sort. Compare what the server keeps with what you
    wrote.
    """
    for stage in pipeline.named("$sort"):
        names = list(stage.members)
        if names != sorted(names):
            yield Hit(stage.path, f"sorted by {', '.join(names)}, in this order")


@rule("no-sink", "error", "The pipeline ends without a sink")
def no_sink(pipeline: Pipeline) -> Hits:
    """The last stage of a processor must be `$emit`, `$merge`, `$https`, `$externalFunction` or `$iceberg`.
    Only ephemeral runs (`sp.process()`, `brookmill run`) and tests go without.
    """
    sinks = {"$emit", "$merge", "$https", "$externalFunction", "$iceberg"}
    last = pipeline.main[-1].name if pipeline.main else None
    if not pipeline.test and pipeline.source is not None and last not in sinks:
        yield Hit((), f"the last stage is {last}, which writes nothing anywhere")
