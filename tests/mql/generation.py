"""Random values, documents, expressions and pipelines, made from the rows of the behaviour tables.

A table's rows are the templates of its operator: field paths in them are replaced by other expressions, and
values in their documents by other values. So an operator is covered as soon as it has a table.
"""

from __future__ import annotations

import datetime as dt
import functools
import random
from typing import Any

from bson import Binary, Code, DatetimeMS, Decimal128, Int64, MaxKey, MinKey, ObjectId, Regex, Timestamp
from mql.tables import Row, files, table

from brookmill.mql import Value
from brookmill.mql.expression import EXPRESSIONS
from brookmill.stages import STAGES

#: Their answers differ from call to call.
UNSTEADY = {"$rand", "$createUUID", "$createObjectId", "$currentDate"}
#: Depth of expressions in expressions.
DEPTH = 3

NUMBERS: list[Value] = [
    *(0, 1, -1, 2, 3, 7, 10, 100, 2**31 - 1, -(2**31), 2**31, 2**53, 2**63 - 1, -(2**63), 10**30),
    *(Int64(0), Int64(1), Int64(-5), Int64(2**31), Int64(2**63 - 1), Int64(-(2**63))),
    *(0.0, -0.0, 0.5, 1.0, -1.5, 2.5, 1e-9, 1e16, 1e308, 5e-324, float("nan"), float("inf"), float("-inf")),
    *map(Decimal128, ("0", "-0", "1", "2.50", "-3.3", "1E+10", "1E-6176", "9E+6144", "NaN", "Infinity")),
]
TEXTS: list[Value] = [
    *("", "a", "b", "abc", "ABC", " x ", "é", "寿司", "😀", "a\0b", "1", "2.5", "true", "$a", "a.b", "%Y-%m"),
    *("UTC", "America/New_York", "+05:30", "day", "month", "week", "2024-02-29T12:30:00.000Z", "2024-01-01"),
]
DATES: list[Value] = [
    dt.datetime(2024, 2, 29, 12, 30, 15, 250_000, tzinfo=dt.UTC),
    dt.datetime(1969, 12, 31, 23, 59, 59, 999_000, tzinfo=dt.UTC),
    dt.datetime(2021, 3, 14, 7, tzinfo=dt.UTC),
    dt.datetime(1, 1, 1, tzinfo=dt.UTC),
    dt.datetime(9999, 12, 31, 23, 59, tzinfo=dt.UTC),
    *(DatetimeMS(2**62), DatetimeMS(-(2**62)), DatetimeMS(253_402_300_800_000)),
]
OTHERS: list[Value] = [
    *(None, None, True, False, b"", b"\x01\x02", Binary(b"\x00" * 16, 4), Binary(b"x", 128)),
    *(
        ObjectId("64de12340000000000000000"),
        Timestamp(5, 6),
        Regex("a+", "i"),
        Code("f()"),
        MinKey(),
        MaxKey(),
    ),
]


@functools.cache
def templates(family: str) -> dict[str, list[Row]]:
    """The rows of each table of a family, but for those that are refused while they are parsed."""
    found: dict[str, list[Row]] = {}
    for path in files(family):
        name, rows = table(path)
        steady = [row for row in rows if row.get("phase") != "parse" and not unsteady(row)]
        if steady:
            found.setdefault(name, []).extend(steady)
    return found


def unsteady(spec: Any) -> bool:
    """Whether an operator whose answers differ stands anywhere in a spec."""
    if isinstance(spec, dict):
        return not UNSTEADY.isdisjoint(spec) or any(map(unsteady, spec.values()))
    return isinstance(spec, list) and any(map(unsteady, spec))


class Generator:
    """Makes everything from one source of randomness."""

    def __init__(self, source: random.Random) -> None:
        self.random = source

    def value(self, depth: int = 2) -> Value:
        """A value of any type; arrays and objects to some depth."""
        pools = (NUMBERS, NUMBERS, TEXTS, DATES, OTHERS)
        kind = self.random.randrange(8 if depth else 5)
        if kind < 5:
            return self.random.choice(pools[kind])
        size = self.random.randrange(4)
        if kind == 5:
            return {self.random.choice("abcdxyz"): self.value(depth - 1) for _ in range(size)}
        pool = self.random.choice(pools)
        return [self.random.choice(pool) if kind == 6 else self.value(depth - 1) for _ in range(size)]

    def varied(self, document: Value) -> Value:
        """A document of a row with some of its values changed, some taken away, and some added."""
        if not isinstance(document, dict) or self.random.random() < 0.2:
            return document
        kept = {name: value for name, value in document.items() if self.random.random() < 0.95}
        changed = {n: v if self.random.random() < 0.6 else self.value() for n, v in kept.items()}
        extra = {n: self.value() for n in "abcd" if self.random.random() < 0.3}
        return {**extra, **changed}

    def expression(self, depth: int = DEPTH) -> tuple[Value, Value]:
        """An expression, and a document with the fields it reads."""
        known = templates("expressions")
        name = self.random.choice(sorted(known))
        row = self.random.choice(known[name])
        document = dict(row.get("doc", {}))
        return self.replaced(row["expr"], depth, document), document

    def replaced(self, spec: Value, depth: int, document: dict[str, Value]) -> Value:
        """A spec with some of its field paths replaced; ``document`` gets the fields that come in."""
        if isinstance(spec, dict) and "$literal" not in spec:
            return {name: self.replaced(part, depth, document) for name, part in spec.items()}
        if isinstance(spec, list):
            return [self.replaced(part, depth, document) for part in spec]
        if not (isinstance(spec, str) and spec[:1] == "$" and spec[:2] != "$$"):
            return spec
        kind = self.random.randrange(10)
        if kind < 3 and depth:
            inner, fields = self.expression(depth - 1)
            document.update({name: value for name, value in fields.items() if name not in document})
            return inner
        if kind < 4:
            return {"$literal": self.value()}
        return self.random.choice(["$a", "$b", "$c.d", "$a.x", "$$ROOT"]) if kind < 5 else spec

    def stage(self, document: dict[str, Value]) -> Value:
        """A stage without state; ``document`` gets the fields that it reads."""
        kind = self.random.randrange(6)
        if kind == 0:
            rows = self.random.choice([r for n, r in sorted(templates("stages").items()) if _plain(n)])
            row = self.random.choice(rows)
            for given in row.get("docs", [])[:1]:
                document.update({n: v for n, v in given.items() if n not in document})
            stages = row["stages"] if "stages" in row else [row["stage"]]
            return self.replaced(self.random.choice(stages), 1, document)
        expression, fields = self.expression(DEPTH - 1)
        document.update({name: value for name, value in fields.items() if name not in document})
        if kind == 1:
            return {"$match": {"$expr": expression}}
        if kind == 2:
            return {"$project": {"_id": 0, "a": 1, "r": expression}}
        return {"$set": {self.random.choice(["r", "s", "a", "b.c"]): expression}}

    def pipeline(self) -> tuple[list[Value], list[Value]]:
        """Up to three stages, and documents for them."""
        document: dict[str, Value] = {}
        stages = [self.stage(document) for _ in range(self.random.randint(1, 3))]
        return stages, [self.varied(document) for _ in range(self.random.randint(1, 3))]


def _plain(name: str) -> bool:
    """Whether a table is of a stage that works on one document at a time."""
    member = STAGES.get(name)
    return member is not None and getattr(member, "kind", None) == "row"


def registered() -> set[str]:
    """The operators that must be met."""
    return set(EXPRESSIONS) - UNSTEADY
