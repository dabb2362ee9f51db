"""A connection as it is written, kept, merged and checked; what each type adds is in ``brookmill.connections``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar, Self

import msgspec
from msgspec import UNSET, UnsetType

from brookmill.domain.secret import Secret


class Connection(msgspec.Struct, frozen=True, kw_only=True, rename="camel", tag_field="type", forbid_unknown_fields=True):
    """The part that all types share.

    A member that was never sent is ``UNSET``: it is not stored and not returned. ``id``, ``state`` and ``region``
    are filled by the server. Field types tell how a PATCH merges: structs member by member, mappings and lists
    as a whole, ``Secret`` kept when omitted, ``None`` clears only where the type allows it.
    """

    #: Paths of members that a PATCH cannot change, checked after validation (contract c.2, step 6).
    immutable: ClassVar[tuple[str, ...]] = ()

    id: str | UnsetType = UNSET
    name: str | UnsetType = UNSET
    region: str | UnsetType = UNSET
    state: str | UnsetType = UNSET

    def filled(self) -> Self:
        """This connection with the defaults that Atlas documents filled in (Kafka: networking PUBLIC)."""
        return self

    def problems(self) -> Iterator[str]:
        """Texts for VALIDATION_ERROR, first the one to show; none when the whole is right."""
        yield from ()


def merged(kept: Any, sent: Any) -> Any:
    """``kept`` with the members of ``sent`` over it; UNSET members keep, structs merge, all else replaces."""
    if not isinstance(kept, msgspec.Struct) or type(sent) is not type(kept):
        return sent
    changes = {
        field.name: merged(getattr(kept, field.name), value)
        for field in msgspec.structs.fields(kept)
        if (value := getattr(sent, field.name)) is not UNSET
    }
    return msgspec.structs.replace(kept, **changes)


def secrets(value: Any, path: str = "") -> Iterator[tuple[str, Secret]]:
    """Every secret in a struct with its dotted wire path, e.g. ``authentication.password``."""
    if isinstance(value, Secret):
        yield path, value
    elif isinstance(value, msgspec.Struct):
        for field in msgspec.structs.fields(value):
            yield from secrets(getattr(value, field.name), f"{path}.{field.encode_name}".lstrip("."))
