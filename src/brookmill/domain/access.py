"""Credentials: API keys, service accounts, their secrets and the addresses they may be used from.

All times are seconds since the epoch; None means "never". Roles in ``group_roles`` are by project id.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from brookmill.domain.principal import Role


class ApiKey(msgspec.Struct, frozen=True, kw_only=True):
    """A Digest key pair of an organization. ``id`` is 24 hex; the private key itself is kept nowhere."""

    id: str
    org_id: str
    public_key: str
    description: str
    created: float
    org_roles: frozenset[Role] = frozenset()
    group_roles: Mapping[str, frozenset[Role]] = {}


class ServiceAccount(msgspec.Struct, frozen=True, kw_only=True):
    """An OAuth client of an organization. ``id`` is the client id, ``mdb_sa_id_`` and 24 hex."""

    id: str
    org_id: str
    name: str
    description: str
    created: float
    org_roles: frozenset[Role] = frozenset()
    group_roles: Mapping[str, frozenset[Role]] = {}


class ClientSecret(msgspec.Struct, frozen=True, kw_only=True):
    """One of a service account's secrets, without its text; ``masked`` shows its prefix and its end."""

    id: str
    masked: str
    created: float
    expires: float
    last_used: float | None = None


class AccessEntry(msgspec.Struct, frozen=True, kw_only=True):
    """Addresses from which a credential may be used: ``cidr`` is canonical, one address ends in /32 or /128.

    ``last_used`` and ``requests`` may lag a minute behind.
    """

    cidr: str
    created: float
    last_used: float | None = None
    last_address: str | None = None
    requests: int = 0
