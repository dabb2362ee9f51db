"""What a new worker is told: gathered from the store in one snapshot."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import bson
import msgspec

from brookmill.config import Settings
from brookmill.connections.cluster import Cluster
from brookmill.connections.references import resolved
from brookmill.domain.connection import Connection
from brookmill.domain.processor import Processor, State
from brookmill.domain.tier import tier_limits
from brookmill.mql.ejson import parse_json
from brookmill.mql.values import Value
from brookmill.runtime.messages import Start
from brookmill.store import Session, Store
from brookmill.store.connections import kept, settings_of


def assignment(
    store: Store,
    processor_id: str,
    generation: int,
    settings: Settings,
    *,
    start_at: Mapping[str, Any] | None = None,
) -> Start | None:
    """``start_at``: BSON values, where to begin without a checkpoint.

    None when the processor is gone, not started, or of another generation by now. Raises ConnectionFailed
    when a reference to a secret cannot be resolved.
    """
    with store.read() as session:
        processor = session.processor_by_id(processor_id)
        if processor is None or (processor.generation, processor.state) != (generation, State.STARTED):
            return None
        start = _start(session, processor, settings, start_at)
    return None if start is None else _resolved(start, settings)


def trial(store: Store, processor: Processor, settings: Settings) -> Start:
    """For an ephemeral processor, which is in no store. Raises ConnectionFailed likewise.

    Raises KeyError when its workspace is gone.
    """
    with store.read() as session:
        start = _start(session, processor, settings, None)
    if start is None:
        raise KeyError(processor.workspace_id)
    return msgspec.structs.replace(_resolved(start, settings), ephemeral=True)


def _resolved(start: Start, settings: Settings) -> Start:
    """With secrets that are kept elsewhere; whoever has them may be slow, so no snapshot is held."""
    connections = {
        name: settings_of(resolved(kept(data), settings)) if b"${" in data else data
        for name, data in start.connections.items()
    }
    return msgspec.structs.replace(start, connections=connections)


def _start(
    session: Session, processor: Processor, settings: Settings, start_at: Mapping[str, Any] | None
) -> Start | None:
    workspace = session.workspace_by_id(processor.workspace_id)
    if workspace is None:
        return None
    named = set(_names(parse_json(processor.pipeline)))
    if processor.options:
        named |= set(_names(parse_json(processor.options)))
    connections = {str(c.name): c for c in session.connections(workspace) if c.name in named}
    for name, number in session.rollouts.pins(processor.id).items():
        pinned = session.revisions.one(workspace, name, number)
        if name in connections and pinned is not None and pinned.connection is not None:
            connections[name] = pinned.connection
    return Start(
        processor_id=processor.id,
        name=processor.name,
        limits=tier_limits(settings.tiers)[processor.effective_tier],
        instance=workspace.name if len(session.workspaces(workspace.group_id)) > 1 else None,
        pipeline=processor.pipeline,
        options=processor.options,
        connections={name: settings_of(c) for name, c in connections.items()},
        clusters=dict(_clusters(session, connections.values())),
        checkpoint=session.checkpoint(processor.id),
        checkpoint_interval=settings.checkpoint_interval,
        sample_rate=settings.sample_rate,
        outside=settings.outside,
        started_at=processor.state_changed,
        workspace=workspace.name,
        start_at=None if start_at is None else bson.encode(start_at),
        log_level=settings.log_level,
        log_format=settings.log_format,
    )


def _names(value: Value) -> Iterator[str]:
    """Every string under the key ``connectionName``, wherever it stands: a worker gets no others."""
    if isinstance(value, dict):
        for key, member in value.items():
            if key == "connectionName" and isinstance(member, str):
                yield member
            else:
                yield from _names(member)
    elif isinstance(value, list):
        for item in value:
            yield from _names(item)


def _clusters(session: Session, connections: Iterable[Connection]) -> Iterator[tuple[str, str]]:
    for connection in connections:
        if isinstance(connection, Cluster) and isinstance(connection.cluster_name, str):
            cluster = session.cluster(connection.cluster_name)
            if cluster is not None:
                yield cluster.name, cluster.uri.reveal()
