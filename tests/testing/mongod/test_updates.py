"""Updates on the server in memory: tables of document, update and what comes of it, as the manual says."""

from __future__ import annotations

import datetime as dt
from typing import Any

import bson
import pytest
from bson import Decimal128, Int64, Timestamp
from pymongo import ReplaceOne, ReturnDocument, UpdateOne
from pymongo.database import Database
from pymongo.errors import BulkWriteError, WriteError

Db = Database[dict[str, Any]]

#: Document, update, document after it; all without ``_id``.
UPDATES: list[tuple[dict[str, Any], Any, dict[str, Any]]] = [
    ({"a": 1}, {"$set": {"a": 2}}, {"a": 2}),
    ({"b": 1}, {"$set": {"z": 1, "a": 1}}, {"b": 1, "a": 1, "z": 1}),
    ({"a": {"b": 1}}, {"$set": {"a.c": 2, "d.e.f": 3}}, {"a": {"b": 1, "c": 2}, "d": {"e": {"f": 3}}}),
    ({"a": [1, 2]}, {"$set": {"a.1": 5, "b.0": 1}}, {"a": [1, 5], "b": {"0": 1}}),
    ({"a": [1]}, {"$set": {"a.3": 4}}, {"a": [1, None, None, 4]}),
    ({"a": [{"b": 1}]}, {"$set": {"a.0.b": 2, "a.1.b": 3}}, {"a": [{"b": 2}, {"b": 3}]}),
    ({"a": 1, "b": 2}, {"$unset": {"a": "", "x.y": ""}}, {"b": 2}),
    ({"a": [1, 2, 3]}, {"$unset": {"a.1": ""}}, {"a": [1, None, 3]}),
    ({"a": 1}, {"$unset": {"a.b": ""}}, {"a": 1}),
    ({"n": 1}, {"$inc": {"n": 2, "m": Int64(5)}}, {"n": 3, "m": Int64(5)}),
    ({"n": 2**31 - 1}, {"$inc": {"n": 1}}, {"n": Int64(2**31)}),
    ({"n": Int64(1)}, {"$inc": {"n": 1}}, {"n": Int64(2)}),
    ({"n": 1}, {"$inc": {"n": 0.5}}, {"n": 1.5}),
    ({"n": Decimal128("1.1")}, {"$inc": {"n": 1}}, {"n": Decimal128("2.1")}),
    ({"n": 3}, {"$mul": {"n": 2, "m": 7, "k": 1.5}}, {"n": 6, "k": 0.0, "m": 0}),
    ({"n": 3}, {"$min": {"n": 2, "m": 9}}, {"n": 2, "m": 9}),
    ({"n": 3}, {"$min": {"n": 4}}, {"n": 3}),
    ({"n": 3}, {"$max": {"n": 4}}, {"n": 4}),
    ({"n": "a"}, {"$max": {"n": 4}}, {"n": "a"}),
    ({"a": 1, "b": 2}, {"$rename": {"a": "c.d"}}, {"b": 2, "c": {"d": 1}}),
    ({"a": 1, "b": 2}, {"$rename": {"a": "b", "x": "y"}}, {"b": 1}),
    ({"n": 13}, {"$bit": {"n": {"and": 10}}}, {"n": 8}),
    ({"n": 3}, {"$bit": {"n": {"or": 5}}}, {"n": 7}),
    ({"n": 1}, {"$bit": {"n": {"xor": Int64(5)}}}, {"n": Int64(4)}),
    ({"a": [1]}, {"$push": {"a": 2, "b": 3}}, {"a": [1, 2], "b": [3]}),
    ({"a": [1]}, {"$push": {"a": [2, 3]}}, {"a": [1, [2, 3]]}),
    ({"a": [1]}, {"$push": {"a": {"$each": [2, 3]}}}, {"a": [1, 2, 3]}),
    ({"a": [1]}, {"$push": {"a": {"$each": [2, 3], "$position": 0}}}, {"a": [2, 3, 1]}),
    ({"a": [1, 5]}, {"$push": {"a": {"$each": [9, 3], "$sort": 1, "$slice": 3}}}, {"a": [1, 3, 5]}),
    ({"a": [1, 5]}, {"$push": {"a": {"$each": [9], "$slice": -2}}}, {"a": [5, 9]}),
    (
        {"a": [{"s": 2}]},
        {"$push": {"a": {"$each": [{"s": 1}], "$sort": {"s": 1}}}},
        {"a": [{"s": 1}, {"s": 2}]},
    ),
    ({"a": [1]}, {"$addToSet": {"a": 1}}, {"a": [1]}),
    ({"a": [1]}, {"$addToSet": {"a": {"$each": [1.0, 2, 2]}}}, {"a": [1, 2]}),
    (
        {"a": [{"x": 1, "y": 2}]},
        {"$addToSet": {"a": {"y": 2, "x": 1}}},
        {"a": [{"x": 1, "y": 2}, {"y": 2, "x": 1}]},
    ),
    ({"a": [1, 2, 3]}, {"$pop": {"a": 1}}, {"a": [1, 2]}),
    ({"a": [1, 2, 3]}, {"$pop": {"a": -1}}, {"a": [2, 3]}),
    ({"a": [1, 2, 1]}, {"$pull": {"a": 1}}, {"a": [2]}),
    ({"a": [1, 6, 8]}, {"$pull": {"a": {"$gte": 6}}}, {"a": [1]}),
    ({"a": [{"b": 1, "c": 1}, {"b": 2}]}, {"$pull": {"a": {"b": 1}}}, {"a": [{"b": 2}]}),
    ({"a": ["x", "y", "z"]}, {"$pull": {"a": {"$in": ["x", "z"]}}, "$set": {"b": 1}}, {"a": ["y"], "b": 1}),
    ({"a": [0, 2, 5, 5, 1, 0]}, {"$pullAll": {"a": [0, 5]}}, {"a": [2, 1]}),
    ({"b": 1}, {"$pull": {"a": 1}}, {"b": 1}),
    ({"a": 1}, {"$setOnInsert": {"a": 2, "b": 3}}, {"a": 1}),
    ({"a": 1}, [{"$set": {"b": {"$add": ["$a", 1]}}}, {"$unset": "a"}], {"b": 2}),
    ({"a": 1}, [{"$replaceWith": {"x": "$a"}}], {"x": 1}),
    ({"a": 1, "b": 2}, [{"$project": {"b": 1}}], {"b": 2}),
]


