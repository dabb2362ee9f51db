"""Who may log in, and what he may do."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from brookmill.wire.scram import Credential

Access = Literal["read", "readWrite"]

_READING = frozenset({"read", "readWrite", "dbOwner", "dbAdmin"})
_WRITING = frozenset({"readWrite", "dbOwner"})


@dataclass(frozen=True)
class User:
    """``roles``: ``root``, ``readAnyDatabase`` and ``readWriteAnyDatabase``, or of one database like
    ``read@shop``, ``readWrite@shop``.
    """

    name: str
    password: str
    roles: tuple[str, ...] = ("root",)

    def __post_init__(self) -> None:
        for role in self.roles:
            name, at, database = role.partition("@")
            if at and (name not in _READING or not database):
                raise ValueError(f"unknown role {role!r}")
            if not at and role not in ("root", "atlasAdmin", "readAnyDatabase", "readWriteAnyDatabase"):
                raise ValueError(f"unknown role {role!r}")

    def __repr__(self) -> str:
        return f"User({self.name!r}, roles={self.roles!r})"

    @cached_property
    def credential(self) -> Credential:
        return Credential.of(self.password)

    def may(self, access: Access, database: str | None) -> bool:
        """``database`` None: all of them."""
        anywhere = {"root", "atlasAdmin", "readWriteAnyDatabase"}
        if access == "read":
            anywhere.add("readAnyDatabase")
        if anywhere & set(self.roles):
            return True
        names = _READING if access == "read" else _WRITING
        return database is not None and any(f"{name}@{database}" in self.roles for name in names)
