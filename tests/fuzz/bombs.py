"""Inputs made to exhaust: each ends within a second, in an error or a bounded result."""

from __future__ import annotations

import faulthandler
import gc
import json
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bson import Decimal128
from fuzz.inputs import ask_expression, ask_query, ask_stages
from fuzz.mutation import operators
from fuzz.worker import MOST_MEMORY, interrupt, trouble

from brookmill.mql import Value

BIG = "x" * (8 * 1024 * 1024)
MANY: list[Value] = list(range(1_000_000))
RANGE: Value = {"$range": [0, 1_000_000]}
FORTY: list[Value] = list(range(40))


def nested(levels: int, wrap: Callable[[Value], Value], value: Value) -> Value:
    for _ in range(levels):
        value = wrap(value)
    return value


def reduced(step: Value, initial: Value, items: Value = FORTY) -> Value:
    return {"$reduce": {"input": items, "initialValue": initial, "in": step}}


def looped(inner: Value, items: Value = RANGE) -> Value:
    return {"$map": {"input": items, "in": inner}}


#: Name -> expression and document.
EXPRESSIONS: dict[str, tuple[Value, dict[str, Value]]] = {
    "range of all integers": ({"$range": [0, 2**31 - 1]}, {}),
    "range backwards": ({"$range": [2**31 - 1, -(2**31), -1]}, {}),
    "loops in loops": (looped(looped(looped("$$this"))), {}),
    "range in a loop": (looped(RANGE), {}),
    "a big array in a loop": (looped("$a", {"$range": [0, 100_000]}), {"a": MANY}),
    "sorting in a loop": (looped({"$sortArray": {"input": "$a", "sortBy": 1}}), {"a": MANY}),
    "reversing in a loop": (looped({"$reverseArray": "$a"}), {"a": MANY}),
    "membership in a loop": (looped({"$in": ["x", "$a"]}), {"a": MANY}),
    "searching in a loop": (looped({"$indexOfCP": ["$a", "yy"]}), {"a": BIG}),
    "searching an array in a loop": (looped({"$indexOfArray": ["$a", -1]}), {"a": MANY}),
    "sets in a loop": (looped({"$setUnion": ["$a", [1]]}), {"a": MANY[:100_000]}),
    "upper case in a loop": (looped({"$toUpper": "$a"}), {"a": BIG}),
    "length in a loop": (looped({"$strLenCP": "$a"}), {"a": "é" * 4_000_000}),
    "bytes in a loop": (looped({"$strLenBytes": "$a"}), {"a": "é" * 4_000_000}),
    "splitting in a loop": (looped({"$split": ["$a", ","]}), {"a": "," * 900_000}),
    "a loop written out": (
        {"$concatArrays": [{"$regexFindAll": {"input": "$a", "regex": "^a", "options": "m"}}] * 1000},
        {"a": "a\n" * 2_000},
    ),
    "replacing in a loop": (
        looped({"$replaceAll": {"input": "$a", "find": "x", "replacement": ""}}),
        {"a": BIG},
    ),
    "trimming in a loop": (looped({"$trim": {"input": "$a"}}), {"a": " " * 8_000_000}),
    "a slice in a loop": (looped({"$slice": ["$a", 999_999]}), {"a": MANY}),
    "sums in a loop": (looped({"$sum": "$a"}), {"a": MANY}),
    "objects in a loop": (looped({"$objectToArray": "$$ROOT"}), {f"n{i}": i for i in range(50_000)}),
    "merging in a loop": (
        looped({"$mergeObjects": ["$$ROOT", {"a": 1}]}),
        {f"n{i}": i for i in range(50_000)},
    ),
    "comparing in a loop": (looped({"$eq": ["$a", "$b"]}), {"a": MANY, "b": [*MANY]}),
    "sizes in a loop": (looped({"$bsonSize": "$$ROOT"}), {"a": MANY[:100_000]}),
    "hashes in a loop": (looped({"$toHashedIndexKey": "$a"}), {"a": BIG}),
    "a path over a big array in a loop": (looped("$a.b"), {"a": [{"b": 1}] * 100_000}),
    "conversion in a loop": (looped({"$toString": "$a"}), {"a": b"x" * 4_000_000}),
    "patterns in a loop": (looped({"$regexMatch": {"input": "$a", "regex": "y$"}}), {"a": BIG}),
    "many operators in many loops": (
        nested(
            20,
            lambda v: {"$map": {"input": [1, 2], "in": v}},
            nested(12, lambda v: {"$concatArrays": [v, v]}, ["$a"]),
        ),
        {"a": 1},
    ),
    "many comparisons in many loops": (
        nested(
            18, lambda v: {"$map": {"input": [1, 2], "in": v}}, nested(11, lambda v: {"$and": [v, v]}, True)
        ),
        {"a": 1},
    ),
    "a filter in a filter": (
        {"$filter": {"input": RANGE, "cond": {"$size": {"$filter": {"input": RANGE, "cond": True}}}}},
        {},
    ),
    "an array that doubles": (reduced({"$concatArrays": ["$$value", "$$value"]}, [1]), {}),
    "an array in itself": (reduced(["$$value", "$$value"], [1]), {}),
    "an object in itself": (reduced({"a": "$$value", "b": "$$value"}, {"a": 1}), {}),
    "an array by let": (
        nested(45, lambda v: {"$let": {"vars": {"v": v}, "in": ["$$v", "$$v"]}}, 1),
        {},
    ),
    "an array by let that is joined": (
        nested(45, lambda v: {"$let": {"vars": {"v": v}, "in": {"$concatArrays": ["$$v", "$$v"]}}}, [1]),
        {},
    ),
    "a text by let": (
        nested(45, lambda v: {"$let": {"vars": {"v": v}, "in": {"$concat": ["$$v", "$$v"]}}}, "x"),
        {},
    ),
    "a text that doubles": (reduced({"$concat": ["$$value", "$$value"]}, "x"), {}),
    "a text that grows": (reduced({"$concat": ["$$value", "x"]}, "", RANGE), {}),
    "an array that grows": (reduced({"$concatArrays": ["$$value", ["$$this"]]}, [], RANGE), {}),
    "a set that grows": (reduced({"$setUnion": ["$$value", ["$$this"]]}, [], RANGE), {}),
    "an object that grows": (
        reduced({"$setField": {"field": {"$toString": "$$this"}, "input": "$$value", "value": 1}}, {}, RANGE),
        {},
    ),
    "a number that squares": (reduced({"$multiply": ["$$value", "$$value"]}, 3), {}),
    "a decimal that squares": (reduced({"$multiply": ["$$value", "$$value"]}, Decimal128("1.000001")), {}),
    "powers": ({"$pow": [2**31 - 1, 2**31 - 1]}, {}),
    "powers of decimals": ({"$pow": [Decimal128("9.9E+6000"), Decimal128("-9.9E+6000")]}, {}),
    "a power near one": (
        {"$pow": [Decimal128("1.000000000000000000000000000000001"), Decimal128("1E+33")]},
        {},
    ),
    "e to a decimal": ({"$exp": Decimal128("9E+6144")}, {}),
    "a sine of a giant": ({"$sin": Decimal128("9.99E+6144")}, {}),
    "a tangent of a dwarf": ({"$tanh": Decimal128("1E-6176")}, {}),
    "a logarithm of a giant": ({"$log": [Decimal128("9E+6144"), Decimal128("1.0000000000000000001")]}, {}),
    "a root of a dwarf": ({"$sqrt": Decimal128("1E-6176")}, {}),
    "a remainder of giants": ({"$mod": [Decimal128("9E+6144"), Decimal128("3E-6176")]}, {}),
    "rounding to nowhere": ({"$round": [Decimal128("9E+6144"), 100]}, {}),
    "long arrays zipped": ({"$zip": {"inputs": ["$a"] * 100}}, {"a": MANY}),
    "one long array zipped": (
        {"$zip": {"inputs": ["$a", *[[]] * 500], "useLongestLength": True}},
        {"a": MANY[:100_000]},
    ),
    "replacing every letter": (
        {"$replaceAll": {"input": "$a", "find": "x", "replacement": "y" * 10_000}},
        {"a": BIG},
    ),
    "replacing nothing": (
        {"$replaceAll": {"input": "$a", "find": "", "replacement": "y" * 10_000}},
        {"a": BIG},
    ),
    "splitting everything": ({"$split": ["$a", "x"]}, {"a": BIG}),
    "a format without end": ({"$dateToString": {"date": {"$toDate": 0}, "format": "%Y-%m-%d" * 100_000}}, {}),
    "a text parsed by a format without end": (
        {"$dateFromString": {"dateString": "$a", "format": "%Y" * 5_000, "onError": 0}},
        {"a": "2024" * 5_000},
    ),
    "dates far away": ({"$dateAdd": {"startDate": {"$toDate": 0}, "unit": "year", "amount": 2**62}}, {}),
    "parts far away": ({"$dateFromParts": {"year": 9999, "month": 2**31 - 1, "day": 2**62}}, {}),
    "bins of a dwarf": (
        {"$dateTrunc": {"date": {"$toDate": 2**52}, "unit": "month", "binSize": 10**11}},
        {},
    ),
    "a number of a million digits": ({"$toInt": "$a"}, {"a": "9" * 1_000_000}),
    "a long of a million digits": ({"$toLong": "$a"}, {"a": "9" * 1_000_000}),
    "a decimal of a million digits": ({"$toDecimal": "$a"}, {"a": "9" * 1_000_000}),
    "a double of a million digits": ({"$toDouble": "$a"}, {"a": "1" * 1_000_000 + "e5"}),
    "a date of a million digits": (
        {"$convert": {"input": "$a", "to": "date", "onError": 0}},
        {"a": "9" * 1_000_000},
    ),
    "a decimal written out": ({"$toLong": Decimal128("1E+6144")}, {}),
    "union of big sets": ({"$setUnion": ["$a", "$a", "$b"]}, {"a": MANY[:400_000], "b": ["x", *MANY[:9]]}),
    "difference of big sets": ({"$setDifference": ["$a", "$b"]}, {"a": MANY[:300_000], "b": MANY[:300_000]}),
    "cond at the limit": (nested(74, lambda v: {"$cond": [True, v, v if v == 1 else 0]}, 1), {}),
    "let at the limit": (nested(45, lambda v: {"$let": {"vars": {"v": 1}, "in": v}}, "$$ROOT"), {}),
    "too deep": (nested(5_000, lambda v: {"$not": v}, 1), {}),
    "arrays too deep": (nested(5_000, lambda v: [v], 1), {}),
    "a document too deep": ({"$eq": ["$a", "$a"]}, {"a": nested(5_000, lambda v: [v], 1)}),
    "a wide document": ({"$mergeObjects": ["$$ROOT", {"a": 1}]}, {f"n{i}": i for i in range(200_000)}),
    "a wide document in pieces": ({"$objectToArray": "$$ROOT"}, {f"n{i}": i for i in range(200_000)}),
    "many operands": ({"$concat": ["$a"] * 5_000}, {"a": "x" * 10_000}),
    "a hundred big texts": ({"$concat": ["$a"] * 100}, {"a": BIG}),
    "a hundred big arrays": ({"$concatArrays": ["$a"] * 100}, {"a": MANY}),
    "a big array a hundred times": (["$a"] * 100, {"a": MANY[:100_000]}),
    "size of a big document": ({"$bsonSize": "$$ROOT"}, {"a": MANY[:500_000]}),
    "size of a big text": ({"$binarySize": "$a"}, {"a": BIG}),
    "matches without end": ({"$regexFindAll": {"input": "$a", "regex": ""}}, {"a": "x" * 2_000_000}),
    "captures without end": (
        {"$regexFindAll": {"input": "$a", "regex": "()" * 200}},
        {"a": "x" * 100_000},
    ),
    "patterns of documents": (
        looped({"$regexMatch": {"input": "a", "regex": {"$concat": ["$a", {"$toString": "$$this"}]}}}, RANGE),
        {"a": "(a|b)" * 4_000},
    ),
    "many short patterns": (
        looped({"$regexMatch": {"input": "a", "regex": {"$toString": "$$this"}}}, RANGE),
        {},
    ),
    "sorted by many keys": (
        {"$sortArray": {"input": "$a", "sortBy": {f"k{i}": 1 for i in range(1_000)}}},
        {"a": [{}] * 5_000},
    ),
}

