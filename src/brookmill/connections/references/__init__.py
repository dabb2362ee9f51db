"""References to secrets that are kept elsewhere, in the place of text.

``${env:NAME}`` is a variable of the server's environment, ``${file:PATH}`` a file on its machine,
``${vault:MOUNT/PATH#FIELD}`` a field in HashiCorp Vault (KV version 2). They may be parts of a text, in every
member of a connection that is text. What they may name is allow-listed by the settings ``references_…``;
while none of these is set, a reference is text like any other. They are resolved when a worker is started,
nowhere else: what is kept and shown is the reference.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import msgspec

from brookmill.config import Settings
from brookmill.domain.connection import Connection
from brookmill.domain.secret import Secret
from brookmill.errors import ConnectionFailed
from brookmill.registry import Registry

C = TypeVar("C", bound=Connection)

#: Finds the text behind a name. Raises ConnectionFailed, whose text may tell the name, if that is allowed.
Provider = Callable[[str, Settings], str]

PROVIDERS: Registry[Provider] = Registry("reference", __name__)

_REFERENCE = re.compile(r"\$\{(?P<provider>env|file|vault):(?P<name>[^{}]*)\}")

#: Members that are the server's own, or told to everybody.
_PLAIN = frozenset({"id", "name", "region", "state"})

#: Bytes of a text that a reference may stand for.
LONGEST = 64 * 1024


def resolved(connection: C, settings: Settings) -> C:
    """``connection`` with the texts in the place of the references.

    Raises ConnectionFailed; its text names the member and what is wrong, never what was found.
    """
    if not any((settings.references_env, settings.references_file, settings.references_vault)):
        return connection
    found: dict[str, str] = {}
    members = {
        name: _resolved(getattr(connection, name), wire, settings, found)
        for wire, name in _names(connection)
        if name not in _PLAIN
    }
    now = msgspec.structs.replace(connection, **members)
    if found and (problem := next(now.problems(), None)):
        raise unresolved(f"what connection {connection.name} refers to makes it wrong: {problem}")
    return now


def _names(struct: msgspec.Struct) -> Iterator[tuple[str, str]]:
    return zip(struct.__struct_encode_fields__, struct.__struct_fields__, strict=True)


def _resolved(value: Any, path: str, settings: Settings, found: dict[str, str]) -> Any:
    if isinstance(value, Secret):
        return Secret(_text(value.reveal(), path, settings, found))
    if isinstance(value, str):
        return _text(value, path, settings, found)
    if isinstance(value, msgspec.Struct):
        members = {
            name: _resolved(getattr(value, name), f"{path}.{wire}", settings, found)
            for wire, name in _names(value)
        }
        return msgspec.structs.replace(value, **members)
    if isinstance(value, dict):
        return {name: _resolved(member, f"{path}.{name}", settings, found) for name, member in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_resolved(item, path, settings, found) for item in value)
    return value


def _text(text: str, path: str, settings: Settings, found: dict[str, str]) -> str:
    def look_up(match: re.Match[str]) -> str:
        reference = match[0]
        if reference not in found:
            try:
                found[reference] = PROVIDERS[match["provider"]](match["name"], settings)
            except ConnectionFailed as e:
                raise unresolved(f"{path}: {e}", retry=e.retry) from None
        return found[reference]

    return _REFERENCE.sub(look_up, text)


def allowed(name: str, prefixes: str | None, kind: str, setting: str) -> str:
    """``name``, if it begins with one of the comma-separated ``prefixes``. Raises ConnectionFailed (420)."""
    if not any(name.startswith(prefix) for prefix in listed(prefixes)):
        raise unresolved(f"the reference to {kind} is not allowed; the setting {setting} says which are")
    return name


def listed(prefixes: str | None) -> list[str]:
    """The prefixes one by one; an empty one would allow everything and is none."""
    return [stripped for prefix in (prefixes or "").split(",") if (stripped := prefix.strip())]


def unresolved(text: str, *, retry: bool = False) -> ConnectionFailed:
    """The failure of a reference. ``retry``: what it names may be there a moment later."""
    return ConnectionFailed(text, retry=retry, code=420, name="StreamProcessorInvalidOptions")
