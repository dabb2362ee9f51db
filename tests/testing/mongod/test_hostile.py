"""Commands with parts that nobody expects: refused with a reason, never with an error of the server."""

from __future__ import annotations

import copy
import random
from typing import Any

import bson
import pytest
from bson import Decimal128, Int64, MaxKey, ObjectId, Regex, Timestamp

from brookmill.clock import VirtualClock
from brookmill.testing.mongod.deployment import Deployment
from brookmill.testing.mongod.oplog import Oplog
from brookmill.testing.mongod.session import Session
from brookmill.wire.message import CODEC, Message

Doc = dict[str, Any]

COMMANDS: list[Doc] = [
    {"insert": "c", "documents": [{"_id": 1, "a": {"b": [1, 2]}}], "ordered": False},
    {
        "update": "c",
        "updates": [
            {"q": {"_id": 1}, "u": {"$set": {"a.b": 1}, "$inc": {"n": 1}}, "upsert": True, "multi": False}
        ],
    },
    {
        "update": "c",
        "updates": [
            {"q": {"k": {"$in": [1]}}, "u": [{"$set": {"n": {"$add": ["$n", "$$x"]}}}], "c": {"x": 1}}
        ],
        "let": {"y": 2},
    },
    {
        "update": "c",
        "updates": [
            {
                "q": {"$and": [{"k": 1}]},
                "u": {"$push": {"a": {"$each": [1], "$slice": 2, "$sort": 1, "$position": 0}}},
                "upsert": True,
            }
        ],
    },
    {
        "update": "c",
        "updates": [
            {
                "q": {},
                "u": {
                    "$pull": {"a": {"b": 1}},
                    "$rename": {"x": "y"},
                    "$bit": {"z": {"or": 1}},
                    "$currentDate": {"d": {"$type": "date"}},
                },
            }
        ],
    },
    {"delete": "c", "deletes": [{"q": {"_id": 1}, "limit": 1}]},
    {
        "findAndModify": "c",
        "query": {"_id": 1},
        "sort": {"a": 1},
        "update": {"$set": {"a": 1}},
        "fields": {"a": 1},
        "new": True,
        "upsert": True,
    },
    {
        "find": "c",
        "filter": {"a": {"$gt": 1}},
        "sort": {"a": 1},
        "projection": {"a": 1},
        "skip": 1,
        "limit": 1,
        "batchSize": 2,
        "let": {"x": 1},
    },
    {
        "aggregate": "c",
        "pipeline": [
            {"$match": {"a": 1}},
            {"$group": {"_id": "$a", "n": {"$sum": 1}}},
            {"$sort": {"n": 1}},
            {"$skip": 1},
        ],
        "cursor": {"batchSize": 2},
    },
    {
        "aggregate": "c",
        "pipeline": [
            {
                "$lookup": {
                    "from": "d",
                    "localField": "a",
                    "foreignField": "b",
                    "let": {"x": "$a"},
                    "pipeline": [{"$match": {"$expr": {"$eq": ["$$x", 1]}}}],
                    "as": "r",
                }
            }
        ],
        "cursor": {},
    },
    {
        "aggregate": "c",
        "pipeline": [
            {
                "$merge": {
                    "into": {"db": "e", "coll": "f"},
                    "on": ["_id"],
                    "let": {"n": "$$ROOT"},
                    "whenMatched": [{"$set": {"a": "$$n.a"}}],
                    "whenNotMatched": "insert",
                }
            }
        ],
        "cursor": {},
    },
    {
        "aggregate": "c",
        "pipeline": [
            {"$facet": {"a": [{"$sortByCount": "$a"}], "b": [{"$sample": {"size": 1}}]}},
            {"$unionWith": {"coll": "d", "pipeline": []}},
            {"$out": {"db": "x", "coll": "y"}},
        ],
        "cursor": {},
    },
    {
        "aggregate": "c",
        "pipeline": [
            {
                "$changeStream": {
                    "fullDocument": "updateLookup",
                    "startAtOperationTime": Timestamp(1, 1),
                    "showExpandedEvents": True,
                }
            },
            {"$match": {"ns.coll": "c"}},
        ],
        "cursor": {},
    },
    {"aggregate": 1, "pipeline": [{"$documents": [{"a": 1}]}], "cursor": {}},
    {
        "bulkWrite": 1,
        "ops": [
            {"insert": 0, "document": {"a": 1}},
            {"update": 0, "filter": {}, "updateMods": {"$set": {"a": 1}}, "multi": True},
            {"delete": 0, "filter": {}},
        ],
        "nsInfo": [{"ns": "d.c"}],
        "ordered": False,
    },
    {
        "create": "s",
        "timeseries": {"timeField": "t", "metaField": "m"},
        "validator": {"a": 1},
        "changeStreamPreAndPostImages": {"enabled": True},
    },
    {"collMod": "c", "validator": {"a": {"$exists": True}}, "validationAction": "error"},
    {
        "createIndexes": "c",
        "indexes": [
            {"key": {"a": 1, "b": -1}, "name": "ab", "unique": True, "partialFilterExpression": {"c": 1}}
        ],
    },
    {"dropIndexes": "c", "index": "ab"},
    {"distinct": "c", "key": "a.b", "query": {"a": 1}},
    {"count": "c", "query": {"a": 1}, "skip": 1, "limit": 2},
    {"listCollections": 1, "filter": {"name": "c"}, "nameOnly": True},
    {"listDatabases": 1, "filter": {"name": "c"}},
    {"listIndexes": "c"},
    {"getMore": Int64(5), "collection": "c", "batchSize": 2, "maxTimeMS": 1},
    {"killCursors": "c", "cursors": [Int64(1)]},
    {"renameCollection": "d.c", "to": "d.e", "dropTarget": True},
    {"drop": "c"},
    {"endSessions": [{"id": bson.Binary(b"x" * 16, 4)}]},
    {
        "saslStart": 1,
        "mechanism": "SCRAM-SHA-256",
        "payload": b"n,,n=a,r=b",
        "options": {"skipEmptyExchange": True},
    },
    {"saslContinue": 1, "conversationId": 1, "payload": b"c=biws,r=b,p=x"},
    {
        "hello": 1,
        "saslSupportedMechs": "admin.a",
        "speculativeAuthenticate": {"saslStart": 1, "mechanism": "SCRAM-SHA-256", "payload": b"n,,n=a,r=b"},
    },
]