PATTERNS = {
    "(a+)+$": "a" * 40 + "!",
    "(a|aa)+$": "a" * 60 + "!",
    "(.*)*x": "a" * 5_000,
    "(a*)*b": "a" * 5_000,
    "^(([a-z])+.)+[A-Z]([a-z])+$": "a" * 200,
    "(x+x+)+y": "x" * 100,
    "(?:a?){30}a{30}": "a" * 29,
    "(?=(a+))a*b\\1": "a" * 10_000,
    "(?R)?a": "a" * 10_000,
    "((a*)*)*b": "a" * 1_000,
    "(?:.{1,500}){1,500}$x": "a" * 5_000,
    "a.*b.*c.*d.*e": "abcd" * 20_000,
    ".*.*.*.*y": "x" * 50_000,
    "(?i)" + "(straße|ſ)" * 300: "STRASSE" * 1_000,
    "(?:a{0,60000}){0,1000}": "a" * 1_000,
}
for _number, (_pattern, _text) in enumerate(PATTERNS.items()):
    EXPRESSIONS[f"pattern {_number}"] = ({"$regexMatch": {"input": "$a", "regex": _pattern}}, {"a": _text})
    EXPRESSIONS[f"all of pattern {_number}"] = (
        {"$regexFindAll": {"input": "$a", "regex": _pattern}},
        {"a": _text},
    )