@pytest.mark.parametrize(("before", "update", "after"), UPDATES)
def test_an_update(db: Db, before: dict[str, Any], update: Any, after: dict[str, Any]) -> None:
    db.c.insert_one({"_id": 1, **before})
    result = db.c.update_one({"_id": 1}, update)
    found = db.c.find_one({"_id": 1})
    assert bson.encode(found or {}) == bson.encode({"_id": 1, **after})
    assert (result.matched_count, result.modified_count) == (1, int(before != after))


@pytest.mark.parametrize(
    ("before", "update", "code"),
    [
        ({"a": 1}, {"$set": {"a.b": 1}}, 28),
        ({"a": [1]}, {"$set": {"a.b": 1}}, 28),
        ({"a": "x"}, {"$inc": {"a": 1}}, 14),
        ({"a": 1}, {"$inc": {"a": "x"}}, 14),
        ({"a": Int64(2**63 - 1)}, {"$inc": {"a": 1}}, 2),
        ({"a": 1}, {"$push": {"a": 1}}, 2),
        ({"a": 1}, {"$addToSet": {"a": 1}}, 2),
        ({"a": 1}, {"$pull": {"a": 1}}, 2),
        ({"a": 1}, {"$set": {"_id": 2}}, 66),
        ({"a": 1}, {"$unset": {"_id": 1}}, 66),
        ({"a": 1}, {"$set": {"a": 1}, "$inc": {"a": 1}}, 40),
        ({"a": 1}, {"$set": {"a": 1, "a.b": 1}}, 40),
        ({"a": 1}, {"$rename": {"a": "b"}, "$set": {"b": 1}}, 40),
        ({"a": 1}, {"$nope": {"a": 1}}, 9),
        ({"a": 1}, {"$set": {"a..b": 1}}, 56),
        ({"a": 1}, {"$set": {"a.$": 1}}, 238),
        ({"a": 1}, {"$set": {"a.$[]": 1}}, 238),
        ({"a": 1}, [{"$match": {}}], 72),
        ({"a": 1}, [{"$set": {"_id": 5}}], 66),
        ({"a": 1}, [{"$set": {"b": {"$nope": 1}}}], 168),
        ({"a": 0}, [{"$set": {"b": {"$divide": [1, "$a"]}}}], 2),
    ],
)
def test_a_refused_update_changes_nothing(db: Db, before: dict[str, Any], update: Any, code: int) -> None:
    db.c.insert_one({"_id": 1, **before})
    with pytest.raises(WriteError) as refused:
        db.c.update_one({"_id": 1}, update)
    assert refused.value.code == code
    assert db.c.find_one() == {"_id": 1, **before}


