"""The command ``bulkWrite``: writes to several collections at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from brookmill.mql.values import MISSING, Document
from brookmill.testing.mongod.commands import Call, command
from brookmill.testing.mongod.cursor import Found
from brookmill.testing.mongod.errors import CommandError, refusing
from brookmill.testing.mongod.member import member, number, objects
from brookmill.testing.mongod.variables import Variables
from brookmill.testing.mongod.write import constants, delete, update

_COUNTS = ("nErrors", "nInserted", "nMatched", "nModified", "nUpserted", "nDeleted")


@command("bulkWrite", needs="login")
def bulk_write(call: Call) -> Document:
    spaces = [member(one, "ns", str).partition(".")[::2] for one in objects(call.command, "nsInfo")]
    for database, _ in spaces:
        call.demand("readWrite", database)
    counts: Counter[str] = Counter(dict.fromkeys(_COUNTS, 0))
    results = list(_results(call, spaces, counts))
    if call.command.get("errorsOnly"):
        results = [one for one in results if not one["ok"]]
    cursor = Found("admin.$cmd.bulkWrite", results)
    return {**call.deployment.cursors.opened(cursor, None), **counts}


def _results(call: Call, spaces: list[tuple[str, str]], counts: Counter[str]) -> Iterator[Document]:
    """One for each operation, until the first error if the order counts."""
    variables = constants(call.deployment, call.command.get("let"))
    for index, operation in enumerate(objects(call.command, "ops")):
        try:
            with refusing():
                space = number(operation, next(iter(operation), ""))
                if space is None or not 0 <= space < len(spaces):
                    raise CommandError("an operation must name one of nsInfo", 2)
                result = _carry_out(call, spaces[space], operation, counts, variables)
            yield {"ok": 1.0, "idx": index, **result}
        except CommandError as e:
            counts["nErrors"] += 1
            error = e.write_error(index)
            del error["index"]
            yield {"ok": 0.0, "idx": index, **error, "n": 0, "nModified": 0}
            if call.command.get("ordered", True):
                return


def _carry_out(
    call: Call, space: tuple[str, str], operation: Document, counts: Counter[str], variables: Variables
) -> Document:
    database, name = space
    match next(iter(operation)):
        case "insert":
            call.deployment.made(database, name).insert(member(operation, "document", dict))
            counts["nInserted"] += 1
            return {"n": 1}
        case "delete":
            statement = {"q": operation.get("filter"), "limit": 0 if operation.get("multi") else 1}
            gone = len(delete(call.deployment, database, name, statement, variables))
            counts["nDeleted"] += gone
            return {"n": gone}
        case "update":
            renamed = {"q": "filter", "u": "updateMods", "c": "constants"}
            statement = operation | {name: operation.get(other) for name, other in renamed.items()}
            outcome = update(call.deployment, database, name, statement, variables)
            counts["nMatched"] += outcome.matched
            counts["nModified"] += outcome.modified
            if outcome.upserted is MISSING:
                return {"n": outcome.matched, "nModified": outcome.modified}
            counts["nUpserted"] += 1
            return {"n": 1, "nModified": 0, "upserted": {"_id": outcome.upserted}}
        case other:
            raise CommandError(f"unknown operation of bulkWrite: {other[:50]}", 40415)
