"""A MongoDB-protocol server in memory, for tests: any driver can use it, change streams included.

::

    with mongod() as server:
        client = MongoClient(server.uri)

One replica set of one member: commands, aggregation, unique indexes, validation, time-series collections,
logins and roles, TLS, change streams of every scope. What it does not have it refuses: transactions, views,
positional updates, collations. Nothing is kept on disk.
"""

from __future__ import annotations

from brookmill.testing.mongod.server import Mongod, mongod
from brookmill.testing.mongod.user import User

__all__ = ["Mongod", "User", "mongod"]
