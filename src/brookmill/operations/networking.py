"""Private networking of connections: what it names must be there, and a PATCH cannot lead it elsewhere."""

from __future__ import annotations

from brookmill.connections.networking import access_of
from brookmill.domain.connection import Connection, changed
from brookmill.domain.region import cluster_region
from brookmill.domain.workspace import Workspace
from brookmill.errors import UserError
from brookmill.store import Session


def check_networking(session: Session, workspace: Workspace, connection: Connection, now: float) -> None:
    """Refuse a private link that the project has not, and VPC without an active peering in the region.

    Routes of transit gateways are part of no published resource, so they are not looked for. Raises
    VALIDATION_ERROR.
    """
    access = access_of(connection)
    if access is None:
        return
    project = f"The project id {workspace.group_id}"
    if access.type == "PRIVATE_LINK":
        links = session.networks.links(workspace.group_id, now)
        if not any(link.id == access.connection_id and link.deleted is None for link in links):
            text = f"{project} does not have a Private Link connection with ID {access.connection_id}"
            raise UserError("VALIDATION_ERROR", text)
    if access.type == "VPC":
        region = workspace.region.region
        peerings = session.networks.peerings(workspace.group_id, now)
        if not any(peering.region == region and peering.active(now) for peering in peerings):
            text = f"{project} and region {cluster_region(region)} does not have a VPC Peering connection"
            raise UserError("VALIDATION_ERROR", text)


def check_unmoved(
    session: Session, workspace: Workspace, kept: Connection, now: Connection, time: float
) -> None:
    """Refuse another way than that of ``kept``; whether that way is there is told first (c.1, order).

    Raises VALIDATION_ERROR, STREAM_NETWORKING_CANNOT_BE_MODIFIED.
    """
    if changed(kept, now):
        check_networking(session, workspace, now, time)
        raise UserError("STREAM_NETWORKING_CANNOT_BE_MODIFIED")


def users_of(session: Session, group_id: str, link_id: str) -> list[str]:
    """The connections of the project that go through the private link, as ``workspace/name``."""
    return [
        f"{workspace.name}/{connection.name}"
        for workspace in session.workspaces(group_id)
        for connection in session.connections(workspace)
        if any(_goes_through(c, link_id) for c in (connection, *session.failovers.all(str(connection.id))))
    ]


def _goes_through(connection: Connection, link_id: str) -> bool:
    access = access_of(connection)
    return access is not None and access.type == "PRIVATE_LINK" and access.connection_id == link_id
