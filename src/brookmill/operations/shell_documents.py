"""Processors, connections and statistics as ``sp`` and drivers read them: documents of BSON values."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Any, Final

from bson import Int64
from msgspec import UNSET

from brookmill.connections.cluster import Cluster
from brookmill.domain.options import options_of
from brookmill.domain.processor import Processor, State
from brookmill.domain.tier import LARGEST
from brookmill.domain.workspace import Workspace
from brookmill.mql.api import env
from brookmill.mql.ejson import parse_json
from brookmill.mql.filter import parse_filter
from brookmill.mql.values import Document
from brookmill.operations import Call
from brookmill.operations.lookup import find_processor
from brookmill.operations.shell import workspace_of
from brookmill.runtime.checkpoint import Checkpoint, CheckpointUnreadableError

#: Types whose names in the shell are not those of the Admin API.
_TYPES: Final = {"Cluster": "atlas", "Sample": "inmemory"}
_STATUS: Final = {State.CREATED: "created", State.STARTED: "running", State.FAILED: "error"}
#: What ``scale`` divides: bytes.
_SIZES: Final = frozenset({"memoryUsageBytes", "maxMemoryUsage"})


def processors(call: Call, filter: Document | None) -> list[Document]:
    """Those that pass ``filter``, a query of MongoDB. Raises MQLError, PlanError."""
    workspace = workspace_of(call)
    with call.store.read() as session:
        found = session.processors(workspace)
    return _passing(filter, (_document(workspace, one) for one in found))


def processor(call: Call, name: str) -> Document:
    """One, with its statistics. Raises STREAM_PROCESSOR_NOT_FOUND_FOR_NAME."""
    workspace, found = _found(call, name)
    return {**_document(workspace, found), "stats": _stats(call, found)}


def statistics(call: Call, name: str, *, scale: int, verbose: bool) -> Document:
    """The reply to ``getStreamProcessorStats``, in any state. Engine reference, section 5.1.

    ``scale``: bytes in the unit of all sizes. Raises STREAM_PROCESSOR_NOT_FOUND_FOR_NAME.
    """
    workspace, found = _found(call, name)
    stats = _stats(call, found)
    if not verbose:
        stats.pop("operatorStats", None)
        stats.pop("latency", None)
    if scale != 1:
        stats = _scaled(stats, scale)
    stats["scaleFactor"] = Int64(scale)
    return {
        "ns": f"{workspace.group_id}.{workspace.id}.{found.name}",
        "stats": stats,
        "pipeline": parse_json(found.pipeline),
        "name": found.name,
        "state": found.state.value,
        "tier": found.tier or workspace.config.tier,
        "effectiveTier": found.effective_tier,
    }


def connections(call: Call, filter: Document | None) -> list[Document]:
    """Names and types of those that pass ``filter``; never more. Raises MQLError, PlanError."""
    workspace = workspace_of(call)
    with call.store.read() as session:
        found = session.connections(workspace)
    shown: list[Document] = []
    for one in found:
        document: Document = {"name": one.name, "type": _TYPES.get(one.type, one.type.lower())}
        if isinstance(one, Cluster) and isinstance(one.cluster_name, str):
            document["cluster"] = one.cluster_name
        shown.append(document)
    return _passing(filter, shown)


def defaults(call: Call) -> Document:
    """The tiers of the workspace."""
    config = workspace_of(call).config
    return {"defaultTierSize": config.tier, "maxTierSize": config.max_tier_size or LARGEST}


def _found(call: Call, name: str) -> tuple[Workspace, Processor]:
    workspace = workspace_of(call)
    ephemeral = call.supervisor.ephemerals.find(workspace.id, name)
    if ephemeral is not None:
        return workspace, ephemeral.processor
    with call.store.read() as session:
        return workspace, find_processor(session, workspace, name)


def _passing(filter: Document | None, documents: Iterable[Document]) -> list[Document]:
    if not filter:
        return list(documents)
    query = parse_filter(filter)
    return [document for document in documents if query.matches(env(document))]


def _document(workspace: Workspace, processor: Processor) -> Document:
    """Members that begin with no underscore become properties of the shell's handle: none may be called like
    one of its methods.
    """
    changed = _date(processor.modified if processor.modified is not None else processor.created)
    options = parse_json(processor.options) if processor.options else {}
    shown: Document = {
        "id": processor.id,
        "name": processor.name,
        "pipeline": parse_json(processor.pipeline),
        "pipelineVersion": processor.pipeline_version,
        "state": processor.state.value,
        "tier": processor.tier or workspace.config.tier,
        "effectiveTier": processor.effective_tier,
        "options": options,
        "hasStarted": processor.has_started,
        "errorMsg": processor.error or "",
        "lastModified": changed,
        "lastModifiedAt": changed,
        "lastStateChange": _date(processor.state_changed),
        "activeRegion": workspace.region.region,
        "workspaceDefaultRegion": workspace.region.region,
        "failoverEnabled": bool(processor.failover_enabled),
        "enableAutoScaling": options_of(processor.options).autoscaling is not UNSET,
    }
    if processor.modified_by is not None:
        shown["modifiedBy"] = processor.modified_by
    return shown | {name: options[name] for name in ("dlq", "streamMetaFieldName") if name in options}


def _stats(call: Call, processor: Processor) -> Document:
    """What the worker told; of a processor without one, what its last checkpoint has counted."""
    head: Document = {
        "name": processor.name,
        "processorId": processor.id,
        "status": _STATUS.get(processor.state, "stopped"),
        "state": processor.state.value,
        "scaleFactor": Int64(1),
    }
    ephemeral = call.supervisor.ephemerals.find(processor.workspace_id, processor.name)
    told = ephemeral.stats if ephemeral else call.supervisor.stats(processor.id)
    if told is None:
        return {**head, **_counted(call, processor), "ok": 1}
    return {**head, **{name: value for name, value in told.items() if name not in head}}


def _counted(call: Call, processor: Processor) -> Document:
    with call.store.read() as session:
        data = session.checkpoint(processor.id)
    try:
        counts = {} if data is None else Checkpoint.decode(data).counts
    except CheckpointUnreadableError:
        counts = {}
    shown: Document = {}
    for what in ("input", "output", "dlq"):
        shown[f"{what}MessageCount"] = Int64(counts.get(what, 0))
        shown[f"{what}MessageSize"] = float(counts.get(f"{what}_size", 0))
    return shown | {"stateSize": Int64(0)}


def _scaled(value: Any, scale: int) -> Any:
    if isinstance(value, list):
        return [_scaled(item, scale) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        name: _divided(member, scale) if name.endswith("Size") or name in _SIZES else _scaled(member, scale)
        for name, member in value.items()
    }


def _divided(value: Any, scale: int) -> Any:
    return value / scale if isinstance(value, float) else Int64(value // scale)


def _date(seconds: float) -> dt.datetime:
    return dt.datetime.fromtimestamp(seconds, dt.UTC)
