"""API keys, for Digest: those of an organization, and the roles they have in its projects."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import UNSET, UnsetType

from brookmill.domain.access import ApiKey
from brookmill.domain.names import new_id
from brookmill.domain.principal import ORG_MEMBERS, OWNERS, PROJECT_READERS, Role
from brookmill.domain.secret import Secret
from brookmill.errors import UserError
from brookmill.operations import Call, Page, operation
from brookmill.operations.body import Body
from brookmill.operations.roles import assignments, granted
from brookmill.store import Session
from brookmill.store.credentials import ha1, new_private_key, new_public_key

_OF_ORG = "/orgs/{orgId}/apiKeys"
_OF_GROUP = "/groups/{groupId}/apiKeys"
_MEMBER = frozenset({Role.ORG_MEMBER})

Description = Annotated[str, msgspec.Meta(min_length=1, max_length=250, pattern=r"^[^\0]*\Z")]


class NewApiKey(msgspec.Struct, frozen=True):
    """Upstream's ``CreateAtlasOrganizationApiKey`` and ``CreateAtlasProjectApiKey``."""

    desc: Description
    roles: tuple[str, ...]


class ApiKeyUpdate(msgspec.Struct, frozen=True):
    """Upstream's ``UpdateAtlasOrganizationApiKey`` and ``UpdateAtlasProjectApiKey``."""

    desc: Description | UnsetType = UNSET
    roles: tuple[str, ...] | UnsetType = UNSET


class Assignment(msgspec.Struct, frozen=True):
    """Upstream's ``UserAccessRoleAssignment``."""

    roles: tuple[str, ...]


@operation(
    "listOrgApiKeys",
    f"GET {_OF_ORG}",
    since="2023-01-01",
    roles=ORG_MEMBERS,
    query=("includeCount",),
    paged=True,
)
def list_api_keys(call: Call, org_id: str) -> Page:
    """All keys of the organization. Private keys are kept nowhere, so not even masked ones are shown."""
    with call.store.read() as session:
        page = call.page(session.access.api_keys(org_id=org_id))
    return Page([shown(key) for key in page.results], page.total)


@operation("createOrgApiKey", f"POST {_OF_ORG}", since="2023-01-01", roles=OWNERS)
def create_api_key(call: Call, org_id: str) -> Any:
    """Add a key. This answer alone has the private key."""
    sent = Body.parse(call.body).into(NewApiKey)
    return _create(call, sent.desc, org_id, granted("ORG", sent.roles), {})


@operation("getOrgApiKey", f"GET {_OF_ORG}/{{apiUserId}}", since="2023-01-01", roles=ORG_MEMBERS)
def get_api_key(call: Call, org_id: str, api_user_id: str) -> Any:
    """One key."""
    with call.store.read() as session:
        return shown(find_api_key(session, org_id, api_user_id))


@operation("updateOrgApiKey", f"PATCH {_OF_ORG}/{{apiUserId}}", since="2023-01-01", roles=OWNERS)
def update_api_key(call: Call, org_id: str, api_user_id: str) -> Any:
    """Change the description or the roles in the organization, which are replaced as a whole."""
    sent = Body.parse(call.body, optional=True).into(ApiKeyUpdate)
    changes: dict[str, Any] = {} if sent.desc is UNSET else {"description": sent.desc}
    if sent.roles is not UNSET:
        changes["org_roles"] = granted("ORG", sent.roles)
    return _change(call, org_id, api_user_id, **changes)


@operation("deleteOrgApiKey", f"DELETE {_OF_ORG}/{{apiUserId}}", since="2023-01-01", roles=OWNERS, status=204)
def delete_api_key(call: Call, org_id: str, api_user_id: str) -> None:
    """Remove a key; from now on it opens nothing."""
    with call.store.write() as session:
        session.access.remove_api_key(find_api_key(session, org_id, api_user_id).id)


# --- in a project


@operation(
    "listGroupApiKeys",
    f"GET {_OF_GROUP}",
    since="2023-01-01",
    roles=PROJECT_READERS,
    query=("includeCount",),
    paged=True,
)
def list_group_api_keys(call: Call, group_id: str) -> Page:
    """The keys that have a role in the project."""
    with call.store.read() as session:
        page = call.page(session.access.api_keys(group_id=group_id))
    return Page([shown(key) for key in page.results], page.total)


