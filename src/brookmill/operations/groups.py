"""Projects, which the API calls groups: list, create, get, update, delete."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, UnsetType

from brookmill.domain.names import new_id
from brookmill.domain.principal import OWNERS, PROJECT_READERS, Principal, Role
from brookmill.domain.workspace import Group
from brookmill.errors import UserError
from brookmill.operations import Call, Located, Page, operation
from brookmill.operations.answer import instant
from brookmill.operations.body import Body
from brookmill.operations.links import self_link
from brookmill.store import Session

Name = Annotated[str, msgspec.Meta(pattern=r"^[\w\-.(),:&@+' ]{1,64}\Z")]
Word = Annotated[str, msgspec.Meta(min_length=1, max_length=255)]

_READ_ONLY = frozenset({"clusterCount", "created", "id"})
_CREATORS = frozenset({Role.ORG_OWNER, Role.ORG_GROUP_CREATOR})


class Tag(msgspec.Struct, frozen=True):
    """Upstream's ``ResourceTag``."""

    key: Word
    value: Word


class NewGroup(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Upstream's ``Group`` as it is sent."""

    name: Name
    org_id: str
    region_usage_restrictions: Literal["COMMERCIAL_FEDRAMP_REGIONS_ONLY", "GOV_REGIONS_ONLY"] | UnsetType = (
        UNSET
    )
    tags: tuple[Tag, ...] = ()
    with_default_alerts_settings: bool = True


class GroupUpdate(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Upstream's schema of that name."""

    name: Name | UnsetType = UNSET
    tags: tuple[Tag, ...] | UnsetType = UNSET
    with_default_alerts_settings: bool | UnsetType = UNSET


@operation("listGroups", "GET /groups", since="2023-01-01", roles=None, query=("includeCount",), paged=True)
def list_groups(call: Call) -> Page:
    """The projects in which the caller has any role."""
    with call.store.read() as session:
        return shown_page(call, session, visible(session, call.principal))


@operation(
    "createGroup",
    "POST /groups",
    since="2023-01-01",
    roles=_CREATORS,
    query=("projectOwnerId",),
    status=201,
    guess="projectOwnerId names a person and is not looked at; blanks are allowed in names",
)
def create_group(call: Call) -> Located:
    """Add a project to the caller's organization; whoever makes it owns it."""
    sent = Body.parse(call.body).into(NewGroup, read_only=_READ_ONLY)
    if sent.org_id != call.principal.org_id:
        raise UserError("USER_CANNOT_ACCESS_ORG")
    now = call.clock.now()
    restrictions = sent.region_usage_restrictions
    group = Group(
        id=new_id(now),
        org_id=sent.org_id,
        name=sent.name,
        created=now,
        tags=_tags(sent.tags),
        region_usage_restrictions=None if restrictions is UNSET else restrictions,
        with_default_alerts_settings=sent.with_default_alerts_settings,
    )
    with call.store.write() as session:
        _refuse_taken(session, group)
        session.add_group(group)
        _own(session, call.principal, group.id)
        return Located(shown(call, session, group), f"/groups/{group.id}")


@operation("getGroup", "GET /groups/{groupId}", since="2023-01-01", roles=PROJECT_READERS)
def get_group(call: Call, group_id: str) -> Any:
    """One project."""
    with call.store.read() as session:
        return shown(call, session, find_group(session, group_id))


@operation("getGroupByName", "GET /groups/byName/{groupName}", since="2023-01-01", roles=None)
def get_group_by_name(call: Call, group_name: str) -> Any:
    """One project of the caller's organization, by its name."""
    with call.store.read() as session:
        group = session.group_by_name(group_name, call.principal.org_id)
        if group is None or not call.principal.may(PROJECT_READERS, group.id):
            raise UserError("GROUP_NAME_NOT_FOUND", group_name[:120])
        return shown(call, session, group)


@operation("updateGroup", "PATCH /groups/{groupId}", since="2023-01-01", roles=OWNERS)
def update_group(call: Call, group_id: str) -> Any:
    """Change the name or the tags, which are replaced as a whole."""
    sent = Body.parse(call.body, optional=True).into(GroupUpdate)
    changes: dict[str, Any] = {
        field: value
        for field in ("name", "with_default_alerts_settings")
        if (value := getattr(sent, field)) is not UNSET
    }
    if sent.tags is not UNSET:
        changes["tags"] = _tags(sent.tags)
    with call.store.write() as session:
        group = msgspec.structs.replace(find_group(session, group_id), **changes)
        _refuse_taken(session, group)
        session.replace_group(group)
        return shown(call, session, group)


@operation(
    "deleteGroup",
    "DELETE /groups/{groupId}",
    since="2023-01-01",
    roles=OWNERS,
    status=202,
    guess="the status of the refusal while workspaces exist: 409; that private links count like them",
)
def delete_group(call: Call, group_id: str) -> None:
    """Remove a project that has no workspace and no private link; roles held in it go with it."""
    with call.store.write() as session:
        group = find_group(session, group_id)
        links = session.networks.links(group.id, call.clock.now())
        if session.workspaces(group.id) or any(link.deleted is None for link in links):
            raise UserError("CANNOT_CLOSE_GROUP_ACTIVE_STREAMS_RESOURCE", group.id)
        session.remove_group(group.id)


def find_group(session: Session, id: str) -> Group:
    """The project of that id; raises GROUP_NOT_FOUND."""
    group = session.group(id)
    if group is None:
        raise UserError("GROUP_NOT_FOUND", id)
    return group


def visible(session: Session, principal: Principal) -> list[Group]:
    """The projects of the principal's organization in which it may read."""
    return [g for g in session.groups(principal.org_id) if principal.may(PROJECT_READERS, g.id)]


def shown(call: Call, session: Session, group: Group) -> dict[str, Any]:
    """Upstream's ``Group``. Every configured cluster counts in every project."""
    answer = {
        "clusterCount": len(session.clusters()),
        "created": instant(group.created),
        "id": group.id,
        "links": self_link(call, f"/groups/{group.id}"),
        "name": group.name,
        "orgId": group.org_id,
        "tags": [{"key": key, "value": value} for key, value in sorted(group.tags.items())],
        "withDefaultAlertsSettings": group.with_default_alerts_settings,
    }
    if group.region_usage_restrictions is not None:
        answer["regionUsageRestrictions"] = group.region_usage_restrictions
    return answer


def shown_page(call: Call, session: Session, groups: list[Group]) -> Page:
    """The page of projects that the caller asks for."""
    page = call.page(groups)
    return Page([shown(call, session, group) for group in page.results], page.total)


def _tags(sent: tuple[Tag, ...]) -> dict[str, str]:
    tags = {tag.key: tag.value for tag in sent}
    if len(tags) != len(sent):
        raise UserError("INVALID_ATTRIBUTE", "tags", fields=[("tags", "has a key twice")])
    return tags


def _refuse_taken(session: Session, group: Group) -> None:
    other = session.group_by_name(group.name, group.org_id)
    if other is not None and other.id != group.id:
        raise UserError("GROUP_ALREADY_EXISTS", group.name)


def _own(session: Session, principal: Principal, group_id: str) -> None:
    """Make the caller, if it still exists, an owner of the project."""
    access, owner = session.access, {group_id: frozenset({Role.GROUP_OWNER})}
    if key := access.api_key(principal.id):
        access.replace_api_key(msgspec.structs.replace(key, group_roles={**key.group_roles, **owner}))
    elif account := access.service_account(principal.id):
        roles = {**account.group_roles, **owner}
        access.replace_service_account(msgspec.structs.replace(account, group_roles=roles))
