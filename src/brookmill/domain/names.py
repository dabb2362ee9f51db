"""The names that users choose, and the ids that Brookmill makes."""

from __future__ import annotations

import re
import secrets
from typing import Literal

#: The longest name taken. Upstream tells no limit; long enough for every published example.
LONGEST = 128

_NAME = re.compile(rf"[A-Za-z0-9.*_-]{{1,{LONGEST}}}")
_ID = re.compile(r"[a-f0-9]{24}")

#: Words that stand in the place of a workspace name in paths and win over it.
_TAKEN_BY_ROUTES = frozenset(
    {"accountDetails", "privateLinkConnections", "vpcPeeringConnections", "activeVpcPeeringConnections"}
)

Named = Literal["connection", "workspace", "processor"]


def is_name(text: str) -> bool:
    """Whether ``text`` can be a name at all: ASCII letters, digits and ``. - * _``, and no path of dots."""
    return bool(_NAME.fullmatch(text)) and text not in {".", ".."}


def name_problem(kind: Named, text: str) -> str | None:
    """Why ``text`` cannot name a new ``kind``, as a text for VALIDATION_ERROR; None when it can."""
    if not is_name(text):
        return f"Invalid {kind} name: 1 to {LONGEST} letters, digits and the characters . - * _ are allowed"
    if kind == "workspace" and text in _TAKEN_BY_ROUTES:
        return f"Invalid workspace name: {text} is a reserved word"
    return None


def is_id(text: str) -> bool:
    """Whether ``text`` is an id as Atlas writes them: 24 lower-case hexadecimal digits."""
    return bool(_ID.fullmatch(text))


def new_id(now: float) -> str:
    """A new id: four bytes of ``now`` (seconds since the epoch), eight random ones."""
    return f"{int(now) & 0xFFFFFFFF:08x}{secrets.token_hex(8)}"


def made_at(id: str) -> int:
    """The second since the epoch in which ``id`` was made."""
    return int(id[:8], 16)