#: Name -> filter and document.
QUERIES: dict[str, tuple[Value, dict[str, Value]]] = {
    **{f"pattern {n}": ({"a": {"$regex": p}}, {"a": t}) for n, (p, t) in enumerate(PATTERNS.items())},
    "a pattern on many texts": ({"a": {"$regex": "(a+)+$"}}, {"a": ["a" * 40 + "!"] * 10_000}),
    "a pattern on many paths": (
        {"a.b.c": {"$regex": "x$"}},
        {"a": [{"b": [{"c": ["y"] * 100}] * 100}] * 100},
    ),
    "a path through arrays": ({".".join("a" * 100): 1}, nested(60, lambda v: {"a": [v, 1]}, 1)),
    "a big operand beside many items": ({"a": MANY[:10_000]}, {"a": [MANY[:9_999]] * 5_000}),
    "many in many": ({"a": {"$in": MANY[:200_000]}}, {"a": [-1] * 100_000}),
    "all of many": ({"a": {"$all": MANY[:50]}}, {"a": MANY[-10_000:]}),
    "elements of elements": (
        nested(40, lambda v: {"a": {"$elemMatch": v}}, {"a": 1}),
        nested(40, lambda v: {"a": [v]}, {"a": 2}),
    ),
    "or at the limit": (nested(90, lambda v: {"$or": [v]}, {"a": 1}), {}),
    "too deep": (nested(5_000, lambda v: {"$and": [v]}, {"a": 1}), {}),
    "wide": ({"$or": [{f"n{i}": i} for i in range(2_000)]}, {"a": 1}),
    "a big equal": ({"a": MANY[:300_000]}, {"a": [*MANY[:300_000]]}),
    "a bomb in $expr": ({"$expr": looped(looped(1))}, {}),
}

