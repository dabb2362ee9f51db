"""When the certificates and tokens of connections end, for monitoring."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple

from brookmill.connections import CONNECTIONS
from brookmill.domain.certificate import certificates
from brookmill.domain.token import tokens
from brookmill.operations import Services


class Expiry(NamedTuple):
    """``labels``: ids and the member; names where ``Measurement`` has them. ``not_after``: seconds since the
    epoch.
    """

    kind: Literal["certificate", "token"]
    labels: dict[str, str]
    not_after: float


def expiries(services: Services) -> Iterator[Expiry]:
    """One for each certificate, and each token that tells its end, that a connection carries."""
    named = services.settings.dev or services.settings.metrics_names
    types = [name for name, kind in CONNECTIONS.items() if kind.certificates or kind.headers_at]
    with services.store.read() as session:
        for workspace, connection in session.connections_of(types):
            labels = {"group_id": workspace.group_id, "connection_id": str(connection.id)}
            if named:
                labels |= {"tenant_name": workspace.name, "connection_name": str(connection.name)}
            for one in certificates(connection):
                yield Expiry("certificate", labels | {"member": one.member}, one.not_after)
            for token in tokens(connection):
                yield Expiry("token", labels | {"member": token.member}, token.not_after)
