"""Commands about databases: there are none, and clients that look for some find nothing."""

from __future__ import annotations

from bson import Int64

from brookmill.mql.values import Document
from brookmill.wire.commands import LOGIN, Call, command
from brookmill.wire.errors import CommandError


@command("listDatabases", needs=LOGIN)
async def list_databases(call: Call) -> Document:
    return {"databases": [], "totalSize": Int64(0), "totalSizeMb": Int64(0)}


@command("listCollections", needs=LOGIN)
async def list_collections(call: Call) -> Document:
    return _nothing(call, "$cmd.listCollections")


@command("aggregate", "find", needs=LOGIN)
async def aggregate(call: Call) -> Document:
    """Shells ask for sample documents to complete names with: an error would be shown in the prompt."""
    collection = call.command[call.name]
    return _nothing(call, collection if type(collection) is str else "$cmd.aggregate")


@command("getMore", needs=LOGIN)
async def get_more(call: Call) -> Document:
    raise CommandError(f"cursor id {str(call.command['getMore'])[:30]} not found", 43)


@command("killCursors", needs=LOGIN)
async def kill_cursors(call: Call) -> Document:
    cursors = call.command.get("cursors")
    none: list[Document] = []
    not_found = cursors if type(cursors) is list else none
    return {"cursorsKilled": none, "cursorsNotFound": not_found, "cursorsAlive": none, "cursorsUnknown": none}


def _nothing(call: Call, collection: str) -> Document:
    namespace = f"{call.command['$db']}.{collection[:100]}"
    return {"cursor": {"firstBatch": [], "id": Int64(0), "ns": namespace}}
