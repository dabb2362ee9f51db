"""Examples with known results from the pages of MongoDB's manual, as tables."""

from __future__ import annotations

import datetime as dt
from typing import Any

import bson
import pytest
from bson import Int64
from pymongo.database import Database

Doc = dict[str, Any]
Db = Database[Doc]

QUIZZES = [{"wk": 1, "score": 10}, {"wk": 2, "score": 8}, {"wk": 3, "score": 5}, {"wk": 4, "score": 6}]
MORE = [{"wk": 5, "score": 8}, {"wk": 6, "score": 7}, {"wk": 7, "score": 6}]
FOOD = {
    "fruits": ["apples", "pears", "oranges", "grapes", "bananas"],
    "vegetables": ["carrots", "celery", "squash", "carrots"],
}

#: Page, document, update, document after it.
UPDATES: list[tuple[str, Doc, Any, Doc]] = [
    (
        "$push with modifiers",
        {"quizzes": QUIZZES},
        {"$push": {"quizzes": {"$each": MORE, "$sort": {"score": -1}, "$slice": 3}}},
        {"quizzes": [{"wk": 1, "score": 10}, {"wk": 2, "score": 8}, {"wk": 5, "score": 8}]},
    ),
    (
        "$each",
        {"tags": ["electronics", "supplies"]},
        {"$addToSet": {"tags": {"$each": ["camera", "electronics", "accessories"]}}},
        {"tags": ["electronics", "supplies", "camera", "accessories"]},
    ),
    (
        "$pull",
        FOOD,
        {"$pull": {"fruits": {"$in": ["apples", "oranges"]}, "vegetables": "carrots"}},
        {"fruits": ["pears", "grapes", "bananas"], "vegetables": ["celery", "squash"]},
    ),
    (
        "$pull from objects",
        {"results": [{"item": "C", "score": 8}, {"item": "B", "score": 4}]},
        {"$pull": {"results": {"score": 8, "item": "C"}}},
        {"results": [{"item": "B", "score": 4}]},
    ),
    (
        "$slice from the end",
        {"scores": [40, 50, 60]},
        {"$push": {"scores": {"$each": [80, 78, 86], "$slice": -5}}},
        {"scores": [50, 60, 80, 78, 86]},
    ),
    (
        "$sort of values",
        {"tests": [89, 70, 89, 50]},
        {"$push": {"tests": {"$each": [40, 60], "$sort": 1}}},
        {"tests": [40, 50, 60, 70, 89, 89]},
    ),
    (
        "$position",
        {"scores": [50, 60, 70, 100]},
        {"$push": {"scores": {"$each": [20, 30], "$position": 2}}},
        {"scores": [50, 60, 20, 30, 70, 100]},
    ),
    (
        "$position from the end",
        {"scores": [50, 60, 20, 30, 70, 100]},
        {"$push": {"scores": {"$each": [90, 80], "$position": -2}}},
        {"scores": [50, 60, 20, 30, 90, 80, 70, 100]},
    ),
    (
        "$mul of a missing field",
        {"item": "Unknown"},
        {"$mul": {"price": Int64(100)}},
        {"item": "Unknown", "price": Int64(0)},
    ),
    (
        "$mul of mixed types",
        {"item": "Item3", "price": Int64(10)},
        {"$mul": {"price": 5}},
        {"item": "Item3", "price": Int64(50)},
    ),
    (
        "$rename",
        {"alias": ["The American Cincinnatus"], "nmae": {"first": "george", "last": "washington"}},
        {"$rename": {"nmae.first": "nmae.fname"}},
        {"alias": ["The American Cincinnatus"], "nmae": {"last": "washington", "fname": "george"}},
    ),
    (
        "an update with a pipeline",
        {"tests": [95, 92, 90]},
        [
            {"$set": {"average": {"$trunc": [{"$avg": "$tests"}, 0]}}},
            {
                "$set": {
                    "grade": {
                        "$switch": {
                            "branches": [
                                {"case": {"$gte": ["$average", 90]}, "then": "A"},
                                {"case": {"$gte": ["$average", 80]}, "then": "B"},
                            ],
                            "default": "F",
                        }
                    }
                }
            },
        ],
        {"tests": [95, 92, 90], "average": 92.0, "grade": "A"},
    ),
]


@pytest.mark.parametrize(
    ("document", "update", "after"), [row[1:] for row in UPDATES], ids=[r[0] for r in UPDATES]
)
def test_updates(db: Db, document: Doc, update: Any, after: Doc) -> None:
    db.c.insert_one({"_id": 1, **document})
    db.c.update_one({"_id": 1}, update)
    assert bson.encode(db.c.find_one() or {}) == bson.encode({"_id": 1, **after})


