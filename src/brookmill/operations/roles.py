"""Roles as callers send them and as they are shown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Literal

from brookmill.domain.access import ApiKey, ServiceAccount
from brookmill.domain.principal import Role
from brookmill.errors import UserError

Scope = Literal["ORG", "GROUP"]


def granted(scope: Scope, names: Sequence[str]) -> frozenset[Role]:
    """The roles of those names, in an organization or a project.

    Raises UserError: INVALID_ENUM_VALUE for a name that is none there, INVALID_ATTRIBUTE for no name at all.
    """
    allowed = [role.value for role in Role if role.startswith(scope)]
    for name in names:
        if name not in allowed:
            text = f"must be one of {', '.join(allowed)}"
            raise UserError("INVALID_ENUM_VALUE", name[:120], fields=[("roles", text)])
    if not names:
        raise UserError("INVALID_ATTRIBUTE", "roles", fields=[("roles", "must not be empty")])
    return frozenset(map(Role, names))


def names(roles: Iterable[Role]) -> list[str]:
    """The roles by name, in a fixed order."""
    return sorted(role.value for role in roles)


def assignments(principal: ApiKey | ServiceAccount) -> list[dict[str, Any]]:
    """Upstream's ``CloudAccessRoleAssignment`` of every role held."""
    shown: list[dict[str, Any]] = [
        {"orgId": principal.org_id, "roleName": name} for name in names(principal.org_roles)
    ]
    for group_id, held in sorted(principal.group_roles.items()):
        shown += [{"groupId": group_id, "roleName": name} for name in names(held)]
    return shown
