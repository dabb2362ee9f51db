"""What a caller gets to see of a struct: never a secret, nothing that was never sent."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import UNSET

from brookmill.domain.secret import Secret


def answer(value: Any, *, omit: frozenset[str] = frozenset()) -> Any:
    """``value`` as JSON types: structs become dicts with their wire names.

    Left out are members that are a Secret or UNSET and top-level wire names in ``omit``. ``Raw`` stays, dates
    become ISO 8601 strings in UTC, BSON integers plain ones.
    """
    if isinstance(value, msgspec.Struct):
        members = {
            wire: answer(member)
            for wire, name in zip(value.__struct_encode_fields__, value.__struct_fields__, strict=True)
            if not isinstance(member := getattr(value, name), Secret)
            and member is not UNSET
            and wire not in omit
        }
        config = value.__struct_config__
        if config.tag_field is not None:
            members[config.tag_field] = config.tag
        return members
    if isinstance(value, Mapping):
        return {name: answer(item) for name, item in value.items() if not isinstance(item, Secret)}
    if isinstance(value, list | tuple):
        return [answer(item) for item in value if not isinstance(item, Secret)]
    if isinstance(value, dt.datetime):
        utc = value.replace(tzinfo=value.tzinfo or dt.UTC).astimezone(dt.UTC)
        return utc.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    if isinstance(value, int) and not isinstance(value, bool):
        return int(value)
    return value


def instant(seconds: float) -> str:
    """Seconds since the epoch as Atlas writes dates: ``2026-11-23T09:00:00Z``, whole seconds in UTC."""
    return dt.datetime.fromtimestamp(int(seconds), dt.UTC).isoformat().replace("+00:00", "Z")
