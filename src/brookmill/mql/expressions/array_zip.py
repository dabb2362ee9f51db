"""The array expression operator ``$zip``."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import zip_longest

from brookmill.mql.bounds import bounded_items
from brookmill.mql.code import Code, Val
from brookmill.mql.errors import MQLError
from brookmill.mql.expression import EXPRESSIONS, Codes, Env, Expression, Parser
from brookmill.mql.values import MISSING, Document, Value, nullish, type_name

_CODES = Codes(shape=34460, unknown=34464, missing=34465)
#: Stands where an input has no item any more.
_NONE = object()


@EXPRESSIONS("$zip")
@dataclass(frozen=True, slots=True)
class Zip:
    """``{inputs, useLongestLength, defaults}``: the first items of all inputs, then the second ones, …"""

    inputs: tuple[Expression, ...]
    longest: bool
    defaults: tuple[Expression, ...]

    @classmethod
    def parse(cls, operand: Value, parser: Parser) -> Expression:
        spec = parser.members(operand, "$zip", ("inputs",), ("useLongestLength", "defaults"), _CODES)
        inputs = _expressions(spec, "inputs", parser, 34461)
        if not inputs:
            raise parser.wrong("$zip requires at least one input array", 34465)
        longest = spec.get("useLongestLength", False)
        if type(longest) is not bool:
            raise parser.at("useLongestLength").wrong("useLongestLength must be a bool", 34463)
        defaults = _expressions(spec, "defaults", parser, 34462)
        if defaults and not longest:
            raise parser.wrong("cannot specify defaults unless useLongestLength is true", 34466)
        if defaults and len(defaults) != len(inputs):
            raise parser.wrong("defaults and inputs must have the same length", 34467)
        return cls(inputs, longest, defaults)

    def zipped(self, inputs: list[Value], defaults: list[Value]) -> Value:
        for array in inputs:
            if nullish(array):
                return None
            if not isinstance(array, list):
                raise MQLError(f"$zip found a non-array expression in input: {type_name(array)}", 34468)
        lengths = [len(array) for array in inputs]
        bounded_items((max(lengths) if self.longest else min(lengths)) * len(lengths), "$zip")
        if not self.longest:
            return [list(row) for row in zip(*inputs, strict=False)]
        fill = [None if value is MISSING else value for value in defaults] or [None] * len(inputs)
        return [
            [default if item is _NONE else item for item, default in zip(row, fill, strict=True)]
            for row in zip_longest(*inputs, fillvalue=_NONE)
        ]

    def evaluate(self, env: Env) -> Value:
        inputs = [value.evaluate(env) for value in self.inputs]
        return self.zipped(inputs, [value.evaluate(env) for value in self.defaults])

    def emit(self, code: Code) -> Val:
        inputs = ", ".join([value.emit(code).text for value in self.inputs])
        defaults = ", ".join([value.emit(code).text for value in self.defaults])
        return code.local(Val(code.call(self.zipped, f"[{inputs}]", f"[{defaults}]"), "array", missing=False))


def _expressions(spec: Document, member: str, parser: Parser, code: int) -> tuple[Expression, ...]:
    items = spec.get(member, [])
    at = parser.at(member)
    if type(items) is not list:
        raise at.wrong(f"{member} must be an array of expressions, found {type_name(items)}", code)
    return tuple(at.at(i).expression(item) for i, item in enumerate(items))
