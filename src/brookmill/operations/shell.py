"""What ``sp`` asks of processors: the Admin API's operations, but strict about states, as the shell is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from brookmill.domain.processor import Processor, State
from brookmill.domain.workspace import Workspace
from brookmill.mql.encoding import faithful
from brookmill.mql.values import Document
from brookmill.operations import OPERATIONS, Call, execute
from brookmill.operations.body import Body
from brookmill.operations.lookup import find_processor, find_workspace
from brookmill.operations.processor_runs import StartOptions
from brookmill.operations.processor_runs import start as started
from brookmill.operations.refusal import fail


def workspace_of(call: Call) -> Workspace:
    """The one that the call is about. Raises STREAM_TENANT_NOT_FOUND_FOR_NAME."""
    with call.store.read() as session:
        return find_workspace(session, call.path["groupId"], call.path["tenantName"])


def named(call: Call, name: str) -> tuple[Workspace, Processor]:
    """The processor of that name. Raises STREAM_PROCESSOR_NOT_FOUND_FOR_NAME."""
    with call.store.read() as session:
        workspace = find_workspace(session, call.path["groupId"], call.path["tenantName"])
        return workspace, find_processor(session, workspace, name)


def create(call: Call, body: Document) -> None:
    """``body``: members of the Admin API's request, in BSON values. Raises UserError."""
    _operate(call, "createGroupStreamProcessor", body)


def modify(call: Call, name: str, body: Document) -> None:
    """Change what ``body`` names; it must not run. Raises UserError."""
    _operate(call, "updateGroupStreamProcessor", body, name)


def start(call: Call, name: str, body: Document, start_at: Mapping[str, Any] | None) -> None:
    """Start it, with the options of the Admin API in ``body``; it must not run yet. Raises UserError.

    ``start_at``: ``startAtOperationTime`` or ``startAfter``, in BSON values.
    """
    workspace, processor = named(call, name)
    if processor.state == State.STARTED:
        fail(processor, "stream processor is already started")
    started(call, workspace, processor, Body.parse(faithful(body)).into(StartOptions), start_at)


def stop(call: Call, name: str) -> None:
    """Stop it after a last checkpoint; it must run. An ephemeral one is gone then. Raises UserError."""
    if call.supervisor.ephemerals.end(workspace_of(call).id, name):
        return
    _, processor = named(call, name)
    if processor.state != State.STARTED:
        fail(processor, "stream processor is not started")
    call.supervisor.stop(processor.id)


def drop(call: Call, name: str) -> None:
    """End and remove it, in whatever state it is; an ephemeral one just ends. Raises UserError."""
    if not call.supervisor.ephemerals.end(workspace_of(call).id, name):
        _operate(call, "deleteGroupStreamProcessor", {}, name)


def _operate(call: Call, id: str, body: Document, name: str | None = None) -> None:
    path = call.path if name is None else {**call.path, "processorName": name}
    execute(OPERATIONS[id], replace(call, path=path, body=faithful(body)))
