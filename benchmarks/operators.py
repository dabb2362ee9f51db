"""What calls of the commonest operators cost in generated code: ``python -m benchmarks.operators``."""

from __future__ import annotations

import datetime as dt
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

from benchmarks.figure import Figure, show
from brookmill.mql import Document, Value
from brookmill.mql.code import Code
from brookmill.mql.expression import parse_expression
from brookmill.mql.shape import Plain

DOCUMENTS = 1_000
ROUNDS = 15

NOON = dt.datetime(2024, 6, 15, 12, tzinfo=dt.UTC)
BIG = {"$gt": ["$$this", 3]}
#: The expressions, each of an operator and field paths.
OPERATORS: dict[str, Value] = {
    "$add": {"$add": ["$i", "$f"]},
    "$subtract": {"$subtract": ["$f", "$i"]},
    "$multiply": {"$multiply": ["$i", "$f"]},
    "$divide": {"$divide": ["$f", "$n"]},
    "$mod": {"$mod": ["$i", 7]},
    "$abs": {"$abs": "$f"},
    "$round": {"$round": ["$f", 1]},
    "$eq": {"$eq": ["$s", "text 1"]},
    "$gt": {"$gt": ["$f", 100]},
    "$and": {"$and": [{"$gt": ["$f", 1]}, {"$gt": ["$i", 1]}]},
    "$not": {"$not": ["$b"]},
    "$cond": {"$cond": ["$b", "$i", "$f"]},
    "$ifNull": {"$ifNull": ["$missing", "$i"]},
    "$switch": {"$switch": {"branches": [{"case": {"$lt": ["$i", 0]}, "then": 1}], "default": 2}},
    "$concat": {"$concat": ["$s", "-", "$s"]},
    "$toUpper": {"$toUpper": "$s"},
    "$substrBytes": {"$substrBytes": ["$s", 0, 3]},
    "$regexMatch": {"$regexMatch": {"input": "$s", "regex": "^te.t"}},
    "$toString": {"$toString": "$i"},
    "$toInt": {"$toInt": "$f"},
    "$toDate": {"$toDate": "$iso"},
    "$dateToString": {"$dateToString": {"date": "$d", "format": "%Y-%m-%d"}},
    "$hour": {"$hour": "$d"},
    "$dateTrunc": {"$dateTrunc": {"date": "$d", "unit": "hour"}},
    "$size": {"$size": "$a"},
    "$arrayElemAt": {"$arrayElemAt": ["$a", 0]},
    "$filter (8 items)": {"$filter": {"input": "$a", "cond": BIG}},
    "$map (8 items)": {"$map": {"input": "$a", "in": {"$add": ["$$this", 1]}}},
    "$reduce (8 items)": {
        "$reduce": {"input": "$a", "initialValue": 0, "in": {"$add": ["$$value", "$$this"]}}
    },
    "$mergeObjects": {"$mergeObjects": ["$o", {"z": "$i"}]},
}


def run() -> list[Figure]:
    """Processor time of a call, without that of the loop around it and of reading the fields."""
    documents = [_document(i) for i in range(DOCUMENTS)]
    loops = {name: (_loop(spec), _loop(*_fields(spec))) for name, spec in OPERATORS.items()}
    spent: dict[str, list[float]] = {name: [] for name in loops}
    for _ in range(ROUNDS):
        for name, (call, read) in loops.items():
            spent[name].append((_seconds(call, documents) - _seconds(read, documents)) / DOCUMENTS * 1e9)
    how = f"median of {ROUNDS} rounds"
    return [Figure(name, statistics.median(times), "ns", None, how) for name, times in spent.items()]


def _document(i: int) -> Document:
    moment = NOON + dt.timedelta(minutes=i)
    iso = moment.strftime("%Y-%m-%dT%H:%M:%S.000Z")
    numbers = {"i": i, "f": i * 1.37, "n": i % 9 + 1, "b": i % 2 == 0}
    others = {"a": [i % 7 + k for k in range(8)], "o": {"x": 1, "y": "z"}}
    return {**numbers, **others, "s": f"text {i % 50}", "d": moment, "iso": iso}


def _fields(spec: Value) -> list[str]:
    """All the field paths that a spec reads."""
    if isinstance(spec, str):
        return [spec] if spec[:1] == "$" and spec[:2] != "$$" else []
    parts = spec.values() if isinstance(spec, dict) else spec if isinstance(spec, list) else ()
    return sorted({path for part in parts for path in _fields(part)})


def _loop(*specs: Value) -> Callable[[list[Document]], None]:
    """Generated code that evaluates expressions for each document."""
    code = Code(Plain("d"), indent=2)
    for spec in specs:
        code.line(f"x = {parse_expression(spec).emit(code).text}")
    names: dict[str, Any] = dict(code.bound)
    lines = ["def run(documents):", "    for d in documents:", *code.lines]
    exec(compile("\n".join(lines), "<generated>", "exec"), names)
    loop: Callable[[list[Document]], None] = names["run"]
    return loop


def _seconds(loop: Callable[[list[Document]], None], documents: list[Document]) -> float:
    began = time.process_time_ns()
    loop(documents)
    return (time.process_time_ns() - began) / 1e9


if __name__ == "__main__":
    sys.exit(not show(run()))
