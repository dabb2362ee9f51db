"""Reading from the server in memory: queries, cursors, and aggregation with its own stages."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

import bson
import pytest
from bson import Binary, Code, Decimal128, Int64, MaxKey, MinKey, ObjectId, Regex, Timestamp
from pymongo import MongoClient
from pymongo.database import Database
from pymongo.errors import CursorNotFound, OperationFailure

from brookmill.testing.mongod import Mongod

Doc = dict[str, Any]
Db = Database[Doc]


def test_every_type_comes_back(db: Db) -> None:
    document = {
        "_id": ObjectId(),
        "double": 1.0,
        "int": 1,
        "long": Int64(1),
        "decimal": Decimal128("1.10"),
        "text": "ä\0b",
        "binary": b"x",
        "other binary": Binary(b"x", 128),
        "uuid": uuid.UUID(int=5),
        "date": dt.datetime(2024, 5, 6, 7, 8, 9, 10_000, tzinfo=dt.UTC),
        "old": bson.datetime_ms.DatetimeMS(-(10**15)),
        "regex": Regex("a", "i"),
        "code": Code("f", {"a": 1}),
        "time": Timestamp(5, 6),
        "ends": [MinKey(), MaxKey(), None, True],
        "nested": {"b": {"a": []}},
    }
    db.c.insert_one(document)
    options = db.codec_options.with_options(
        datetime_conversion=bson.codec_options.DatetimeConversion.DATETIME_AUTO
    )
    found = db.get_collection("c", codec_options=options).find_one() or {}
    assert bson.encode(found, codec_options=options) == bson.encode(document, codec_options=options)


@pytest.fixture
def numbers(db: Db) -> Db:
    db.c.insert_many([{"_id": i, "n": i % 3, "t": [i, i * 2], "s": {"x": str(i)}} for i in range(9)])
    return db


@pytest.mark.parametrize(
    ("query", "options", "ids"),
    [
        ({}, {}, list(range(9))),
        ({"n": 1}, {}, [1, 4, 7]),
        ({"_id": 4}, {}, [4]),
        ({"_id": 4.0, "n": 1}, {}, [4]),
        ({"_id": 4, "n": 2}, {}, []),
        ({"_id": {"$in": [8, 1]}}, {}, [1, 8]),
        ({"_id": {"$gt": 6}}, {}, [7, 8]),
        ({"t": 6}, {}, [3, 6]),
        ({"s.x": {"$regex": "^[12]"}}, {}, [1, 2]),
        ({"$expr": {"$eq": ["$_id", "$$k"]}}, {"let": {"k": 3}}, [3]),
        ({"$or": [{"_id": 1}, {"_id": 2}]}, {}, [1, 2]),
        ({}, {"sort": [("n", -1), ("_id", 1)], "skip": 1, "limit": 3}, [5, 8, 1]),
        ({}, {"sort": [("$natural", -1)], "limit": 2}, [8, 7]),
        ({}, {"limit": -2}, [0, 1]),
    ],
)
def test_find(numbers: Db, query: Doc, options: Doc, ids: list[int]) -> None:
    assert [document["_id"] for document in numbers.c.find(query, **options)] == ids
    for keys in ([("n", 1)], [("t", 1)], [("s.x", 1), ("n", -1)]):
        numbers.c.create_index(keys)
    assert sorted(document["_id"] for document in numbers.c.find(query, **options)) == sorted(ids)


def test_indexes_do_not_change_what_is_found(db: Db) -> None:
    values = [1, 1.0, "1", None, [1, 2], [[1]], [], {"a": 1}, {"a": [1, 2]}, [{"a": 1}], Int64(1)]
    db.c.insert_many([{"_id": i, "k": value} for i, value in enumerate(values)])
    db.c.insert_one({"_id": "none"})
    queries: list[Doc] = [{"k": value} for value in values] + [
        {"k.a": 1},
        {"k": {"$in": [1]}},
        {"k": {"$eq": [1]}},
    ]
    before = [[d["_id"] for d in db.c.find(query)] for query in queries]
    db.c.create_index("k")
    db.c.create_index("k.a")
    assert [[d["_id"] for d in db.c.find(query)] for query in queries] == before
    assert before[0] == [0, 1, 4, 10]


def test_projections(numbers: Db) -> None:
    assert numbers.c.find_one({"_id": 3}, {"n": 1}) == {"_id": 3, "n": 0}
    assert numbers.c.find_one({"_id": 3}, {"_id": 0, "s.x": 1}) == {"s": {"x": "3"}}
    assert numbers.c.find_one({"_id": 3}, {"t": 0, "s": 0}) == {"_id": 3, "n": 0}
    assert numbers.c.find_one({"_id": 3}, {"m": {"$add": ["$n", 1]}}) == {"_id": 3, "m": 1}


def test_cursors(numbers: Db, server: Mongod) -> None:
    found = numbers.c.find(batch_size=2)
    assert next(found)["_id"] == 0
    assert server.open_cursors == 1
    numbers.c.delete_many({})  # the cursor goes on with what it has found
    assert [d["_id"] for d in found] == list(range(1, 9))
    assert server.open_cursors == 0
    with numbers.c.find(batch_size=2) as closed:
        assert list(closed) == []
    with pytest.raises(CursorNotFound):
        numbers.command("getMore", Int64(5), collection="c")


def test_a_closed_cursor_is_gone(numbers: Db, server: Mongod) -> None:
    with numbers.c.find(batch_size=2) as found:
        next(found)
        assert server.open_cursors == 1
    assert server.open_cursors == 0


def test_batches_stay_below_the_limit(db: Db) -> None:
    db.c.insert_many([{"_id": i, "a": "x" * 6_000_000} for i in range(5)])
    assert [d["_id"] for d in db.c.find()] == [0, 1, 2, 3, 4]


def test_counting(numbers: Db) -> None:
    assert numbers.c.count_documents({"n": 1}) == 3
    assert numbers.c.count_documents({}, skip=2, limit=5) == 5
    assert numbers.c.estimated_document_count() == 9
    assert numbers.none.count_documents({}) == 0
    assert numbers.c.distinct("n") == [0, 1, 2]
    assert numbers.c.distinct("t", {"_id": {"$lt": 3}}) == [0, 1, 2, 4]
    assert numbers.c.distinct("s.x", {"n": 1}) == ["1", "4", "7"]


@pytest.mark.parametrize(
    ("query", "code"),
    [({"a": {"$nope": 1}}, 2), ({"$nope": 1}, 2), ({"$expr": {"$nope": 1}}, 168), ({"$and": []}, 2)],
)
def test_queries_that_cannot_be(numbers: Db, query: Doc, code: int) -> None:
    with pytest.raises(OperationFailure) as refused:
        list(numbers.c.find(query))
    assert refused.value.code == code


@pytest.fixture
def orders(db: Db) -> Db:
    """The example of the manual's page of ``$lookup``."""
    db.orders.insert_many(
        [
            {"_id": 1, "item": "almonds", "price": 12, "quantity": 2},
            {"_id": 2, "item": "pecans", "price": 20, "quantity": 1},
            {"_id": 3},
        ]
    )
    db.inventory.insert_many(
        [
            {"_id": 1, "sku": "almonds", "instock": 120},
            {"_id": 2, "sku": "bread", "instock": 80},
            {"_id": 3, "sku": "cashews", "instock": 60},
            {"_id": 4, "sku": "pecans", "instock": 70},
            {"_id": 5, "sku": None},
            {"_id": 6},
        ]
    )
    return db


