"""Hostile values: what stands in the behaviour tables, spoilt in up to a few places."""

from __future__ import annotations

import functools
import math
import random
from collections.abc import Callable
from typing import Any

from mql.generation import Generator
from mql.tables import Row, files, table

from brookmill.mql import Value
from brookmill.mql.accumulator import ACCUMULATORS
from brookmill.mql.expression import EXPRESSIONS
from brookmill.mql.filter import PREDICATES
from brookmill.stages import STAGES

NAMES = [
    *("", "$", "$$", "$a", "$where", "$$ROOT", "$__proto__", ".", "a.", ".a", "a..b", "a.b", "a.0", "a.-1"),
    *(
        "__proto__",
        "constructor",
        "__class__",
        "__dict__",
        "class",
        "def",
        "lambda",
        "None",
        "self",
        "MISSING",
    ),
    *(
        "a\0b",
        "\0",
        "\ud800",
        "é",
        "😀",
        "\u202e",
        "K1",
        "d",
        "let",
        "{a}",
        "{0}",
        "%s",
        "'",
        '"',
        "\n",
        "\\",
    ),
    *("_id", "this", "value", "IDX", "@meta", "@now", "@growth", "ROOT", "CURRENT", "0", "999999999", "1e9"),
    *("x" * 10_000, ".".join("a" * 199), ".".join("a" * 300), "a" + ".0" * 150),
]
TEXTS = [
    *(
        "x" * 10_000,
        "ab" * 50_000,
        "a" * 30 + "!",
        "\0" * 100,
        "é" * 5_000,
        "😀" * 1_000,
        "\ud800",
        "a\udfff",
    ),
    *(
        "9" * 400,
        "-" + "9" * 5_000,
        "1e400",
        "0x" + "f" * 300,
        "NaN",
        "-Infinity",
        "1E-7000",
        "0." + "0" * 9_000,
    ),
    *("(a+)+$", "(a|aa)+$", "(.*)*x", "(?:a{1,500}){1,500}", "((((((((((a*)*)*)*)*)*)*)*)*)*)*$", "(?R)"),
    *(
        "(" * 200 + ")" * 200,
        "[[:alpha:]",
        "\\",
        "(?P<n>a)\\k<n>",
        "(*NO_JIT)a",
        "(?#",
        "\\x{110000}",
        "a{65536}",
    ),
    *(
        "%",
        "%Y" * 5_000,
        "%%%",
        "%Q",
        "%Z%z",
        "+99:99",
        "America/",
        "../../etc/passwd",
        "Z" * 100,
        "Etc/GMT+14",
    ),
    *(
        "$$this",
        "$$value",
        "$$ROOT",
        "$$CURRENT",
        "$$REMOVE",
        "$$NOW",
        "$$this.a",
        "$$v",
        "$a.b.c.d",
        "$_id",
        "$0",
    ),
]
NUMBERS = [
    *(
        2**31 - 1,
        -(2**31),
        2**31,
        2**53 + 1,
        2**63 - 1,
        -(2**63),
        2**63,
        10**30,
        -1,
        0,
        1,
        127,
        128,
        1_000_000,
    ),
    *(
        1e308,
        -1e308,
        5e-324,
        1e-300,
        float("nan"),
        float("inf"),
        float("-inf"),
        -0.0,
        0.5,
        1e15 + 0.5,
        2.0**63,
    ),
]
#: What wraps a value once more.
WRAPS: list[Callable[[Value], Value]] = [
    lambda value: [value],
    lambda value: {"a": value},
    lambda value: {"$cond": [True, value, None]},
    lambda value: {"$let": {"vars": {"v": value}, "in": "$$v"}},
    lambda value: {"$let": {"vars": {"v": 1}, "in": value}},
    lambda value: {"$add": [1, value]},
    lambda value: {"$concatArrays": [value, value]},
    lambda value: {"$map": {"input": [1, 2], "in": value}},
    lambda value: {"$reduce": {"input": [1, 2, 3], "initialValue": value, "in": ["$$value", "$$value"]}},
    lambda value: {"$filter": {"input": value, "cond": value}},
    lambda value: {"$switch": {"branches": [{"case": True, "then": value}], "default": value}},
    lambda value: {"$and": [value]},
    lambda value: {"$or": [value, value]},
    lambda value: {"$not": value},
    lambda value: {"$elemMatch": value},
    lambda value: {"$expr": value},
    lambda value: {"$mergeObjects": [value, value]},
    lambda value: {"$ifNull": [value, value]},
]
#: Wraps that repeat what they wrap double a spec's size at each level; this is the end of it.
_MOST_NODES = 10_000

Path = tuple[Any, ...]


@functools.cache
def rows(family: str) -> list[Row]:
    """All rows of a family's tables."""
    return [row for path in files(family) for row in table(path)[1]]


