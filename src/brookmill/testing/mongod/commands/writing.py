"""Commands that write: ``insert``, ``update``, ``delete``, ``findAndModify``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from brookmill.mql.expression import Parser
from brookmill.mql.projection import parse_projection
from brookmill.mql.values import MISSING, Document
from brookmill.testing.mongod.commands import Call, command
from brookmill.testing.mongod.errors import CommandError, refusing
from brookmill.testing.mongod.member import member, objects
from brookmill.testing.mongod.write import Outcome, constants, delete, update

_MAX_BATCH = 100_000


def each(call: Call, statements: Sequence[Any], write: Callable[[Any], None]) -> list[Document]:
    """Write one after the other; the errors. The first one is the last, if the order counts."""
    errors: list[Document] = []
    for index, statement in enumerate(statements):
        try:
            with refusing():
                write(statement)
        except CommandError as e:
            errors.append(e.write_error(index))
            if call.command.get("ordered", True):
                break
    return errors


def _statements(call: Call, name: str) -> list[Document]:
    statements = objects(call.command, name)
    if not 1 <= len(statements) <= _MAX_BATCH:
        raise CommandError(f"Write batch sizes must be between 1 and {_MAX_BATCH}. Got {len(statements)}", 16)
    return statements


def _reply(reply: Document, errors: list[Document]) -> Document:
    return {**reply, "writeErrors": errors} if errors else reply


@command("insert", needs="readWrite")
def insert(call: Call) -> Document:
    documents = _statements(call, "documents")
    collection = call.deployment.made(call.database, call.target)
    done = 0

    def write(document: Document) -> None:
        nonlocal done
        collection.insert(document)
        done += 1

    errors = each(call, documents, write)
    return _reply({"n": done}, errors)


@command("update", needs="readWrite")
def update_(call: Call) -> Document:
    statements, variables = _statements(call, "updates"), constants(call.deployment, call.command.get("let"))
    outcomes: dict[int, Outcome] = {}
    index = -1

    def write(statement: Document) -> None:
        nonlocal index
        index += 1
        outcomes[index] = update(call.deployment, call.database, call.target, statement, variables)

    errors = each(call, statements, write)
    upserted = [
        {"index": i, "_id": one.upserted} for i, one in outcomes.items() if one.upserted is not MISSING
    ]
    reply: Document = {
        "n": sum(one.matched for one in outcomes.values()) + len(upserted),
        "nModified": sum(one.modified for one in outcomes.values()),
    }
    return _reply(reply | ({"upserted": upserted} if upserted else {}), errors)


@command("delete", needs="readWrite")
def delete_(call: Call) -> Document:
    variables = constants(call.deployment, call.command.get("let"))
    gone = 0

    def write(statement: Document) -> None:
        nonlocal gone
        gone += len(delete(call.deployment, call.database, call.target, statement, variables))

    errors = each(call, _statements(call, "deletes"), write)
    return _reply({"n": gone}, errors)


@command("findAndModify", "findandmodify", needs="readWrite")
def find_and_modify(call: Call) -> Document:
    command = call.command
    variables = constants(call.deployment, command.get("let"))
    statement: Document = {
        "q": member(command, "query", dict, {}),
        "sort": command.get("sort"),
        **{name: command[name] for name in ("upsert", "arrayFilters", "collation") if name in command},
    }
    where = (call.deployment, call.database, call.target)
    if command.get("remove"):
        gone = delete(*where, {**statement, "limit": 1}, variables)
        value = gone[0] if gone else None
        last: Document = {"n": len(gone)}
    else:
        outcome = update(*where, {**statement, "u": command.get("update")}, variables)
        value = outcome.after if command.get("new") else outcome.before
        upserted = outcome.upserted is not MISSING
        last = {
            "n": outcome.matched or int(upserted),
            "updatedExisting": not upserted and outcome.matched > 0,
        }
        last |= {"upserted": outcome.upserted} if upserted else {}
    fields = member(command, "fields", dict, {})
    if value is not None and fields:
        value = parse_projection(fields, Parser()).apply(value, {"ROOT": value, "CURRENT": value})
    return {"lastErrorObject": last, "value": value}