def joined(db: Db, lookup: Doc) -> list[list[Any]]:
    """The ``_id`` of what is joined to each order."""
    found = db.orders.aggregate([{"$lookup": {"as": "docs", **lookup}}])
    return [[one.get("_id") for one in document["docs"]] for document in found]


def test_lookup(orders: Db) -> None:
    equal = {"from": "inventory", "localField": "item", "foreignField": "sku"}
    assert joined(orders, equal) == [[1], [4], [5, 6]]
    orders.inventory.create_index("sku")
    assert joined(orders, equal) == [[1], [4], [5, 6]]
    enough = {"$match": {"$expr": {"$gte": ["$instock", {"$multiply": ["$$q", 60]}]}}}
    by_let = {"from": "inventory", "let": {"q": "$quantity"}, "pipeline": [enough, {"$project": {"sku": 1}}]}
    assert joined(orders, by_let) == [[1], [1, 2, 3, 4], [1, 2, 3, 4]]
    assert joined(orders, {**equal, **by_let}) == [[1], [4], []]
    assert joined(orders, {"pipeline": [{"$documents": [{"_id": 7}]}]}) == [[7]] * 3
    assert joined(orders, {"from": "nothing", "pipeline": []}) == [[]] * 3


def test_lookup_through_arrays(db: Db) -> None:
    db.classes.insert_many([{"_id": 1, "list": ["ann", "bob"]}, {"_id": 2, "list": []}])
    db.members.insert_many([{"_id": i, "name": name} for i, name in enumerate(["bob", "ann", "eve"])])
    stage = {"$lookup": {"from": "members", "localField": "list", "foreignField": "name", "as": "found"}}
    assert [[m["_id"] for m in d["found"]] for d in db.classes.aggregate([stage])] == [[0, 1], []]