@functools.cache
def operators() -> list[str]:
    return sorted(
        {*EXPRESSIONS, *PREDICATES, *ACCUMULATORS, *STAGES, "$and", "$or", "$nor", "$not", "$options"}
    )


def size(value: Value) -> int:
    """How many values a value is, with all in it; a long text counts as many."""
    waiting, count = [value], 0
    while waiting:
        inner = waiting.pop()
        count += 1 + (len(inner) // 100 if isinstance(inner, str) else 0)
        if isinstance(inner, (dict, list)):
            waiting += inner.values() if isinstance(inner, dict) else inner
    return count


def reached(value: Value, at: Path) -> Value:
    for step in at:
        value = value[step]
    return value


def put(value: Value, at: Path, new: Value) -> Value:
    """A copy of ``value`` with ``new`` at the path."""
    if not at:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[at[0]] = put(copy[at[0]], at[1:], new)
    return copy


class Mutator:
    """Spoils values; the same source of randomness spoils them in the same way."""

    def __init__(self, source: random.Random) -> None:
        self.random = source
        self._generator = Generator(source)
        self._ways = [
            *[self._other_value] * 4,
            *[self._other_part] * 3,
            *[self._other_name] * 3,
            *(self._deeper, self._longer, self._shorter, self._swapped, self._added),
        ]

    def spoilt(self, value: Value, most: int = 3) -> Value:
        """``value`` with up to ``most`` things about it changed."""
        for _ in range(self.random.randint(0, most)):
            at = self._place(value)
            value = put(value, at, self.random.choice(self._ways)(reached(value, at)))
        return value

    def _place(self, value: Value) -> Path:
        """The path of something in ``value``, by a walk that may end anywhere."""
        at: Path = ()
        while isinstance(value, (dict, list)) and value and self.random.random() < 0.85:
            steps: Any = list(value) if isinstance(value, dict) else range(len(value))
            step = self.random.choice(steps)
            at, value = (*at, step), value[step]
        return at

    def row(self, family: str) -> Row:
        return self.random.choice(rows(family))

    def value(self) -> Value:
        kind = self.random.randrange(4)
        if kind == 0:
            return self._generator.value()
        return self.random.choice((NUMBERS, TEXTS, NAMES)[kind - 1])

    def _other_value(self, _: Value) -> Value:
        return self.value()

    def _other_part(self, _: Value) -> Value:
        """Something out of another row."""
        row = self.row(self.random.choice(["expressions", "query", "accumulators", "stages"]))
        given = row.get(
            self.random.choice(["expr", "query", "spec", "stage", "doc", "docs", "out"]), row["name"]
        )
        return reached(given, self._place(given))

    def _other_name(self, value: Value) -> Value:
        if not isinstance(value, dict) or not value:
            return self._generator.value() if self.random.random() < 0.5 else self.random.choice(NAMES)
        old = self.random.choice(list(value))
        pool = operators() if old[:1] == "$" and self.random.random() < 0.8 else NAMES
        new = self.random.choice(pool)
        return {new if name == old else name: member for name, member in value.items()}

    def _deeper(self, value: Value) -> Value:
        wrap = self.random.choice(WRAPS)
        copies = size(wrap([None] * 1_000)) // 1_000
        levels = self.random.choice([1, 2, 3, 10, 40, 90, 120, 160, 190, 250])
        if copies > 1:
            levels = min(levels, int(math.log(_MOST_NODES / min(size(value), _MOST_NODES), copies)))
        for _ in range(levels):
            value = wrap(value)
        return value

    def _longer(self, value: Value) -> Value:
        count = self.random.choice([2, 10, 1_000, 10_000])
        if isinstance(value, list):
            return (value or [0]) * max(1, min(count, _MOST_NODES // size(value)))
        if isinstance(value, str):
            return value * min(count, 1_000_000 // max(1, len(value)) + 1)
        if isinstance(value, dict) and count < 10_000:
            return {**value, **{f"n{i}": i for i in range(count)}}
        return list(range(count))

    def _shorter(self, value: Value) -> Value:
        if isinstance(value, dict) and value:
            lost = self.random.choice(list(value))
            return {name: member for name, member in value.items() if name != lost}
        if isinstance(value, (list, str, bytes)):
            return value[: self.random.randrange(len(value) + 1)]
        return None

    def _swapped(self, value: Value) -> Value:
        if isinstance(value, list):
            return self.random.sample(value, len(value))
        if isinstance(value, dict):
            return dict(self.random.sample(list(value.items()), len(value)))
        return [value]

    def _added(self, value: Value) -> Value:
        if isinstance(value, dict):
            return {**value, self.random.choice([*NAMES, *operators()]): self.value()}
        return [*value, self.value()] if isinstance(value, list) else {self.random.choice(operators()): value}
