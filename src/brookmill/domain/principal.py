"""Who somebody is and what he may."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

import msgspec


class Role(StrEnum):
    """Atlas' role constants: ``ORG_`` roles count in one organization, ``GROUP_`` roles in one project."""

    ORG_OWNER = "ORG_OWNER"
    ORG_GROUP_CREATOR = "ORG_GROUP_CREATOR"
    ORG_STREAM_PROCESSING_ADMIN = "ORG_STREAM_PROCESSING_ADMIN"
    ORG_READ_ONLY = "ORG_READ_ONLY"
    ORG_BILLING_ADMIN = "ORG_BILLING_ADMIN"
    ORG_BILLING_READ_ONLY = "ORG_BILLING_READ_ONLY"
    ORG_MEMBER = "ORG_MEMBER"
    GROUP_OWNER = "GROUP_OWNER"
    GROUP_STREAM_PROCESSING_OWNER = "GROUP_STREAM_PROCESSING_OWNER"
    GROUP_DATA_ACCESS_ADMIN = "GROUP_DATA_ACCESS_ADMIN"
    GROUP_DATA_ACCESS_READ_WRITE = "GROUP_DATA_ACCESS_READ_WRITE"
    GROUP_DATA_ACCESS_READ_ONLY = "GROUP_DATA_ACCESS_READ_ONLY"
    GROUP_CLUSTER_MANAGER = "GROUP_CLUSTER_MANAGER"
    GROUP_READ_ONLY = "GROUP_READ_ONLY"


_OWNERS = frozenset({Role.ORG_OWNER, Role.GROUP_OWNER})

#: Who may do what, in the letters of the Admin API contract, section (a).
OWNERS = _OWNERS
STREAM_MANAGERS = _OWNERS | {Role.ORG_STREAM_PROCESSING_ADMIN, Role.GROUP_STREAM_PROCESSING_OWNER}  # M, V
STREAM_WRITERS = STREAM_MANAGERS | {Role.GROUP_DATA_ACCESS_ADMIN}  # W
STREAM_READERS = STREAM_WRITERS | {Role.GROUP_DATA_ACCESS_READ_ONLY, Role.GROUP_DATA_ACCESS_READ_WRITE}  # R
PROJECT_READERS = frozenset(r for r in Role if r.startswith("GROUP_")) | {
    Role.ORG_OWNER,
    Role.ORG_READ_ONLY,
    Role.ORG_STREAM_PROCESSING_ADMIN,
}  # PRO
ORG_MEMBERS = frozenset(r for r in Role if r.startswith("ORG_"))


class Principal(msgspec.Struct, frozen=True, kw_only=True):
    """An API key or a service account, as it stands when a call arrives.

    ``id`` is the API key's 24-hex id or the service account's client id; ``name`` is what logs show.
    ``access_list`` holds CIDR blocks; None means that no list is kept and every address may call.
    """

    kind: str  # "API_KEY" | "SERVICE_ACCOUNT"
    id: str
    name: str
    org_id: str
    org_roles: frozenset[Role] = frozenset()
    group_roles: Mapping[str, frozenset[Role]] = {}
    access_list: tuple[str, ...] | None = None

    def roles_in(self, group_id: str) -> frozenset[Role]:
        """The roles that count in one project: the organization's and the project's own."""
        return self.org_roles | self.group_roles.get(group_id, frozenset())

    def may(self, allowed: frozenset[Role], group_id: str | None) -> bool:
        """Whether one of ``allowed`` is held, in the project if one is named, else in the organization."""
        held = self.org_roles if group_id is None else self.roles_in(group_id)
        return not held.isdisjoint(allowed)
