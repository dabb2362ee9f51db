"""Commands that read: ``find``, ``aggregate``, ``count``, ``distinct``, and those of cursors."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterable, Iterator
from typing import Any

from bson import Int64

from brookmill.mql import sort
from brookmill.mql.compare import order_key
from brookmill.mql.expression import Parser
from brookmill.mql.filter import ends
from brookmill.mql.projection import parse_projection
from brookmill.mql.values import MISSING, Document, Value
from brookmill.testing.mongod.change_stream import ChangeStream
from brookmill.testing.mongod.commands import Call, command
from brookmill.testing.mongod.cursor import Found
from brookmill.testing.mongod.errors import CommandError
from brookmill.testing.mongod.member import member, number
from brookmill.testing.mongod.pipeline import Pipeline
from brookmill.testing.mongod.query import Query
from brookmill.testing.mongod.variables import Variables
from brookmill.testing.mongod.write import constants

#: Seconds that an empty cursor of a change stream waits unless told.
_AWAIT = 1.0


def _found(call: Call, spec: Document, variables: Variables) -> Iterator[Document]:
    collection = call.deployment.collection(call.database, call.target)
    query = Query.of(spec, variables)
    return iter(()) if collection is None else collection.find(query)


@command("find", needs="read")
def find(call: Call) -> Document:
    if call.command.get("tailable"):
        raise CommandError("tailable cursors are not implemented in this server", 238)
    variables = constants(call.deployment, call.command.get("let"))
    documents: Iterable[Document] = _found(call, member(call.command, "filter", dict, {}), variables)
    order = member(call.command, "sort", dict, {})
    if order and "$natural" not in order:
        documents = sort(documents, order)
    elif order.get("$natural") == -1:
        documents = reversed(list(documents))
    skip, limit = number(call.command, "skip") or 0, number(call.command, "limit") or 0
    if skip < 0:
        raise CommandError("the skip must be non-negative", 51024)
    documents = itertools.islice(documents, skip, skip + abs(limit) if limit else None)
    fields = member(call.command, "projection", dict, {})
    if fields:
        documents = _projected(documents, fields)
    single = call.command.get("singleBatch") or limit < 0
    size = number(call.command, "batchSize")
    if single:
        documents = itertools.islice(documents, size or abs(limit) or None)
    cursor = Found(f"{call.database}.{call.target}", documents)
    return call.deployment.cursors.opened(cursor, size)


def _projected(documents: Iterable[Document], fields: Document) -> Iterator[Document]:
    projection = parse_projection(fields, Parser())
    return (projection.apply(one, {"ROOT": one, "CURRENT": one}) for one in documents)


@command("aggregate", needs="login")
def aggregate(call: Call) -> Document:
    stages = call.command.get("pipeline")
    if not isinstance(stages, list) or not all(type(stage) is dict and len(stage) == 1 for stage in stages):
        raise CommandError("'pipeline' must be an array of objects with one member each", 14)
    options = call.command.get("cursor")
    if type(options) is not dict:
        raise CommandError(
            "The 'cursor' option is required, except for aggregate with the explain argument", 9
        )
    size = number(options, "batchSize")
    target = None if call.command["aggregate"] == 1 else call.target
    if stages and "$changeStream" in stages[0]:
        stream = ChangeStream.opened(call.deployment, call.database, target, stages)
        call.demand("read", None if stream.everywhere else call.database)
        return call.deployment.cursors.opened(stream, size)
    pipeline = Pipeline(call.deployment, call.database, call.demand)
    variables = constants(call.deployment, call.command.get("let"))
    documents = pipeline.answer(stages, target, variables)
    cursor = Found(f"{call.database}.{target or '$cmd.aggregate'}", documents)
    return call.deployment.cursors.opened(cursor, size)


@command("count", needs="read")
def count(call: Call) -> Document:
    found = _found(call, member(call.command, "query", dict, {}), constants(call.deployment))
    skip, limit = number(call.command, "skip") or 0, abs(number(call.command, "limit") or 0)
    if skip < 0:
        raise CommandError("the skip must be non-negative", 51024)
    return {"n": sum(1 for _ in itertools.islice(found, skip, skip + limit if limit else None))}


@command("distinct", needs="read")
def distinct(call: Call) -> Document:
    names = tuple(member(call.command, "key", str, "").split("."))
    values: dict[Any, Value] = {}
    for document in _found(call, member(call.command, "query", dict, {}), constants(call.deployment)):
        for value in ends(document, names):
            for item in value if isinstance(value, list) else [value]:
                if item is not MISSING:
                    values.setdefault(order_key(item), item)
    return {"values": [values[key] for key in sorted(values)]}


@command("getMore", needs="login")
def get_more(call: Call) -> Document:
    deployment, opened = call.deployment, number(call.command, "getMore") or 0
    cursor = deployment.cursors.find(opened)
    size = number(call.command, "batchSize") or None
    batch = cursor.batch(size)
    wait = number(call.command, "maxTimeMS")
    deadline = time.monotonic() + (_AWAIT if wait is None else wait / 1000)
    while not batch and cursor.awaits and not cursor.finished and not deployment.stopping:
        left = deadline - time.monotonic()
        if left <= 0 or not deployment.oplog.changed.wait(left):
            break
        deployment.cursors.find(opened)  # somebody may have killed it meanwhile
        batch = cursor.batch(size)
    return deployment.cursors.more(opened, cursor, batch)


@command("killCursors", needs="login")
def kill_cursors(call: Call) -> Document:
    numbers = [one for one in member(call.command, "cursors", list) if isinstance(one, int)]
    killed = [Int64(one) for one in numbers if call.deployment.cursors.kill(one)]
    lost = [Int64(one) for one in numbers if one not in killed]
    call.deployment.oplog.changed.notify_all()
    return {"cursorsKilled": killed, "cursorsNotFound": lost, "cursorsAlive": [], "cursorsUnknown": []}
