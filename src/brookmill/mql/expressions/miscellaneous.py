"""Miscellaneous expression operators."""

from __future__ import annotations

import hashlib
import math
import random
from dataclasses import dataclass

from bson import Code as JavaScript
from bson import Int64, encode

from brookmill.mql.code import Code, Val
from brookmill.mql.compare import RANKS
from brookmill.mql.expression import EXPRESSIONS, Env, Expression, Parser, operator
from brookmill.mql.numbers import to_decimal, to_float, width
from brookmill.mql.values import INT64_MAX, INT64_MIN, Value, nullish, type_name

_random = random.SystemRandom()


def draw() -> float:
    """A random number from 0 on, less than 1."""
    return _random.random()


@EXPRESSIONS("$rand")
@dataclass(frozen=True, slots=True)
class Rand:
    """A new random number at each occurrence."""

    @classmethod
    def parse(cls, operand: Value, parser: Parser) -> Expression:
        if operand not in ({}, []) or nullish(operand):
            raise parser.wrong("$rand does not currently accept arguments", 3040501)
        return cls()

    def evaluate(self, env: Env) -> Value:  # noqa: ARG002
        return draw()

    def emit(self, code: Code) -> Val:
        return code.local(Val(code.call(draw), "double", null=False, missing=False))


@operator("$toHashedIndexKey", result="long")
def to_hashed_index_key(value: Value) -> Int64:
    """The number that a hashed index stores for the value: its type and bytes, put through MD5."""
    parts = [bytes(4)]  # the seed, which is always 0
    _feed(parts, None if nullish(value) else value)
    digest = hashlib.md5(b"".join(parts), usedforsecurity=False).digest()
    return Int64(int.from_bytes(digest[:8], "little", signed=True))


def _feed(parts: list[bytes], value: Value, name: str | None = None) -> None:
    kind = type_name(value)
    parts.append(RANKS[kind].to_bytes(4, "little", signed=True))
    if name is not None:
        parts.append(name.encode() + b"\0")
    if width(value):
        parts.append(_cut(value).to_bytes(8, "little", signed=True))
    elif kind in {"object", "array"}:
        for member, item in value.items() if kind == "object" else enumerate(value):
            _feed(parts, item, str(member))
        parts.append(bytes(4))  # the end of the object, whose rank is 0
    elif kind == "javascriptWithScope":
        parts.append(str(JavaScript(value)).encode())
        _feed(parts, value.scope)
    elif kind == "dbPointer":
        namespace = value.collection.encode() + b"\0"
        parts.append(len(namespace).to_bytes(4, "little") + namespace + value.id.binary)
    elif kind != "undefined":
        parts.append(encode({"": value})[6:-1])


def _cut(number: Value) -> int:
    """A number cut to 64 bits; NaN is 0."""
    exact = to_decimal(number) if type_name(number) == "decimal" else number
    if exact != exact:  # noqa: PLR0124
        return 0
    if not isinstance(exact, int) and math.isinf(to_float(number)):
        return INT64_MAX if exact > 0 else INT64_MIN
    return max(INT64_MIN, min(INT64_MAX, int(exact)))
