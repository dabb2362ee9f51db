"""Similarity of vectors: arrays of numbers, or binary data of the vector subtype."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from brookmill.mql import binary
from brookmill.mql.code import Code, Val
from brookmill.mql.errors import MQLError
from brookmill.mql.expression import EXPRESSIONS, Env, Expression, Parser
from brookmill.mql.numbers import is_number, to_float
from brookmill.mql.values import Value, nullish, type_name

Vector = list[float]


def _dot(one: Vector, other: Vector) -> float:
    return math.fsum(a * b for a, b in zip(one, other, strict=True))


def _cosine(one: Vector, other: Vector) -> float:
    lengths = math.hypot(*one) * math.hypot(*other)
    return _dot(one, other) / lengths if lengths else 0.0


#: Name -> raw similarity, and what makes a score of it.
_MEASURES: dict[str, tuple[Callable[[Vector, Vector], float], Callable[[float], float]]] = {
    "$similarityCosine": (_cosine, lambda raw: (1 + raw) / 2),
    "$similarityDotProduct": (_dot, lambda raw: (1 + raw) / 2),
    "$similarityEuclidean": (math.dist, lambda raw: 1 / (1 + raw)),
}


def _vector(value: Value, name: str) -> Vector:
    if type_name(value) == "binData":
        value = binary.vector(value)
    if not isinstance(value, list):
        raise MQLError(f"{name} needs arrays or binary data, found {type_name(value)}")
    if not all(map(is_number, value)):
        raise MQLError(f"{name} needs arrays of numbers only")
    return list(map(to_float, value))


@EXPRESSIONS(*_MEASURES)
@dataclass(frozen=True, slots=True)
class Similarity:
    """``[vector, vector]``, or ``{vectors, score}`` with a score between 0 and 1 if ``score`` is true."""

    name: str
    one: Expression
    other: Expression
    scored: bool

    @classmethod
    def parse(cls, operand: Value, parser: Parser) -> Expression:
        name = str(parser.path[-1])
        spec = {"vectors": operand}
        if type(operand) is dict:
            spec, parser = parser.members(operand, name, ("vectors",), ("score",)), parser.at("vectors")
        vectors, scored = spec["vectors"], spec.get("score", False)
        if type(vectors) is not list or len(vectors) != 2:
            raise parser.wrong(f"{name} takes an array of exactly two vectors", 16020)
        if type(scored) is not bool:
            raise parser.wrong(f"{name} needs 'score' to be a boolean", 14)
        one, other = (parser.at(i).expression(vector) for i, vector in enumerate(vectors))
        return cls(name, one, other, scored)

    def measured(self, one: Value, other: Value) -> float | None:
        if nullish(one) or nullish(other):
            return None
        first, second = _vector(one, self.name), _vector(other, self.name)
        if len(first) != len(second):
            raise MQLError(f"{self.name} needs vectors of equal length")
        measure, score = _MEASURES[self.name]
        try:
            raw = measure(first, second)
        except (OverflowError, ValueError):  # infinities that cancel each other out
            raw = math.nan
        return score(raw) if self.scored else raw

    def evaluate(self, env: Env) -> Value:
        return self.measured(self.one.evaluate(env), self.other.evaluate(env))

    def emit(self, code: Code) -> Val:
        text = code.call(self.measured, self.one.emit(code), self.other.emit(code))
        return code.local(Val(text, "double", missing=False))