def test_nested_lookups_see_outer_variables(orders: Db) -> None:
    inner = {
        "$lookup": {
            "from": "inventory",
            "let": {"sku": "$sku"},
            "pipeline": [
                {"$match": {"$expr": {"$and": [{"$eq": ["$sku", "$$sku"]}, {"$eq": ["$sku", "$$item"]}]}}}
            ],
            "as": "same",
        }
    }
    outer = {
        "from": "inventory",
        "let": {"item": "$item"},
        "pipeline": [inner, {"$match": {"same": {"$ne": []}}}],
    }
    assert joined(orders, outer) == [[1], [4], [6]]  # what is missing equals what is missing


@pytest.mark.parametrize(
    "lookup",
    [
        *[{"from": "a"}, {"from": "a", "localField": "x"}, {"from": "a", "pipeline": [], "nope": 1}],
        *[{"pipeline": [{"$match": {}}]}, {"from": "a", "pipeline": [], "as": 5}],
    ],
)
def test_lookups_that_cannot_be(orders: Db, lookup: Doc) -> None:
    with pytest.raises(OperationFailure) as refused:
        joined(orders, lookup)
    assert refused.value.code == 9


def test_stages(numbers: Db) -> None:
    def values(*stages: Doc) -> list[Doc]:
        return list(numbers.c.aggregate(list(stages)))

    assert values({"$group": {"_id": "$n", "c": {"$sum": "$_id"}}}, {"$sort": {"_id": 1}}) == [
        *[{"_id": 0, "c": 9}, {"_id": 1, "c": 12}, {"_id": 2, "c": 15}]
    ]
    assert [d["_id"] for d in values({"$sort": {"_id": -1}}, {"$skip": 2}, {"$limit": 2})] == [6, 5]
    assert values({"$match": {"n": 1}}, {"$count": "c"}) == [{"c": 3}]
    assert values({"$match": {"n": 7}}, {"$count": "c"}) == []
    assert values({"$match": {"_id": {"$lt": 4}}}, {"$sortByCount": "$n"})[0] == {"_id": 0, "count": 2}
    assert len(values({"$sample": {"size": 4}})) == 4
    facets = {"$facet": {"a": [{"$match": {"_id": 1}}, {"$project": {"_id": 1}}], "b": [{"$count": "c"}]}}
    assert values(facets) == [{"a": [{"_id": 1}], "b": [{"c": 9}]}]
    union = {"$unionWith": {"coll": "c", "pipeline": [{"$match": {"_id": 2}}]}}
    assert [d["_id"] for d in values({"$match": {"_id": 1}}, union)] == [1, 2]
    assert values({"$match": {"_id": 1}}, {"$unwind": "$t"}, {"$project": {"t": 1}}) == [
        *[{"_id": 1, "t": 1}, {"_id": 1, "t": 2}]
    ]
    assert list(numbers.aggregate([{"$documents": [{"a": 1}]}, {"$set": {"b": 2}}])) == [{"a": 1, "b": 2}]
    let = numbers.c.aggregate(
        [{"$match": {"$expr": {"$eq": ["$_id", "$$x"]}}}, {"$project": {"v": "$$x"}}], let={"x": 5}
    )
    assert list(let) == [{"_id": 5, "v": 5}]
    assert isinstance(values({"$limit": 1}, {"$project": {"now": "$$NOW"}})[0]["now"], dt.datetime)


