"""Who is calling: the credentials that the doors check, and the access tokens of service accounts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from brookmill.domain.principal import Principal
from brookmill.domain.secret import Secret
from brookmill.store.credentials import REALM

if TYPE_CHECKING:
    from brookmill.operations import Services

__all__ = ["REALM", "authenticates", "by_public_key", "by_token", "issue_token", "ready", "revoke_token"]

#: Seconds an access token is valid. Terraform wants more than 600.
TOKEN_LIFETIME = 3600


def by_public_key(services: Services, public_key: str) -> tuple[Principal, Secret] | None:
    """The owner of an API key and the HA1 of its key pair, None when there is no such key.

    Asks the store as often for an unknown key as for a known one, so that time does not tell them apart.
    """
    with services.store.read() as session:
        found = session.access.principal_by_public_key(public_key)
        if found is None:
            for _ in ("its roles", "its access list"):
                session.access.access_list("")
        return found


def by_token(services: Services, token: Secret) -> Principal | None:
    """The owner of an access token, None when it is unknown, expired or revoked."""
    with services.store.read() as session:
        return session.access.principal_by_token(token, services.clock.now())


def issue_token(services: Services, client_id: str, client_secret: Secret) -> Secret | None:
    """A new access token; None when the credentials are wrong, which is found out without writing."""
    now = services.clock.now()
    if not authenticates(services, client_id, client_secret):
        return None
    with services.store.write() as session:
        return session.access.issue_token(client_id, client_secret, now, TOKEN_LIFETIME)


def revoke_token(services: Services, client_id: str, token: Secret) -> None:
    """Forget one of the client's own tokens; others are left alone, and nobody is told which it was."""
    with services.store.write() as session:
        session.access.revoke_token(client_id, token)


def authenticates(services: Services, client_id: str, client_secret: Secret) -> bool:
    """Whether the client secret is valid."""
    with services.store.read() as session:
        return session.access.authenticates(client_id, client_secret, services.clock.now())


def ready(services: Services) -> bool:
    """Whether calls can be answered: the store is reachable."""
    return services.store.ready()
