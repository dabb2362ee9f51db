"""Checksums of strings and binary data: ``$hash`` and ``$hexHash``."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

import xxhash
from bson import Binary

from brookmill.mql import binary
from brookmill.mql.code import Code, Val
from brookmill.mql.errors import MQLError
from brookmill.mql.expression import EXPRESSIONS, Env, Expression, Parser
from brookmill.mql.values import Value, nullish, type_name

_ALGORITHMS: dict[str, Callable[[bytes], bytes]] = {
    "md5": lambda data: hashlib.md5(data, usedforsecurity=False).digest(),
    "sha256": lambda data: hashlib.sha256(data).digest(),
    "xxh64": lambda data: xxhash.xxh64(data).digest(),
}


@EXPRESSIONS("$hash", "$hexHash")
@dataclass(frozen=True, slots=True)
class Hash:
    """``{input, algorithm}``: the checksum as binary data, or for ``$hexHash`` as hexadecimal digits."""

    name: str
    value: Expression
    algorithm: str

    @classmethod
    def parse(cls, operand: Value, parser: Parser) -> Expression:
        name = str(parser.path[-1])
        spec = parser.members(operand, name, ("input", "algorithm"))
        algorithm = spec["algorithm"]
        if type(algorithm) is not str or algorithm not in _ALGORITHMS:
            raise parser.at("algorithm").wrong(f"{name} knows the algorithms {', '.join(_ALGORITHMS)}", 2)
        return cls(name, parser.at("input").expression(spec["input"]), algorithm)

    def digest(self, value: Value) -> Value:
        if nullish(value):
            return None
        kind = type_name(value)
        if kind not in {"string", "binData"}:
            raise MQLError(f"{self.name} needs a string or binary data, found {kind}", 2)
        try:
            data = value.encode() if kind == "string" else binary.parts(value)[0]
        except UnicodeEncodeError:
            raise MQLError(f"{self.name} needs a string that is valid UTF-8", 2) from None
        found = _ALGORITHMS[self.algorithm](data)
        return Binary(found, 0) if self.name == "$hash" else found.hex()

    def evaluate(self, env: Env) -> Value:
        return self.digest(self.value.evaluate(env))

    def emit(self, code: Code) -> Val:
        kind = "binData" if self.name == "$hash" else "string"
        return code.local(Val(code.call(self.digest, self.value.emit(code)), kind, missing=False))
