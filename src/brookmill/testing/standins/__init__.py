"""Stand-ins for the outside: one file per connection type, in memory, with the options of the real ones.

A stand-in is the real connection's struct with a ``world`` besides; it overrides how the connection is
opened and nothing else.
"""

from __future__ import annotations

from typing import Any

from brookmill.domain.connection import Connection
from brookmill.registry import Registry
from brookmill.testing.world import World

#: By the wire name of the type, e.g. ``STANDINS["Kafka"]``.
STANDINS: Registry[type[Connection]] = Registry("stand-in", __name__)


def standin(connection: Connection, world: World) -> Connection:
    """What stands in for ``connection``; itself if its type needs none."""
    kind: Any = STANDINS.get(connection.type)
    if kind is None:
        return connection
    members = {name: getattr(connection, name) for name in connection.__struct_fields__}
    made: Connection = kind(world=world, **members)
    return made
