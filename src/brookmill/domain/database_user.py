"""Database users: who may log in with the MongoDB protocol, and what each role lets them do."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class DatabaseRole(StrEnum):
    """The built-in roles of Atlas that reach stream processing."""

    ATLAS_ADMIN = "atlasAdmin"
    READ_WRITE_ANY_DATABASE = "readWriteAnyDatabase"
    READ_ANY_DATABASE = "readAnyDatabase"


#: Privilege actions that only look. Each action has the name of its command; engine reference, section 8.
_READING = frozenset(
    {
        "getMoreSampleStreamProcessor",
        "getStreamProcessor",
        "getStreamProcessorStats",
        "listStreamConnections",
        "listStreamProcessors",
        "listWorkspaceDefaults",
        "sampleStreamProcessor",
    }
)
_WRITING = frozenset(
    {
        "createStreamProcessor",
        "dropStreamProcessor",
        "modifyStreamProcessor",
        "processStreamProcessor",
        "startStreamProcessor",
        "stopStreamProcessor",
    }
)

#: What each role may do.
ACTIONS = {
    DatabaseRole.ATLAS_ADMIN: _READING | _WRITING,
    DatabaseRole.READ_WRITE_ANY_DATABASE: _READING | _WRITING,
    DatabaseRole.READ_ANY_DATABASE: _READING,
}


class DatabaseUser(msgspec.Struct, frozen=True, kw_only=True):
    """A user of one project. ``workspaces``: the names of those he may use; none: all of the project.

    ``name`` is unique on the whole server: a login names no project. ``created``: seconds since the epoch.
    """

    id: str
    group_id: str
    name: str
    created: float
    roles: tuple[DatabaseRole, ...] = (DatabaseRole.ATLAS_ADMIN,)
    workspaces: tuple[str, ...] = ()

    def may(self, action: str) -> bool:
        """Whether one of the roles holds the privilege ``action``."""
        return any(action in ACTIONS[role] for role in self.roles)

    def reaches(self, workspace: str) -> bool:
        """Whether the user may use the workspace of that name at all."""
        return not self.workspaces or workspace in self.workspaces


def user_problem(name: str) -> str | None:
    """Why ``name`` cannot name a database user; None when it can."""
    if not 1 <= len(name) <= 256 or not name.isprintable() or name != name.strip():
        return "a database user's name has 1 to 256 printable characters and no blanks around it"
    return None