def test_out(numbers: Db) -> None:
    numbers.copy.create_index("n")
    numbers.copy.insert_one({"_id": "old"})
    assert list(numbers.c.aggregate([{"$match": {"n": 1}}, {"$out": "copy"}])) == []
    assert [d["_id"] for d in numbers.copy.find()] == [1, 4, 7]
    assert "n_1" in numbers.copy.index_information()
    list(numbers.c.aggregate([{"$limit": 1}, {"$out": {"db": "other", "coll": "x"}}]))
    assert numbers.client["other"].x.count_documents({}) == 1


@pytest.mark.parametrize(
    ("options", "after"),
    [
        ({}, [{"_id": 1, "old": 1, "a": 5, "n": 1}, {"_id": 2, "a": 6, "n": 2}]),
        ({"whenMatched": "replace"}, [{"_id": 1, "n": 1, "a": 5}, {"_id": 2, "n": 2, "a": 6}]),
        ({"whenMatched": "keepExisting"}, [{"_id": 1, "old": 1}, {"_id": 2, "a": 6, "n": 2}]),
        ({"whenNotMatched": "discard"}, [{"_id": 1, "old": 1, "a": 5, "n": 1}]),
        ({"whenMatched": "delete"}, []),
        (
            {"whenMatched": [{"$set": {"old": {"$add": ["$old", "$$new.a"]}}}]},
            [{"_id": 1, "old": 6}, {"_id": 2, "n": 2, "a": 6}],
        ),
        (
            {"let": {"k": "$n"}, "whenMatched": [{"$set": {"k": "$$k"}}]},
            [{"_id": 1, "old": 1, "k": 1}, {"_id": 2, "n": 2, "a": 6}],
        ),
    ],
)
def test_merge(db: Db, options: Doc, after: list[Doc]) -> None:
    db.target.insert_one({"_id": 1, "old": 1})
    documents = [{"_id": 1, "n": 1, "a": 5}, {"_id": 2, "n": 2, "a": 6}]
    list(db.aggregate([{"$documents": documents}, {"$merge": {"into": "target", **options}}]))
    assert [list(d.items()) for d in db.target.find()] == [list(d.items()) for d in after]


def test_merge_needs_a_unique_index(db: Db) -> None:
    stages: list[Doc] = [{"$documents": [{"k": 1, "v": 2}]}, {"$merge": {"into": "t", "on": ["k"]}}]
    with pytest.raises(OperationFailure) as refused:
        db.aggregate(stages)
    assert refused.value.code == 51183
    db.t.create_index("k", unique=True)
    db.aggregate(stages)
    db.aggregate(stages)
    assert [d["v"] for d in db.t.find()] == [2]
    with pytest.raises(OperationFailure) as refused:
        db.aggregate([{"$documents": [{"v": 1}]}, stages[1]])
    assert refused.value.code == 51132


@pytest.mark.parametrize(
    ("stages", "code"),
    [
        ([{"$nope": 1}], 40324),
        ([{"$out": "x"}, {"$match": {}}], 40601),
        ([{"$project": {}}], 51272),
        ([{"$skip": -1}], 5107200),
        ([{"$facet": {}}], 40169),
    ],
)
def test_pipelines_that_cannot_be(numbers: Db, stages: list[Doc], code: int) -> None:
    with pytest.raises(OperationFailure) as refused:
        list(numbers.c.aggregate(stages))
    assert refused.value.code == code


def test_what_there_is(client: MongoClient[Doc]) -> None:
    client["b"].x.insert_one({})
    client["a"].y.insert_one({})
    client["a"].create_collection("z", timeseries={"timeField": "t", "metaField": "m"})
    assert client.list_database_names() == ["a", "b"]
    assert client["a"].list_collection_names() == ["y", "z"]
    assert client["a"].list_collection_names(filter={"name": "y"}) == ["y"]
    (series,) = client["a"].list_collections(filter={"type": "timeseries"})
    assert series["options"] == {"timeseries": {"timeField": "t", "metaField": "m"}}
    assert client.server_info()["version"] == "8.0.0"
    client.drop_database("a")
    client["b"].x.drop()
    assert client.list_database_names() == []