ODD: list[Any] = [
    *[
        None,
        True,
        0,
        -1,
        1.5,
        2**40,
        "",
        "x",
        "$a",
        "$$x",
        "$$ROOT.a",
        "$",
        b"x",
        [],
        [[]],
        {},
        {"$x": 1},
        {"": 1},
    ],
    *[
        {"a": {}},
        [{"a": 1}],
        {"$eq": 1},
        {"$in": 5},
        {"$expr": "$a"},
        Decimal128("NaN"),
        float("nan"),
        Regex("("),
    ],
    *[
        ObjectId(),
        MaxKey(),
        Timestamp(0, 0),
        "a..b",
        "a.$",
        ".",
        {"$set": 5},
        [{"$set": 5}],
        {"a.b": 1},
        10**18,
    ],
]


#: So that there is something to find.
FIRST: Doc = {"insert": "c", "documents": [{"_id": 1, "a": [1], "k": 1}, {"_id": 2, "a": {"b": 2}}]}


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths of all parts of a value."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [place for name, part in inner for place in [(*path, name), *places(part, (*path, name))]]


def spoiled(command: Doc, chance: random.Random) -> Doc:
    """The command with one part replaced, taken away or put where it does not belong."""
    copied = copy.deepcopy(command)
    *way, last = chance.choice(places(copied))
    part: Any = copied
    for name in way:
        part = part[name]
    if isinstance(part, dict) and chance.random() < 0.2 and part is not copied:
        del part[last]
    elif isinstance(part, dict) and chance.random() < 0.2:
        part[chance.choice(["x", "$x", "$and", "$set", "a.b", ""])] = chance.choice(ODD)
    else:
        part[last] = chance.choice(ODD)
    return copied


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: next(iter(command)))
def test_a_spoiled_command(command: Doc) -> None:
    chance = random.Random(repr(command))
    for _ in range(60):
        session = Session(Deployment({}, Oplog(VirtualClock(1e9))))
        for one in (FIRST, spoiled(command, chance), command):
            sent = bson.decode(bson.encode({**one, "$db": "d"}, codec_options=CODEC), CODEC)
            answer = session.answer(Message(1, sent))
            assert answer is not None
            errors = [answer, *answer.get("writeErrors", []), *answer.get("cursor", {}).get("firstBatch", [])]
            assert not [e for e in errors if type(e) is dict and e.get("code") == 1], (one, answer)
            bson.encode(answer, codec_options=CODEC)