@operation("createGroupApiKey", f"POST {_OF_GROUP}", since="2023-01-01", roles=OWNERS)
def create_group_api_key(call: Call, group_id: str) -> Any:
    """Add a key to the organization, as a plain member, with roles in the project."""
    sent = Body.parse(call.body).into(NewApiKey)
    roles = {group_id: granted("GROUP", sent.roles)}
    return _create(call, sent.desc, call.principal.org_id, _MEMBER, roles)


@operation(
    "addGroupApiKey",
    f"POST {_OF_GROUP}/{{apiUserId}}",
    since="2023-01-01",
    roles=OWNERS,
    status=204,
    guess="roles are added to those that the key has in the project",
)
def add_group_api_key(call: Call, group_id: str, api_user_id: str) -> None:
    """Give a key of the organization roles in the project."""
    sent = [item.into(Assignment, read_only={"userId"}) for item in Body.parse_list(call.body, most=100)]
    roles = granted("GROUP", [name for item in sent for name in item.roles])
    with call.store.write() as session:
        key = find_api_key(session, call.principal.org_id, api_user_id)
        held = key.group_roles.get(group_id, frozenset())
        session.access.replace_api_key(_in_group(key, group_id, held | roles))


@operation("updateGroupApiKeyRoles", f"PATCH {_OF_GROUP}/{{apiUserId}}", since="2023-01-01", roles=OWNERS)
def update_group_api_key(call: Call, group_id: str, api_user_id: str) -> Any:
    """Change the description or the roles in the project, which are replaced as a whole."""
    sent = Body.parse(call.body, optional=True).into(ApiKeyUpdate)
    with call.store.write() as session:
        key = find_api_key(session, call.principal.org_id, api_user_id)
        if sent.roles is not UNSET:
            key = _in_group(key, group_id, granted("GROUP", sent.roles))
        if sent.desc is not UNSET:
            key = msgspec.structs.replace(key, description=sent.desc)
        session.access.replace_api_key(key)
    return shown(key)


@operation(
    "removeGroupApiKey", f"DELETE {_OF_GROUP}/{{apiUserId}}", since="2023-01-01", roles=OWNERS, status=204
)
def remove_group_api_key(call: Call, group_id: str, api_user_id: str) -> None:
    """Take a key's roles in the project away; it stays in the organization."""
    with call.store.write() as session:
        key = find_api_key(session, call.principal.org_id, api_user_id)
        if group_id not in key.group_roles:
            raise UserError("API_KEY_NOT_FOUND", api_user_id[:120])
        session.access.replace_api_key(_in_group(key, group_id, frozenset()))


def find_api_key(session: Session, org_id: str, id: str) -> ApiKey:
    """The organization's key of that id; raises API_KEY_NOT_FOUND."""
    key = session.access.api_key(id)
    if key is None or key.org_id != org_id:
        raise UserError("API_KEY_NOT_FOUND", id[:120])
    return key


def shown(key: ApiKey, private_key: Secret | None = None) -> dict[str, Any]:
    """Upstream's ``ApiKeyUserDetails``; ``private_key`` in the answer that creates it, never again."""
    answer = {
        "desc": key.description,
        "id": key.id,
        "publicKey": key.public_key,
        "roles": assignments(key),
    }
    return answer if private_key is None else {**answer, "privateKey": private_key.reveal()}


def _create(
    call: Call, desc: str, org_id: str, org_roles: frozenset[Role], group_roles: dict[str, frozenset[Role]]
) -> dict[str, Any]:
    now, private = call.clock.now(), new_private_key()
    key = ApiKey(
        id=new_id(now),
        org_id=org_id,
        public_key=new_public_key(),
        description=desc,
        created=now,
        org_roles=org_roles,
        group_roles=group_roles,
    )
    with call.store.write() as session:
        session.access.add_api_key(key, ha1(key.public_key, private))
    return shown(key, private)


def _change(call: Call, org_id: str, id: str, **changes: Any) -> dict[str, Any]:
    with call.store.write() as session:
        key = msgspec.structs.replace(find_api_key(session, org_id, id), **changes)
        session.access.replace_api_key(key)
    return shown(key)


def _in_group(key: ApiKey, group_id: str, roles: frozenset[Role]) -> ApiKey:
    held = {id: kept for id, kept in key.group_roles.items() if id != group_id}
    return msgspec.structs.replace(key, group_roles=held | ({group_id: roles} if roles else {}))