#: Name -> stages and documents.
PIPELINES: dict[str, tuple[list[Value], list[dict[str, Value]]]] = {
    "push of big documents": ([{"$group": {"_id": None, "a": {"$push": "$$ROOT"}}}], [{"a": BIG}] * 1_000),
    "push of everything": (
        [{"$group": {"_id": None, "a": {"$push": "$a"}}}],
        [{"a": n} for n in range(20_000)],
    ),
    "many groups": ([{"$group": {"_id": "$a", "n": {"$count": {}}}}], [{"a": n} for n in range(20_000)]),
    "a set of everything": (
        [{"$group": {"_id": None, "a": {"$addToSet": "$a"}}}],
        [{"a": n} for n in range(20_000)],
    ),
    "many fields": ([{"$set": {f"n{i}": "$a" for i in range(3_000)}}], [{"a": 1}] * 10),
    "a thousand stages": ([{"$replaceRoot": {"newRoot": {"a": "$$ROOT.a"}}}] * 1_000, [{"a": 1}]),
    "a thousand groups": ([{"$group": {"_id": "$_id"}}] * 1_000, [{"_id": 1}]),
    "a deep field": ([{"$set": {".".join("a" * 150): 1}}], [{"a": 1}]),
    "a document that doubles": ([{"$set": {"a": ["$a", "$a"]}}] * 40, [{"a": 1}]),
    "an object that doubles": (
        [{"$replaceRoot": {"newRoot": {"a": "$$ROOT", "b": "$$ROOT"}}}] * 40,
        [{"a": 1}],
    ),
    "a text that doubles": ([{"$set": {"a": {"$concat": ["$a", "$a"]}}}] * 40, [{"a": "x"}]),
    "unwound again and again": (
        [{"$set": {n: {"$range": [0, 100]}}} for n in "abcd"] + [{"$unwind": f"${n}"} for n in "abcd"],
        [{}],
    ),
    "a big array unwound": ([{"$set": {"a": RANGE, "b": RANGE}}, {"$unwind": "$a"}, {"$unwind": "$b"}], [{}]),
    "a computed array in each item": ([{"$set": {"a.b": RANGE}}], [{"a": [{}] * 100_000}]),
}


