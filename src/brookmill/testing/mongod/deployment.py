"""All that one server holds: collections by name, and what happens to them as a whole."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Mapping

from bson import ObjectId

from brookmill.mql.values import Document
from brookmill.testing.mongod.collection import Collection
from brookmill.testing.mongod.cursor import Cursors
from brookmill.testing.mongod.errors import CommandError
from brookmill.testing.mongod.fault import Faults
from brookmill.testing.mongod.oplog import Oplog
from brookmill.testing.mongod.user import User

#: Databases that no change stream sees.
INTERNAL = frozenset({"admin", "config", "local"})


class Deployment:
    """Not safe for threads: whoever uses it holds ``oplog.changed``."""

    def __init__(self, users: Mapping[str, User], oplog: Oplog) -> None:
        self.users = users
        self.oplog = oplog
        self.id = ObjectId()
        #: Makes up what a login tells of users that do not exist.
        self.secret = secrets.token_bytes(32)
        self.collections: dict[tuple[str, str], Collection] = {}
        self.cursors = Cursors()
        self.faults = Faults()
        #: The last retryable write of each session: its number, and the answer it got.
        self.answered: dict[uuid.UUID, tuple[int, Document]] = {}
        self.address = ""
        self.stopping = False

    def collection(self, database: str, name: str) -> Collection | None:
        return self.collections.get((database, name))

    def existing(self, database: str, name: str) -> Collection:
        """Raises CommandError when there is none."""
        found = self.collections.get((database, name))
        if found is None:
            raise CommandError(f"ns does not exist: {database}.{name}", 26)
        return found

    def made(self, database: str, name: str) -> Collection:
        """The collection; created if there is none, as a first insert does."""
        return self.collections.get((database, name)) or self.create(database, name, {})

    def create(self, database: str, name: str, options: Document) -> Collection:
        check_name(database, name)
        if (database, name) in self.collections:
            raise CommandError(f"Collection {database}.{name} already exists.", 48)
        collection = Collection(database, name, self.oplog, options)
        self.collections[database, name] = collection
        self.oplog.record("create", database, name, collection_id=collection.id)
        return collection

    def drop(self, database: str, name: str) -> None:
        collection = self.collections.pop((database, name))
        self.oplog.record("drop", database, name, collection_id=collection.id)

    def drop_database(self, database: str) -> None:
        names = self.names(database)
        for name in names:
            self.drop(database, name)
        if names:
            self.oplog.record("dropDatabase", database)

    def rename(self, source: tuple[str, str], target: tuple[str, str], *, drop_target: bool) -> None:
        collection = self.existing(*source)
        check_name(*target)
        if target in self.collections:
            if not drop_target:
                raise CommandError("target namespace exists", 48)
            self.drop(*target)
        self.collections[target] = self.collections.pop(source)
        collection.database, collection.name = target
        to = {"db": target[0], "coll": target[1]}
        self.oplog.record("rename", *source, collection_id=collection.id, extra={"to": to})

    def names(self, database: str) -> list[str]:
        """The collections of a database."""
        return [name for db, name in self.collections if db == database]

    def databases(self) -> list[str]:
        return sorted({database for database, _ in self.collections})


def check_name(database: str, name: str) -> None:
    """Raises CommandError for names that MongoDB does not have."""
    if not database or len(database) > 63 or set(database) & set('/\\. "$\0'):
        raise CommandError(f"Invalid database name: {database[:64]!r}", 73)
    if not name or "$" in name or "\0" in name or name[0] == "." or name[-1] == "." or ".." in name:
        raise CommandError(f"Invalid collection name: {name[:64]!r}", 73)
    if len(f"{database}.{name}".encode()) > 255:
        raise CommandError("Fully qualified namespace is too long", 73)
