"""Names of databases and collections: which can be, and how many one processor may write to."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from brookmill.errors import DocumentError

#: Upstream's limit of distinct targets of one processor.
MOST_TARGETS = 1000

#: What no server takes, on whichever system it runs.
_IN_DATABASE = re.compile(r'[/\\. "$*<>:|?\0]')
_IN_COLLECTION = re.compile(r"[$\0]")
#: Bytes of a database's name, and of both names with the dot between them.
_DATABASE_BYTES, _NAMESPACE_BYTES = 63, 255


class Namespace(NamedTuple):
    """A collection of a database."""

    db: str
    coll: str

    def __str__(self) -> str:
        return f"{self.db}.{self.coll}"


def database_problem(name: Any) -> str | None:
    """Why ``name`` cannot be that of a database; None when it can."""
    if not isinstance(name, str) or not name:
        return "db must be the name of a database"
    if _IN_DATABASE.search(name) or len(name.encode(errors="replace")) > _DATABASE_BYTES:
        return f"db cannot be {name[:100]!r}: no database can have that name"
    return None


def collection_problem(name: Any) -> str | None:
    """Why ``name`` cannot be that of a collection to read or write; None when it can."""
    if not isinstance(name, str) or not name:
        return "coll must be the name of a collection"
    wrong = _IN_COLLECTION.search(name) or name[0] == "." or name[-1] == "." or name.startswith("system.")
    if wrong or len(name.encode(errors="replace")) > _NAMESPACE_BYTES:
        return f"coll cannot be {name[:100]!r}: no collection can have that name"
    return None


class Targets:
    """The collections that one sink has written to."""

    def __init__(self) -> None:
        self._known: set[Namespace] = set()

    def find(self, db: Any, coll: Any) -> Namespace:
        """The target of these names. Raises DocumentError for bad ones, and for one too many."""
        if isinstance(db, str) and isinstance(coll, str) and (target := Namespace(db, coll)) in self._known:
            return target
        problem = database_problem(db) or collection_problem(coll)
        if problem is not None:
            raise DocumentError(problem)
        target = Namespace(db, coll)
        if len(str(target).encode(errors="replace")) > _NAMESPACE_BYTES:
            raise DocumentError(f"the names of database and collection are too long: {str(target)[:100]!r}")
        if len(self._known) >= MOST_TARGETS:
            raise DocumentError(f"a processor writes to at most {MOST_TARGETS} collections")
        self._known.add(target)
        return target
