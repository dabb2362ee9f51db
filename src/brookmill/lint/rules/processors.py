"""Rules about processors: their options, their tier, and the connections that they name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from brookmill.domain.pipeline import added_parallelism, connections_of
from brookmill.domain.tier import TIERS, parallelism_problem
from brookmill.lint import Hit, Hits, rule
from brookmill.lint.content import Content
from brookmill.lint.marks import Path
from brookmill.lint.pipeline import Pipeline, Stage


def _processors(content: Content) -> Iterator[tuple[Path, Any]]:
    """Path and members of each processor."""
    return ((one.path[:-1], one.processor) for one in content.pipelines if one.processor is not None)


@rule("missing-dlq", "warning", "Documents that fail are dropped")
def missing_dlq(content: Content) -> Hits:
    """Without the option `dlq` a document that cannot be decoded, comes late, or fails in a stage vanishes;
    only a number in the statistics tells. Give `{"dlq": {"connectionName": …, "db": …, "coll": …}}`.
    """
    for path, processor in _processors(content):
        options = processor.get("options")
        if not isinstance(options, dict) or not options.get("dlq"):
            at = (*path, "options") if "options" in processor else path
            yield Hit(at, "no dead letter queue: documents that fail are dropped")


@rule("incomplete-dlq", "error", "A dead letter queue lacks a part")
def incomplete_dlq(content: Content) -> Hits:
    """It needs `connectionName`, `db` and `coll`."""
    for path, processor in _processors(content):
        options = processor.get("options")
        queue = options.get("dlq") if isinstance(options, dict) else None
        if isinstance(queue, dict) and queue:
            lacking = [name for name in ("connectionName", "db", "coll") if not queue.get(name)]
            if lacking:
                yield Hit((*path, "options", "dlq"), f"dlq lacks {', '.join(lacking)}")


@rule("dlq-is-target", "warning", "Dead letters go where results go")
def dlq_is_target(content: Content) -> Hits:
    """Readers of the collection meet documents of another shape; and if it is the source's, dead letters are
    read as documents, and fail again.
    """
    for path, processor in _processors(content):
        options = processor.get("options")
        queue = options.get("dlq") if isinstance(options, dict) else None
        for stage in Pipeline(processor["pipeline"]).main:
            holder = {"$merge": ("into",), "$source": ()}.get(stage.name)
            if isinstance(queue, dict) and holder is not None and _is_at(queue, stage, holder):
                yield Hit((*path, "options", "dlq"), f"the same collection as that of {stage.name}")


def _is_at(queue: Mapping[str, Any], stage: Stage, holder: tuple[str, ...]) -> bool:
    return all(
        queue.get(name) and stage.get(*holder, name) == queue[name]
        for name in ("connectionName", "db", "coll")
    )


@rule("parallelism-over-tier", "error", "The tier has not so much parallelism")
def parallelism_over_tier(pipeline: Pipeline) -> Hits:
    """Every stage adds its `parallelism` less one. SP2 bears 1, SP5 2, SP10 8, SP30 16, SP50 64; without a
    tier SP10 is taken, the default of workspaces.
    """
    tier = pipeline.tier if pipeline.tier in TIERS else "SP10"
    requested = added_parallelism([stage for stage in pipeline.stages if isinstance(stage, dict)])
    if problem := parallelism_problem(str(tier), requested):
        over = [stage for stage in pipeline.all if stage.get("parallelism") not in (None, 1)]
        yield Hit(over[-1].at("parallelism") if over else (), f"{tier}: {problem}")


@rule("unknown-tier", "error", "There is no such tier")
def unknown_tier(content: Content) -> Hits:
    """Tiers are SP2, SP5, SP10, SP30 and SP50."""
    for path, processor in _processors(content):
        if "tier" in processor and processor["tier"] not in list(TIERS):
            yield Hit((*path, "tier"), f"a tier is one of {', '.join(TIERS)}")


@rule("unknown-connection", "error", "No file defines this connection")
def unknown_connection(pipeline: Pipeline) -> Hits:
    """Checked as soon as any of the files defines connections; flow files know their own. Names of samples
    need no definition.
    """
    if pipeline.defined is None:
        return
    unknown = (
        connections_of([stage for stage in pipeline.stages if isinstance(stage, dict)]) - pipeline.defined
    )
    for stage in pipeline.all:
        for holder in ((), ("into",), ("from",), ("schemaRegistry",)):
            name = stage.get(*holder, "connectionName")
            if isinstance(name, str) and name in unknown and not name.startswith("sample_"):
                yield Hit(stage.at(*holder, "connectionName"), f"{name} is defined nowhere")


@rule("shared-group", "warning", "Two processors share a consumer group")
def shared_group(content: Content) -> Hits:
    """Brokers divide the partitions of a topic among the members of a group: each would get a part of the
    documents. Leave `config.group_id` out, or name one for each.
    """
    seen: set[str] = set()
    for written in content.pipelines if not content.test else ():
        source = Pipeline(written.stages).source
        group = None if source is None else source.get("config", "group_id")
        if source is not None and isinstance(group, str):
            if group in seen:
                yield Hit((*written.path, *source.at("config", "group_id")), f"{group} is used above")
            seen.add(group)


@rule("same-name", "error", "Two things have the same name")
def same_name(content: Content) -> Hits:
    """A workspace has one connection and one processor of a name; the second would be refused."""
    processors = ((p, "processor", d.get("name")) for p, d in _processors(content))
    connections = ((p, "connection", one.name) for p, one in content.definitions if not one.test)
    seen: set[tuple[str, str]] = set()
    for path, kind, name in (*processors, *connections):
        if isinstance(name, str) and name:
            if (kind, name) in seen:
                yield Hit((*path, "name"), f"there is a {kind} named {name} above")
            seen.add((kind, name))


@rule("case-expects-nothing", "info", "A case of a flow file expects nothing")
def case_expects_nothing(content: Content) -> Hits:
    """It is only played; it fails when the pipeline does. Add `expect`."""
    value = content.source.value
    if content.test and not value.get("expect"):
        for written in content.pipelines:
            case = value["cases"][written.path[1]] if written.path[0] == "cases" else value
            if not case.get("expect") and ("cases" not in value or case is not value):
                yield Hit(written.path[:-1], "without expect, nothing is compared")
