"""How a connection reaches its system: kept, checked and returned; a self-hosted server routes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import msgspec
from msgspec import UNSET, UnsetType

from brookmill.domain.connection import Connection
from brookmill.domain.names import is_id

PUBLIC = "PUBLIC"


class Access(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Upstream's ``StreamsKafkaNetworkingAccess``. ``type`` UNSET means PUBLIC; ``name`` is reserved."""

    connection_id: str | UnsetType = UNSET
    name: str | UnsetType = UNSET
    tgw_route_id: str | UnsetType = UNSET
    type: Literal["PUBLIC", "VPC", "PRIVATE_LINK", "TRANSIT_GATEWAY"] | UnsetType = UNSET


class Networking(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The member ``networking`` of Kafka, S3 and AWSKinesisDataStreams."""

    access: Access | UnsetType = UNSET


class PublicPrivateAccess(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Upstream's ``StreamsPublicPrivateLinkNetworkingAccess``."""

    connection_id: str | UnsetType = UNSET
    type: Literal["PUBLIC", "PRIVATE_LINK"] | UnsetType = UNSET


class PublicPrivateNetworking(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The member ``publicPrivateNetworking`` of AWSLambda, AzureBlobStorage and GCPPubSub."""

    access: PublicPrivateAccess | UnsetType = UNSET


AnyNetworking = Networking | PublicPrivateNetworking | UnsetType

#: What a PATCH cannot change, with what stands for a member never sent (``Connection.immutable``).
IMMUTABLE = {
    "networking.access.type": PUBLIC,
    "networking.access.connectionId": None,
    "networking.access.tgwRouteId": None,
}
IMMUTABLE_PUBLIC_PRIVATE = {
    "publicPrivateNetworking.access.type": PUBLIC,
    "publicPrivateNetworking.access.connectionId": None,
}


def access_of(connection: Connection) -> Access | PublicPrivateAccess | None:
    """The way that a connection of any type goes; None when nothing about it was ever sent."""
    for name in ("networking", "public_private_networking"):
        networking: AnyNetworking = getattr(connection, name, UNSET)
        if networking is not UNSET and networking.access is not UNSET:
            return networking.access
    return None


def is_private(networking: AnyNetworking) -> bool:
    """Whether the connection goes another way than over the public network."""
    if networking is UNSET or networking.access is UNSET:
        return False
    return networking.access.type not in (UNSET, PUBLIC)


def networking_problems(networking: AnyNetworking) -> Iterator[str]:
    """Texts for VALIDATION_ERROR: a private link needs its id, and an id needs a private link."""
    if networking is UNSET or networking.access is UNSET:
        return
    access = networking.access
    linked = access.type == "PRIVATE_LINK"
    if linked and access.connection_id is UNSET:
        yield "A connection ID is required for networking access type PRIVATE_LINK"
    if not linked and access.connection_id is not UNSET:
        yield "A connection ID can only be specified for networking access type PRIVATE_LINK"
    if access.connection_id is not UNSET and not is_id(access.connection_id):
        yield "Invalid connectionId"
    if isinstance(access, Access) and access.tgw_route_id is not UNSET and not is_id(access.tgw_route_id):
        yield "Invalid tgwRouteId"
