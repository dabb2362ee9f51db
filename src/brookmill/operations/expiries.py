"""When the certificates of connections end, for monitoring."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from brookmill.connections import CONNECTIONS
from brookmill.domain.certificate import certificates
from brookmill.operations import Services


class Expiry(NamedTuple):
    """One certificate. ``labels``: ids and the member; names where ``Measurement`` has them.

    ``not_after``: seconds since the epoch.
    """

    labels: dict[str, str]
    not_after: float


def expiries(services: Services) -> Iterator[Expiry]:
    """One for each certificate that a connection carries."""
    named = services.settings.dev or services.settings.metrics_names
    types = [name for name, kind in CONNECTIONS.items() if kind.certificates]
    with services.store.read() as session:
        for workspace, connection in session.connections_of(types):
            labels = {"group_id": workspace.group_id, "connection_id": str(connection.id)}
            if named:
                labels |= {"tenant_name": workspace.name, "connection_name": str(connection.name)}
            for one in certificates(connection):
                yield Expiry(labels | {"member": one.member}, one.not_after)