#: Query, update, the new document.
UPSERTS: list[tuple[dict[str, Any], Any, dict[str, Any]]] = [
    (
        {"_id": 1},
        {"$set": {"z": 1, "b": 2, "a.y": 3, "a.x": 4}},
        {"_id": 1, "a": {"x": 4, "y": 3}, "b": 2, "z": 1},
    ),
    ({"_id": 1}, {"$set": {"_id": 1, "z": 1, "B": 2, "a": 3}}, {"_id": 1, "B": 2, "a": 3, "z": 1}),
    ({"k": 5, "_id": 1}, {"$set": {"a": 1}}, {"_id": 1, "k": 5, "a": 1}),
    ({"_id": 1, "k": {"$eq": 5}, "n": {"$gt": 1}}, {"$inc": {"c": 1}}, {"_id": 1, "k": 5, "c": 1}),
    ({"$and": [{"_id": 1}, {"x.y": 2}]}, {"$set": {"a": 1}}, {"_id": 1, "x": {"y": 2}, "a": 1}),
    ({"_id": {"$in": [1]}}, {"$setOnInsert": {"a": 1}}, {"_id": 1, "a": 1}),
    ({"_id": 1, "k": 5}, [{"$set": {"n": {"$add": ["$k", 1]}}}], {"_id": 1, "k": 5, "n": 6}),
    (
        {"_id": 1},
        {"$push": {"a": 1}, "$max": {"m": 3}, "$mul": {"p": 3}},
        {"_id": 1, "a": [1], "m": 3, "p": 0},
    ),
]


@pytest.mark.parametrize(("query", "update", "after"), UPSERTS)
def test_an_upsert(db: Db, query: dict[str, Any], update: Any, after: dict[str, Any]) -> None:
    result = db.c.update_one(query, update, upsert=True)
    assert (result.upserted_id, result.matched_count) == (1, 0)
    assert bson.encode(db.c.find_one() or {}) == bson.encode(after)
    assert db.c.update_one({"_id": 1}, {"$set": {"seen": 1}}, upsert=True).upserted_id is None


def test_an_upsert_without_id_gets_one_in_front(db: Db) -> None:
    for result in (
        db.c.update_one({"k": 1}, {"$set": {"a": 1}}, upsert=True),
        db.c.replace_one({"k": 2}, {"k": 2, "a": 1}, upsert=True),
        db.c.update_one({"k": 3}, [{"$set": {"a": 1}}], upsert=True),
    ):
        assert isinstance(result.upserted_id, bson.ObjectId)
    assert [list(document) for document in db.c.find()] == [["_id", "k", "a"]] * 3


def test_a_merge_with_a_pipeline_sees_the_new_document(db: Db) -> None:
    pipeline = [{"$set": {"total": {"$add": ["$total", "$$new.total"]}, "at": "$$new.at"}}]
    statement = {"q": {"_id": 1}, "u": pipeline, "upsert": True, "upsertSupplied": True}
    for total in (5, 7):
        new = {"_id": 1, "total": total, "at": {"t": total}}
        db.command("update", "c", updates=[{**statement, "c": {"new": new}}])
    assert db.c.find_one() == {"_id": 1, "total": 12, "at": {"t": 7}}
    large = {"$filter": {"input": [1, 9], "as": "n", "cond": {"$gt": ["$$n", 5]}}}
    db.c.update_one({"_id": 1}, [{"$set": {"total": "$$n", "f": large}}], let={"n": 3})
    assert db.c.find_one({}, {"at": 0}) == {"_id": 1, "total": 3, "f": [9]}
    db.c.bulk_write(
        [UpdateOne({"$expr": {"$eq": ["$total", "$$n"]}}, [{"$set": {"total": "$$n.x"}}])], let={"n": 3}
    )
    assert db.c.find_one({}, {"at": 0, "f": 0}) == {"_id": 1}