#: Family -> how its bombs are asked, and they.
FAMILIES: dict[str, tuple[Callable[..., None], dict[str, Any]]] = {
    "expression": (ask_expression, EXPRESSIONS),
    "query": (lambda spec, document: ask_query(spec, [document]), QUERIES),
    "pipeline": (ask_stages, PIPELINES),
}


def memory(field: str) -> int:
    """Bytes: ``VmRSS`` in use, ``VmHWM`` the most since ``forget``."""
    status = Path("/proc/self/status").read_text("ascii")
    return int(status.partition(f"{field}:")[2].split()[0]) * 1024


def forget() -> None:
    Path("/proc/self/clear_refs").write_text("5", "ascii")


def blow(family: str, name: str) -> str | None:
    """What is wrong with how a bomb was taken; None: nothing."""
    ask, table = FAMILIES[family]
    gc.collect()
    forget()
    before = memory("VmRSS")
    told = trouble(lambda _: ask(*table[name]), 0)
    more = (memory("VmHWM") - before) // 2**20
    return told or (f"took {more} MB" if more > MOST_MEMORY // 2**20 else None)


def main(wanted: str) -> None:
    """Tell what is wrong, one JSON object a bomb whose name has ``wanted`` in it."""
    operators()
    signal.signal(signal.SIGPROF, interrupt)
    faulthandler.dump_traceback_later(600, exit=True)
    for family, (_, table) in FAMILIES.items():
        for name in table:
            if wanted in f"{family} {name}":
                print(json.dumps({"bomb": f"{family} {name}", "trouble": blow(family, name)}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "")
