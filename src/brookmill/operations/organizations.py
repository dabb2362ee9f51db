"""Organizations: a caller sees the one he belongs to."""

from __future__ import annotations

from typing import Any

from brookmill.domain.principal import ORG_MEMBERS
from brookmill.domain.workspace import Organization
from brookmill.errors import UserError
from brookmill.operations import Call, Page, operation
from brookmill.operations.groups import shown_page, visible
from brookmill.operations.links import self_link


@operation(
    "listOrgs", "GET /orgs", since="2023-01-01", roles=None, query=("includeCount", "name"), paged=True
)
def list_organizations(call: Call) -> Page:
    """The caller's own; ``name`` is its beginning, in any case."""
    name = call.query.get("name", "").casefold()
    with call.store.read() as session:
        organization = session.organization(call.principal.org_id)
    found = [o for o in (organization,) if o is not None and o.name.casefold().startswith(name)]
    return call.page([_shown(call, o) for o in found])


@operation("getOrg", "GET /orgs/{orgId}", since="2023-01-01", roles=ORG_MEMBERS)
def get_organization(call: Call, org_id: str) -> Any:
    """One organization."""
    with call.store.read() as session:
        organization = session.organization(org_id)
    if organization is None:
        raise UserError("ORG_NOT_FOUND", org_id)
    return _shown(call, organization)


@operation(
    "getOrgGroups",
    "GET /orgs/{orgId}/groups",
    since="2023-01-01",
    roles=ORG_MEMBERS,
    query=("includeCount", "name"),
    paged=True,
)
def list_groups_of_organization(call: Call, org_id: str) -> Page:
    """The projects that the caller may read; ``name`` is the beginning of theirs, in any case."""
    name = call.query.get("name", "").casefold()
    with call.store.read() as session:
        found = [g for g in visible(session, call.principal) if g.name.casefold().startswith(name)]
        return shown_page(call, session, found)


def _shown(call: Call, organization: Organization) -> dict[str, Any]:
    return {
        "id": organization.id,
        "isDeleted": False,
        "links": self_link(call, f"/orgs/{organization.id}"),
        "name": organization.name,
        "skipDefaultAlertsSettings": False,
    }
