"""A connection as it is written, kept, merged and checked; the types are in ``brookmill.connections``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Literal, Self

import msgspec
from msgspec import UNSET, UnsetType

from brookmill.domain.names import made_at
from brookmill.domain.secret import Secret

State = Literal["PENDING", "READY", "DELETING", "FAILED"]

#: Seconds that a connection over private networking stays PENDING. Nothing is deployed on a self-hosted
#: server, but clients count on seeing the state.
DEPLOYMENT = 2


class Connection(
    msgspec.Struct, frozen=True, kw_only=True, rename="camel", tag_field="type", forbid_unknown_fields=True
):
    """The part that all types share.

    A member never sent is ``UNSET``: it is not stored and not returned. ``id``, ``state`` and ``region`` are
    filled by the server. Field types tell how a PATCH merges: structs member by member, mappings and lists
    as a whole, ``Secret`` kept when omitted, ``None`` clears only where the type allows it.
    """

    #: Wire paths of the members that no connection of the type can do without.
    required: ClassVar[tuple[str, ...]] = ()
    #: Wire paths that a PATCH cannot change, and what stands for one never sent (contract c.2, step 6).
    immutable: ClassVar[Mapping[str, Any]] = {}
    #: Wire paths of the members that hold certificates as PEM.
    certificates: ClassVar[tuple[str, ...]] = ()
    #: Wire paths of the members that hold HTTP headers, in which tokens may be.
    headers_at: ClassVar[tuple[str, ...]] = ()

    id: str | UnsetType = UNSET
    name: str | UnsetType = UNSET
    region: str | UnsetType = UNSET
    state: State | UnsetType = UNSET

    @property
    def type(self) -> str:
        """The type by its wire name, e.g. ``AWSLambda``."""
        return str(self.__struct_config__.tag)

    @property
    def private(self) -> bool:
        """Whether it goes over private networking and so has to be deployed first."""
        return False

    def filled(self) -> Self:
        """This connection with the defaults that Atlas documents filled in (Kafka: networking PUBLIC)."""
        return self

    def problems(self) -> Iterator[str]:
        """Texts for VALIDATION_ERROR, first the one to show; none when the whole is right."""
        yield from ()


def at(value: Any, path: str) -> Any:
    """The member of a struct at a dotted wire path; UNSET when it, or what should hold it, was never sent."""
    for part in path.split("."):
        if not isinstance(value, msgspec.Struct):
            return UNSET
        value = getattr(value, dict(_names(value))[part])
    return value


def missing(connection: Connection) -> list[str]:
    """The required members that are not there."""
    return [path for path in connection.required if at(connection, path) in (UNSET, None)]


def changed(kept: Connection, now: Connection) -> list[str]:
    """The immutable members in which ``now`` differs from ``kept``."""

    def value(connection: Connection, path: str, default: Any) -> Any:
        return default if (found := at(connection, path)) in (UNSET, None) else found

    return [p for p, default in kept.immutable.items() if value(kept, p, default) != value(now, p, default)]


def settled(connection: Connection, now: float) -> Connection:
    """``connection`` as it stands at ``now`` (seconds since the epoch): a deployment ends by itself."""
    if connection.state != "PENDING" or connection.id is UNSET:
        return connection
    if now < made_at(connection.id) + DEPLOYMENT:
        return connection
    return msgspec.structs.replace(connection, state="READY")


def merged(kept: Any, sent: Any) -> Any:
    """``kept`` with the members of ``sent`` over it: UNSET keeps, None clears, structs merge, others replace.

    A struct with ``variants`` loses, when the choice changes, what the new one does not know and the secrets
    of every choice: the new one's must be sent.
    """
    if not isinstance(kept, msgspec.Struct) or type(sent) is not type(kept):
        return UNSET if sent is None else sent
    kept = _without_old_variant(kept, sent)
    changes = {
        name: merged(getattr(kept, name), value)
        for name in kept.__struct_fields__
        if (value := getattr(sent, name)) is not UNSET
    }
    return msgspec.structs.replace(kept, **changes)


class Variants(msgspec.Struct, frozen=True):
    """Members of a struct that belong to one value of the member ``by``, all by attribute name.

    Example: ``Variants("mechanism", {"PLAIN": {"username", "password"}, …})``. Others go with all.
    """

    by: str
    members: Mapping[str, frozenset[str]]


def _without_old_variant(kept: msgspec.Struct, sent: msgspec.Struct) -> msgspec.Struct:
    variants: Variants | None = getattr(kept, "variants", None)
    if variants is None:
        return kept
    old, new = getattr(kept, variants.by), getattr(sent, variants.by)
    if new is UNSET or new == old:
        return kept
    stays = variants.members.get(new, frozenset())
    dropped = {
        name: UNSET
        for name in frozenset().union(*variants.members.values())
        if name not in stays or isinstance(getattr(kept, name), Secret)
    }
    return msgspec.structs.replace(kept, **dropped)


def secrets(value: Any, path: str = "") -> Iterator[tuple[str, Secret]]:
    """Every secret in a struct with its dotted wire path, e.g. ``authentication.password``."""
    if isinstance(value, Secret):
        yield path, value
    elif isinstance(value, msgspec.Struct):
        for wire, name in _names(value):
            yield from secrets(getattr(value, name), f"{path}.{wire}".lstrip("."))


def _names(struct: msgspec.Struct) -> Iterator[tuple[str, str]]:
    """Wire name and attribute name of every member."""
    return zip(struct.__struct_encode_fields__, struct.__struct_fields__, strict=True)