def test_the_time_of_an_update(db: Db) -> None:
    db.c.update_one({"_id": 1}, {"$currentDate": {"d": True, "t": {"$type": "timestamp"}}}, upsert=True)
    db.c.update_one({"_id": 1}, [{"$set": {"now": "$$NOW", "time": "$$CLUSTER_TIME"}}])
    found = db.c.find_one() or {}
    assert all(isinstance(found[name], dt.datetime) for name in ("d", "now"))
    assert all(isinstance(found[name], Timestamp) for name in ("t", "time"))


def test_many_at_once(db: Db) -> None:
    db.c.insert_many([{"_id": i, "n": i % 2} for i in range(6)])
    result = db.c.update_many({"n": 1}, {"$inc": {"n": 10}})
    assert (result.matched_count, result.modified_count) == (3, 3)
    assert db.c.update_many({"n": 0}, {"$set": {"n": 0}}).modified_count == 0
    assert db.c.delete_one({"n": 11}).deleted_count == 1
    assert db.c.delete_many({"n": 11}).deleted_count == 2
    assert [d["_id"] for d in db.c.find()] == [0, 2, 4]


def test_replacing(db: Db) -> None:
    db.c.insert_one({"_id": 1, "a": 1})
    assert db.c.replace_one({"_id": 1}, {"b": 2}).modified_count == 1
    assert db.c.replace_one({"_id": 1}, {"b": 2}).modified_count == 0
    assert db.c.find_one() == {"_id": 1, "b": 2}
    with pytest.raises(WriteError) as refused:
        db.c.replace_one({"_id": 1}, {"_id": 2})
    assert refused.value.code == 66


def test_a_bulk_goes_on_after_errors_when_the_order_does_not_count(db: Db) -> None:
    db.c.create_index([("a", 1), ("b", 1)], unique=True)
    operations: list[Any] = [
        UpdateOne({"_id": 1}, {"$set": {"a": 1, "b": 1}}, upsert=True),
        UpdateOne({"_id": 2}, {"$set": {"a": 1, "b": 1}}, upsert=True),
        UpdateOne({"_id": 3}, {"$set": {"a": {"x": 1}}}, upsert=True),
        UpdateOne({"_id": 3}, {"$inc": {"a": 1}}),
        ReplaceOne({"_id": 4}, {"a": 4}, upsert=True),
    ]
    with pytest.raises(BulkWriteError) as failed:
        db.c.bulk_write(operations, ordered=False)
    details = failed.value.details or {}
    errors = details["writeErrors"]
    assert [(e["index"], e["code"]) for e in errors] == [(1, 11000), (3, 14)]
    assert (errors[0]["keyPattern"], errors[0]["keyValue"]) == ({"a": 1, "b": 1}, {"a": 1, "b": 1})
    assert (
        "E11000 duplicate key error collection: shop.c index: a_1_b_1 dup key: { a: 1, b: 1 }"
        in errors[0]["errmsg"]
    )
    assert [d["_id"] for d in db.c.find()] == [1, 3, 4]
    with pytest.raises(BulkWriteError):
        db.c.bulk_write(operations[1:], ordered=True)
    assert details["nUpserted"] == 3


def test_a_document_may_not_outgrow_the_limit(db: Db) -> None:
    db.c.insert_one({"_id": 1, "a": "x" * 9_000_000})
    with pytest.raises(WriteError) as refused:
        db.c.update_one({"_id": 1}, [{"$set": {"b": "$a"}}])
    assert refused.value.code == 10334
    assert db.c.count_documents({"b": {"$exists": True}}) == 0


def test_find_and_modify(db: Db) -> None:
    db.c.insert_many([{"_id": 1, "n": 3}, {"_id": 2, "n": 1}])
    assert db.c.find_one_and_update({}, {"$inc": {"n": 1}}, sort=[("n", 1)]) == {"_id": 2, "n": 1}
    after = db.c.find_one_and_update(
        {"_id": 9}, {"$set": {"a": 1}}, upsert=True, return_document=ReturnDocument.AFTER
    )
    assert after == {"_id": 9, "a": 1}
    assert db.c.find_one_and_update({"_id": 8}, {"$set": {"a": 1}}) is None
    assert db.c.find_one_and_delete({"_id": 2}, projection={"n": 1, "_id": 0}) == {"n": 2}
    assert db.c.find_one_and_replace({"_id": 1}, {"m": 1}) == {"_id": 1, "n": 3}
    assert [d["_id"] for d in db.c.find()] == [1, 9]
