"""Spellings that published pipelines have and servers do not take, as what servers take."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from brookmill.connections.cluster.source_options import ChangeStreamConfig
from brookmill.connections.kafka.options import SourceConfig

#: Members of ``$source.config`` that used to stand a level higher.
_CONFIG = frozenset((*ChangeStreamConfig.__struct_encode_fields__, *SourceConfig.__struct_encode_fields__))
#: A sink of the service's makers, which prints.
_LOG = "__testLog"

Spec = dict[str, Any]


def understood(stages: list[Spec]) -> tuple[list[Spec], list[str]]:
    """The stages as servers take them, and what was read otherwise than it is written."""
    made = [dict(stage) for stage in stages]
    notes = [f"{place}.{name}: {note}" for place, name, note in _reread(made)]
    if made and made[-1].get("$emit") == {"connectionName": _LOG}:
        made.pop()
        notes.append(f"{_LOG} is no sink here: the documents are output")
    return made, notes


def _reread(stages: list[Spec]) -> Iterator[tuple[int, str, str]]:
    sample = _sample(stages)
    for place, stage in enumerate(stages):
        for name, spec in stage.items():
            if isinstance(spec, Mapping):
                stage[name] = own = dict(spec)
                for rule in (_source, _emit, _collection):
                    yield from ((place, name, note) for note in rule(name, own, sample))


def _sample(stages: list[Spec]) -> Any:
    """The name of the sample that the pipeline reads; None: it reads none."""
    source = stages[0].get("$source") if stages else None
    if not isinstance(source, Mapping) or source.keys() & {"db", "coll", "topic", "stream"}:
        return None
    name = source.get("connectionName")
    return name if isinstance(name, str) and name.startswith("sample") else None


def _source(stage: str, spec: Spec, _: Any) -> Iterator[str]:
    """Once there was no ``config``, and the number of a topic's partitions had to be told."""
    if stage != "$source" or "connectionName" not in spec:
        return
    flat = [name for name in spec if name in _CONFIG]
    if flat and isinstance(spec.get("config", {}), Mapping):
        spec["config"] = {name: spec.pop(name) for name in flat} | dict(spec.get("config", {}))
        yield f"{', '.join(flat)} read as config.{', config.'.join(flat)}"
    if "partitionCount" in spec:
        del spec["partitionCount"]
        yield "partitionCount is not needed"
    if "tsFieldOverride" in spec:
        spec["tsFieldName"] = spec.pop("tsFieldOverride")
        yield "tsFieldOverride read as tsFieldName"


def _emit(stage: str, spec: Spec, _: Any) -> Iterator[str]:
    """One of the first examples names the kind of sink besides."""
    if stage == "$emit" and spec.keys() == {"kafka"} and isinstance(spec["kafka"], Mapping):
        spec.update(spec.pop("kafka"))
        yield "the members of kafka read as its own"


def _collection(_: str, spec: Spec, sample: Any) -> Iterator[str]:
    """Another has the sample's connection for that of a cluster, too."""
    for holder in ("into", "from"):
        inner = spec.get(holder)
        if sample is not None and isinstance(inner, Mapping) and inner.get("connectionName") == sample:
            spec[holder] = {**inner, "connectionName": f"{sample}-cluster"}
            yield f"{sample} is a sample; the collection is in the cluster of {sample}-cluster"