def test_lookup_by_several_conditions(db: Db) -> None:
    rows = [("almonds", 12, 2), ("pecans", 20, 1), ("cookies", 10, 60)]
    db.orders.insert_many(
        [{"_id": i, "item": a, "price": b, "ordered": c} for i, (a, b, c) in enumerate(rows)]
    )
    stock = [
        *[("almonds", "A", 120), ("pecans", "A", 80), ("almonds", "B", 60)],
        *[("cookies", "B", 40), ("cookies", "A", 80)],
    ]
    db.warehouses.insert_many([{"stock_item": a, "warehouse": b, "instock": c} for a, b, c in stock])
    enough = [{"$eq": ["$stock_item", "$$order_item"]}, {"$gte": ["$instock", "$$order_qty"]}]
    stage = {
        "from": "warehouses",
        "let": {"order_item": "$item", "order_qty": "$ordered"},
        "pipeline": [{"$match": {"$expr": {"$and": enough}}}, {"$project": {"stock_item": 0, "_id": 0}}],
        "as": "stockdata",
    }
    assert [document["stockdata"] for document in db.orders.aggregate([{"$lookup": stage}])] == [
        [{"warehouse": "A", "instock": 120}, {"warehouse": "B", "instock": 60}],
        [{"warehouse": "A", "instock": 80}],
        [{"warehouse": "A", "instock": 80}],
    ]


SALARIES = [
    *[("Ant", "A", 100000, 2017), ("Bee", "A", 120000, 2017), ("Cat", "Z", 115000, 2017)],
    *[("Ant", "A", 115000, 2018), ("Bee", "Z", 145000, 2018), ("Cat", "B", 135000, 2018)],
    *[
        ("Gecko", "A", 100000, 2018),
        ("Ant", "A", 125000, 2019),
        ("Bee", "Z", 160000, 2019),
        ("Cat", "Z", 150000, 2019),
    ],
]


def test_a_materialized_view(db: Db) -> None:
    names = ("employee", "dept", "salary", "fiscal_year")
    db.salaries.insert_many([dict(zip(names, row, strict=True)) for row in SALARIES])
    group = {"_id": {"fiscal_year": "$fiscal_year", "dept": "$dept"}, "salaries": {"$sum": "$salary"}}
    target = {"into": {"db": "reporting", "coll": "budgets"}, "on": "_id", "whenMatched": "replace"}
    db.salaries.aggregate([{"$group": group}, {"$merge": target}])
    budgets = db.client["reporting"].budgets

    def totals() -> list[tuple[int, str, int]]:
        found = budgets.find(sort=[("_id", 1)])
        return [(d["_id"]["fiscal_year"], d["_id"]["dept"], d["salaries"]) for d in found]

    first = [
        (2017, "A", 220000),
        (2017, "Z", 115000),
        (2018, "A", 215000),
        (2018, "B", 135000),
        (2018, "Z", 145000),
    ]
    assert totals() == [*first, (2019, "A", 125000), (2019, "Z", 310000)]
    more = [
        *[("Wren", "Z", 100000, 2019), ("Zebra", "A", 150000, 2019)],
        *[("headcount1", "Z", 120000, 2020), ("headcount2", "Z", 120000, 2020)],
    ]
    db.salaries.insert_many([dict(zip(names, row, strict=True)) for row in more])
    db.salaries.aggregate(
        [{"$match": {"fiscal_year": {"$gte": 2019}}}, {"$group": group}, {"$merge": target}]
    )
    assert totals() == [*first, (2019, "A", 275000), (2019, "Z", 410000), (2020, "Z", 240000)]


def test_merging_with_a_pipeline(db: Db) -> None:
    db.monthlytotals.insert_one({"_id": "2019-05", "thumbsup": 26, "thumbsdown": 31})
    db.votes.insert_one({"date": dt.datetime(2019, 5, 7, tzinfo=dt.UTC), "thumbsup": 14, "thumbsdown": 10})
    add = {name: {"$add": [f"${name}", f"$$new.{name}"]} for name in ("thumbsup", "thumbsdown")}
    month = {"$dateToString": {"format": "%Y-%m", "date": "$date"}}
    votes = {"$project": {"_id": month, "thumbsup": 1, "thumbsdown": 1}}
    merge = {"into": "monthlytotals", "on": "_id", "whenMatched": [{"$addFields": add}]}
    db.votes.aggregate([votes, {"$merge": {**merge, "whenNotMatched": "insert"}}])
    assert list(db.monthlytotals.find()) == [{"_id": "2019-05", "thumbsup": 40, "thumbsdown": 41}]
