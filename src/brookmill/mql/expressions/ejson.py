"""Extended JSON as values: ``$serializeEJSON`` and ``$deserializeEJSON``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from brookmill.mql.code import Code, Val
from brookmill.mql.ejson import loads, parse_json
from brookmill.mql.encoding import Encoding, encoder
from brookmill.mql.errors import MQLError
from brookmill.mql.expression import EXPRESSIONS, Env, Expression, Parser
from brookmill.mql.values import Value, nullish

_CANONICAL = encoder(Encoding("canonicalJson"))
_RELAXED = encoder(Encoding("relaxedJson"))


def wrapped(value: Value) -> Value:
    """Each value in its canonical wrapper."""
    return loads(_CANONICAL({"": value}))[""]


def relaxed(value: Value) -> Value:
    """As ``wrapped``, but numbers stay as they are."""
    return loads(_RELAXED({"": value}))[""]


def unwrapped(value: Value) -> Value:
    """Wrappers replaced by what they hold. Raises MQLError (code 241)."""
    try:
        return parse_json(_CANONICAL({"": value}))[""]
    except MQLError as e:
        raise MQLError(f"Failed to deserialize Extended JSON: {e}", 241) from None


@EXPRESSIONS("$serializeEJSON", "$deserializeEJSON")
@dataclass(frozen=True, slots=True)
class Wrapping:
    """``{input, relaxed, onError}`` and ``{input, onError}``."""

    value: Expression
    change: Callable[[Value], Value]
    on_error: Expression | None

    @classmethod
    def parse(cls, operand: Value, parser: Parser) -> Expression:
        name, change = str(parser.path[-1]), unwrapped
        optional: tuple[str, ...] = ("onError",)
        if name == "$serializeEJSON":
            optional = ("relaxed", "onError")
        spec = parser.members(operand, name, ("input",), optional)
        if name == "$serializeEJSON":
            flag = spec.get("relaxed", False)
            if type(flag) is not bool:
                raise parser.at("relaxed").wrong("'relaxed' must be a boolean", 14)
            change = relaxed if flag else wrapped
        on_error = parser.at("onError").expression(spec["onError"]) if "onError" in spec else None
        return cls(parser.at("input").expression(spec["input"]), change, on_error)

    def evaluate(self, env: Env) -> Value:
        value = self.value.evaluate(env)
        if nullish(value):
            return None
        try:
            return self.change(value)
        except MQLError:
            if self.on_error is None:
                raise
            return self.on_error.evaluate(env)

    def emit(self, code: Code) -> Val:
        return code.local(code.evaluate(self))
