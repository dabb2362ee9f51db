"""Commands about collections, indexes and databases: to make, change, list and drop them."""

from __future__ import annotations

from typing import Final

from brookmill.mql.values import Document
from brookmill.testing.mongod.collection import Collection
from brookmill.testing.mongod.commands import Call, command
from brookmill.testing.mongod.cursor import Found
from brookmill.testing.mongod.errors import CommandError
from brookmill.testing.mongod.member import member, objects
from brookmill.testing.mongod.query import Query

_OPTIONS: Final = (
    *("capped", "size", "max", "timeseries", "expireAfterSeconds", "clusteredIndex"),
    *("validator", "validationLevel", "validationAction", "changeStreamPreAndPostImages"),
)
_REFUSED: Final = ("viewOn", "encryptedFields")


def _options(command: Document) -> Document:
    for name in _REFUSED:
        if command.get(name):
            raise CommandError(f"{name} is not implemented in this server", 238)
    series = command.get("timeseries")
    if series is not None and (type(series) is not dict or type(series.get("timeField")) is not str):
        raise CommandError("BSON field 'create.timeseries.timeField' is missing but a required field", 40414)
    return {name: command[name] for name in _OPTIONS if command.get(name) is not None}


@command("create", needs="readWrite")
def create(call: Call) -> Document:
    call.deployment.create(call.database, call.target, _options(call.command))
    return {}


@command("collMod", needs="readWrite")
def coll_mod(call: Call) -> Document:
    call.deployment.existing(call.database, call.target).configure(_options(call.command))
    return {}


@command("drop", needs="readWrite")
def drop(call: Call) -> Document:
    collection = call.deployment.collection(call.database, call.target)
    if collection is None:
        return {}
    call.deployment.drop(call.database, call.target)
    return {"ns": collection.namespace, "nIndexesWas": len(collection.indexes)}


@command("dropDatabase", needs="readWrite")
def drop_database(call: Call) -> Document:
    there = bool(call.deployment.names(call.database))
    call.deployment.drop_database(call.database)
    return {"dropped": call.database} if there else {}


@command("renameCollection", needs="login")
def rename_collection(call: Call) -> Document:
    source, _, name = call.target.partition(".")
    target, _, new = member(call.command, "to", str).partition(".")
    call.demand("readWrite", source)
    call.demand("readWrite", target)
    call.deployment.rename((source, name), (target, new), drop_target=bool(call.command.get("dropTarget")))
    return {}


@command("listCollections", needs="read")
def list_collections(call: Call) -> Document:
    deployment, database = call.deployment, call.database
    entries = [_entry(deployment.existing(database, name)) for name in deployment.names(database)]
    query = Query.of(member(call.command, "filter", dict, {}), {})
    found = [entry for entry in entries if query.matches(entry)]
    if call.command.get("nameOnly"):
        found = [{name: entry[name] for name in ("name", "type")} for entry in found]
    return deployment.cursors.opened(Found(f"{database}.$cmd.listCollections", found), None)


def _entry(collection: Collection) -> Document:
    series = collection.time_field is not None
    entry: Document = {
        "name": collection.name,
        "type": "timeseries" if series else "collection",
        "options": collection.options,
        "info": {"readOnly": False} | ({} if series else {"uuid": collection.id}),
    }
    return entry if series else entry | {"idIndex": collection.indexes["_id_"].spec}


@command("listDatabases", needs="login")
def list_databases(call: Call) -> Document:
    names = [name for name in call.deployment.databases() if _visible(call, name)]
    query = Query.of(member(call.command, "filter", dict, {}), {})
    databases = [{"name": name, "sizeOnDisk": 0, "empty": False} for name in names]
    return {"databases": [one for one in databases if query.matches(one)], "totalSize": 0}


def _visible(call: Call, name: str) -> bool:
    try:
        call.demand("read", name)
    except CommandError:
        return False
    return True


@command("createIndexes", needs="readWrite")
def create_indexes(call: Call) -> Document:
    new = (call.database, call.target) not in call.deployment.collections
    collection = call.deployment.made(call.database, call.target)
    before = len(collection.indexes)
    specs = objects(call.command, "indexes")
    if not specs:
        raise CommandError("Must specify at least one index to create", 2)
    for spec in specs:
        _create_index(collection, spec)
    after = len(collection.indexes)
    return {"numIndexesBefore": before, "numIndexesAfter": after, "createdCollectionAutomatically": new}


def _create_index(collection: Collection, spec: Document) -> None:
    if type(spec.get("key")) is not dict or not spec["key"] or type(spec.get("name")) is not str:
        raise CommandError("an index needs a 'key' and a 'name'", 67)
    if spec["key"] == {"_id": 1}:
        return
    whole = {"v": 2, **spec}
    for index in collection.indexes.values():
        if index.spec == whole:
            return
        if index.name == spec["name"]:
            text = f"An existing index has the same name as the requested index: {index.name}"
            raise CommandError(text, 86)
        if list(index.pattern.items()) == list(spec["key"].items()):
            raise CommandError(f"Index already exists with a different name: {index.name}", 85)
    collection.index(whole)


@command("listIndexes", needs="read")
def list_indexes(call: Call) -> Document:
    collection = call.deployment.existing(call.database, call.target)
    specs = [index.spec for index in collection.indexes.values()]
    return call.deployment.cursors.opened(Found(collection.namespace, specs), None)


@command("dropIndexes", needs="readWrite")
def drop_indexes(call: Call) -> Document:
    collection = call.deployment.existing(call.database, call.target)
    before, wanted = len(collection.indexes), call.command.get("index")
    if wanted == "_id_":
        raise CommandError("cannot drop _id index", 72)
    names = [
        name
        for name, index in collection.indexes.items()
        if name != "_id_" and (wanted in ("*", name) or index.pattern == wanted)
    ]
    if not names and wanted != "*":
        raise CommandError(f"index not found with name [{wanted}]", 27)
    for name in names:
        del collection.indexes[name]
    return {"nIndexesWas": before}


@command("collStats", "dbStats", needs="read")
def stats(call: Call) -> Document:
    if call.name == "dbStats":
        return {"db": call.database, "collections": len(call.deployment.names(call.database))}
    collection = call.deployment.collection(call.database, call.target)
    found = 0 if collection is None else len(collection.documents)
    return {"ns": f"{call.database}.{call.target}", "count": found}
