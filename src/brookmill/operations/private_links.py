"""Private links of a project: list, create, get, update, delete."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from brookmill.domain.names import new_id
from brookmill.domain.principal import PROJECT_READERS, STREAM_MANAGERS
from brookmill.domain.private_link import PrivateLink, Target, Word
from brookmill.errors import UserError
from brookmill.operations import Call, Page, operation
from brookmill.operations.account_details import account_id
from brookmill.operations.answer import answer
from brookmill.operations.body import Body
from brookmill.operations.networking import users_of
from brookmill.store import Session

_LIST = "/groups/{groupId}/streams/privateLinkConnections"
_ONE = _LIST + "/{connectionId}"

_READ_ONLY = frozenset(
    {"_id", "errorMessage", "interfaceEndpointId", "interfaceEndpointName", "providerAccountId", "state"}
)


class Change(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Upstream's ``StreamsPrivateLinkConnectionRequest``."""

    dns_domain: Word | UnsetType = UNSET


@operation(
    "listGroupStreamPrivateLinkConnections",
    f"GET {_LIST}",
    since="2023-02-01",
    roles=PROJECT_READERS,
    paged=True,
    aliases=("listPrivateLinkConnections",),
    guess="the order of the list: creation",
)
def list_private_links(call: Call, group_id: str) -> Page:
    """All private links of the project, those too that are being deleted."""
    now = call.clock.now()
    with call.store.read() as session:
        page = call.page(session.networks.links(group_id, now))
    return Page([_shown(link, now) for link in page.results], page.total)


@operation(
    "createGroupStreamPrivateLinkConnection",
    f"POST {_LIST}",
    since="2023-02-01",
    roles=STREAM_MANAGERS,
    aliases=("createPrivateLinkConnection",),
    guess="the texts about missing members, and which links are the same; nothing is asked of a provider",
)
def create_private_link(call: Call, group_id: str) -> Any:
    """Add a private link; it goes from IDLE over WORKING to DONE. The answer repeats what was sent."""
    sent = Body.parse(call.body).into(Target, read_only=_READ_ONLY)
    target = _checked(sent.canonical())
    now = call.clock.now()
    link = PrivateLink(id=new_id(now), group_id=group_id, target=target, created=now)
    with call.store.write() as session:
        if session.group(group_id) is None:  # deleted since the caller was let in
            raise UserError("GROUP_NOT_FOUND", group_id)
        for other in session.networks.links(group_id, now):
            if other.target == target and other.deleted is None:
                raise UserError("STREAM_PRIVATE_LINK_ALREADY_EXISTS", other.id)
        session.networks.add_link(link)
    return answer(target) | answer(sent) | {"_id": link.id}


@operation(
    "getGroupStreamPrivateLinkConnection",
    f"GET {_ONE}",
    since="2023-02-01",
    roles=PROJECT_READERS,
    aliases=("getPrivateLinkConnection",),
)
def get_private_link(call: Call, group_id: str, connection_id: str) -> Any:
    """One private link."""
    now = call.clock.now()
    with call.store.read() as session:
        return _shown(_find(session, group_id, connection_id, now), now)


@operation(
    "updateGroupStreamPrivateLinkConnection",
    f"PATCH {_ONE}",
    since="2025-03-12",
    roles=STREAM_MANAGERS,
    aliases=("updatePrivateLinkConnection",),
    guess="the code and status for a dnsDomain that cannot be changed any more",
)
def update_private_link(call: Call, group_id: str, connection_id: str) -> Any:
    """Change ``dnsDomain``: at any time when it was never set, else in state IDLE alone."""
    now, body = call.clock.now(), Body.attempt(call.body)
    with call.store.write() as session:
        link = _find(session, group_id, connection_id, now)
        sent = body().into(Change)
        if sent.dns_domain not in (UNSET, link.target.dns_domain):
            link = _renamed(link, str(sent.dns_domain), now)
            session.networks.replace_link(link)
    return _shown(link, now)


@operation(
    "deleteGroupStreamPrivateLinkConnection",
    f"DELETE {_ONE}",
    since="2023-02-01",
    roles=STREAM_MANAGERS,
    status=202,
    aliases=("deletePrivateLinkConnection",),
    guess="deleting what is being deleted changes nothing",
)
def delete_private_link(call: Call, group_id: str, connection_id: str) -> None:
    """Remove a private link that no connection goes through; it stays a while in DELETE_REQUESTED."""
    now = call.clock.now()
    with call.store.write() as session:
        link = _find(session, group_id, connection_id, now)
        if users_of(session, group_id, link.id):
            raise UserError("STREAM_PRIVATE_LINK_IN_USE", link.id)
        if link.deleted is None:
            session.networks.replace_link(msgspec.structs.replace(link, deleted=now))


def _find(session: Session, group_id: str, id: str, now: float) -> PrivateLink:
    for link in session.networks.links(group_id, now):
        if link.id == id:
            return link
    raise UserError("STREAM_PRIVATE_LINK_NOT_FOUND", id[:120])


def _checked(target: Target) -> Target:
    for problem in target.problems():
        raise UserError("VALIDATION_ERROR", problem)
    return target


def _renamed(link: PrivateLink, dns_domain: str, now: float) -> PrivateLink:
    state = str(link.state(now))
    if link.deleted is not None or (link.target.dns_domain is not UNSET and state != "IDLE"):
        raise UserError("STREAM_PRIVATE_LINK_CANNOT_BE_MODIFIED", link.id, state)
    target = _checked(msgspec.structs.replace(link.target, dns_domain=dns_domain))
    return msgspec.structs.replace(link, target=target)


def _shown(link: PrivateLink, now: float) -> dict[str, Any]:
    shown: dict[str, Any] = answer(link.target)
    shown |= {
        "_id": link.id,
        "providerAccountId": account_id(link.target.provider.lower(), link.group_id),
        "state": link.state(now),
    }
    if shown["state"] == "DONE":
        shown["interfaceEndpointId"], shown["interfaceEndpointName"] = link.endpoint
    return shown
