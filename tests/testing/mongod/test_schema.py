"""Rules of collections in memory: unique indexes, validators, time series, names and sizes."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from pymongo.database import Database
from pymongo.errors import (
    BulkWriteError,
    CollectionInvalid,
    DuplicateKeyError,
    OperationFailure,
    WriteError,
)

Doc = dict[str, Any]
Db = Database[Doc]


def test_ids_are_unique_whatever_their_number_type(db: Db) -> None:
    db.c.insert_one({"_id": 1})
    with pytest.raises(DuplicateKeyError) as refused:
        db.c.insert_one({"_id": 1.0})
    assert refused.value.details is not None
    assert refused.value.details["keyPattern"] == {"_id": 1}
    db.c.insert_many([{"_id": "1"}, {"_id": None}, {"_id": {"a": 1}}])
    with pytest.raises(WriteError) as failed:
        db.c.insert_one({"_id": [1]})
    assert failed.value.code == 53


def test_inserts_go_on_unless_ordered(db: Db) -> None:
    documents = [{"_id": i} for i in (1, 1, 2, 2, 3)]
    with pytest.raises(BulkWriteError) as failed:
        db.c.insert_many(documents, ordered=False)
    assert failed.value.details is not None
    assert [e["index"] for e in failed.value.details["writeErrors"]] == [1, 3]
    with pytest.raises(BulkWriteError) as failed:
        db.d.insert_many(documents)
    assert failed.value.details is not None
    assert failed.value.details["nInserted"] == 1
    assert db.c.count_documents({}) == 3


def test_unique_indexes(db: Db) -> None:
    db.c.create_index("k", unique=True)
    db.c.insert_many([{"_id": 1, "k": 1}, {"_id": 2, "k": [2, 3]}, {"_id": 3}])
    for document in ({"k": 1.0}, {"k": 3}, {"k": None}, {}):
        with pytest.raises(DuplicateKeyError):
            db.c.insert_one(dict(document))
    with pytest.raises(DuplicateKeyError):
        db.c.update_one({"_id": 1}, {"$set": {"k": 2}})
    db.c.update_one({"_id": 1}, {"$set": {"k": 9}})
    db.c.insert_one({"k": 1})
    db.c.delete_one({"k": 3})
    db.c.insert_one({"k": 3})


def test_sparse_and_partial_indexes(db: Db) -> None:
    db.c.create_index("k", unique=True, sparse=True)
    db.c.create_index("m", unique=True, partialFilterExpression={"live": True})
    db.c.insert_many([{}, {}, {"m": 1, "live": True}, {"m": 1}, {"m": 1}])
    with pytest.raises(DuplicateKeyError):
        db.c.insert_one({"m": 1, "live": True})
    assert db.c.count_documents({"m": 1}) == 3
    assert db.c.count_documents({"k": None}) == 5


def test_indexes_as_they_are_listed(db: Db) -> None:
    assert db.c.create_index([("a", 1), ("b", -1)], unique=True, name="ab") == "ab"
    db.c.create_index([("a", 1), ("b", -1)], unique=True, name="ab")
    db.c.create_index("t", expireAfterSeconds=60)
    assert db.c.index_information() == {
        "_id_": {"v": 2, "key": [("_id", 1)]},
        "ab": {"v": 2, "key": [("a", 1), ("b", -1)], "unique": True},
        "t_1": {"v": 2, "key": [("t", 1)], "expireAfterSeconds": 60},
    }
    for keys, name, code in (([("x", 1)], "ab", 86), ([("a", 1), ("b", -1)], "other", 85)):
        with pytest.raises(OperationFailure) as refused:
            db.c.create_index(keys, name=name)
        assert refused.value.code == code
    db.c.drop_index("ab")
    with pytest.raises(OperationFailure) as refused:
        db.c.drop_index("ab")
    assert refused.value.code == 27
    db.c.drop_indexes()
    assert list(db.c.index_information()) == ["_id_"]


def test_an_index_that_comes_too_late(db: Db) -> None:
    db.c.insert_many([{"k": 1}, {"k": 1}])
    with pytest.raises(DuplicateKeyError):
        db.c.create_index("k", unique=True)
    assert list(db.c.index_information()) == ["_id_"]


SCHEMA = {"$jsonSchema": {"required": ["name"], "properties": {"name": {"bsonType": "string"}}}}


def test_validators(db: Db) -> None:
    db.create_collection("c", validator=SCHEMA)
    db.c.insert_one({"_id": 1, "name": "ann"})
    with pytest.raises(WriteError) as refused:
        db.c.insert_one({"_id": 2, "name": 5})
    assert refused.value.code == 121
    assert refused.value.details is not None
    assert refused.value.details["errInfo"]["failingDocumentId"] == 2
    with pytest.raises(WriteError):
        db.c.update_one({"_id": 1}, {"$unset": {"name": 1}})
    db.command("collMod", "c", validator={"n": {"$gt": 0}})
    db.c.insert_one({"n": 1})
    with pytest.raises(WriteError):
        db.c.insert_one({"name": "bob"})
    db.command("collMod", "c", validationAction="warn")
    db.c.insert_one({"name": "bob"})
    with pytest.raises(OperationFailure) as failed:
        db.command("collMod", "nothing", validator={})
    assert failed.value.code == 26


def test_time_series(db: Db) -> None:
    db.create_collection("s", timeseries={"timeField": "t", "metaField": "m", "granularity": "minutes"})
    now = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)
    db.s.insert_many([{"_id": 1, "t": now, "m": {"k": 1}, "v": 2}, {"_id": 1, "t": now, "v": 3}])
    assert db.s.count_documents({"_id": 1}) == 2
    assert db.s.count_documents({"m.k": 1}) == 1
    for document in ({"v": 1}, {"t": "2024"}):
        with pytest.raises(WriteError) as refused:
            db.s.insert_one(document)
        assert refused.value.code == 2
    with pytest.raises(OperationFailure) as failed:
        db.s.update_one({"v": 3}, {"$set": {"v": 4}}, upsert=True)
    assert failed.value.code == 72
    assert db.s.delete_many({"v": 2}).deleted_count == 1
    assert [document["v"] for document in db.s.find()] == [3]
    with pytest.raises(OperationFailure) as failed:
        db.create_collection("bad", timeseries={"metaField": "m"})
    assert failed.value.code == 40414


def test_names(db: Db) -> None:
    db.create_collection("c")
    with pytest.raises(CollectionInvalid):
        db.create_collection("c")
    with pytest.raises(OperationFailure) as refused:
        db.command("create", "c")
    assert refused.value.code == 48
    for name in ("a$b", "a\0b", "", "x" * 300, ".a", "a."):
        with pytest.raises(OperationFailure) as refused:
            db.command("insert", name, documents=[{}])
        assert refused.value.code == 73


def test_what_is_too_large(db: Db) -> None:
    reply = db.command("insert", "c", documents=[{"a": "x" * (16 * 1024 * 1024)}], check=False)
    assert [error["code"] for error in reply["writeErrors"]] == [10334]
    assert db.c.count_documents({}) == 0


def test_renaming(db: Db) -> None:
    db.a.insert_one({"_id": 1})
    db.b.insert_one({"_id": 2})
    with pytest.raises(OperationFailure) as refused:
        db.a.rename("b")
    assert refused.value.code == 48
    db.a.rename("b", dropTarget=True)
    assert [d["_id"] for d in db.b.find()] == [1]
    assert db.list_collection_names() == ["b"]
