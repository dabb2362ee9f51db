"""What a path names, found in the store or refused with the contract's 404."""

from __future__ import annotations

from brookmill.domain.connection import Connection
from brookmill.domain.dependence import connections_used
from brookmill.domain.names import is_name
from brookmill.domain.processor import Processor, State
from brookmill.domain.revision import Revision
from brookmill.domain.workspace import Workspace
from brookmill.errors import UserError
from brookmill.store import Session


def find_workspace(session: Session, group_id: str, name: str) -> Workspace:
    """The workspace of that name in a project; raises STREAM_TENANT_NOT_FOUND_FOR_NAME."""
    workspace = session.workspace(group_id, name) if is_name(name) else None
    if workspace is None:
        raise UserError("STREAM_TENANT_NOT_FOUND_FOR_NAME", group_id, name)
    return workspace


def find_connection(session: Session, workspace: Workspace, name: str) -> Connection:
    """The connection of that name; raises STREAM_CONNECTION_NOT_FOUND_FOR_NAME."""
    return find_revised(session, workspace, name)[0]


def find_revised(session: Session, workspace: Workspace, name: str) -> tuple[Connection, int]:
    """The connection of that name and the number of its newest revision; raises the same."""
    found = session.revised_connection(workspace, name) if is_name(name) else None
    if found is None:
        raise UserError("STREAM_CONNECTION_NOT_FOUND_FOR_NAME", name, workspace.group_id, workspace.name)
    return found


def find_revision(session: Session, workspace: Workspace, name: str, number: str) -> Revision:
    """The revision ``number`` of the connection; raises STREAM_CONNECTION_REVISION_NOT_FOUND."""
    known = number.isascii() and number.isdecimal() and len(number) < 10
    found = session.revisions.one(workspace, name, int(number)) if known else None
    if found is None:
        raise UserError("STREAM_CONNECTION_REVISION_NOT_FOUND", name, number[:20])
    return found


def find_processor(session: Session, workspace: Workspace, name: str) -> Processor:
    """The processor of that name; raises STREAM_PROCESSOR_NOT_FOUND_FOR_NAME."""
    processor = session.processor(workspace, name) if is_name(name) else None
    if processor is None:
        raise UserError("STREAM_PROCESSOR_NOT_FOUND_FOR_NAME", name, workspace.group_id, workspace.name)
    return processor


def started_with(session: Session, workspace: Workspace, connection: str) -> list[Processor]:
    """The started processors whose pipeline or dead letter queue names the connection."""
    return [
        processor
        for processor in session.processors(workspace)
        if processor.state == State.STARTED and connection in connections_used(processor)
    ]
