"""Array expression operators that evaluate an expression for each item: ``$map``, ``$filter``,
``$reduce``.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from brookmill.mql.code import Code, Val
from brookmill.mql.errors import MQLError
from brookmill.mql.expression import EXPRESSIONS, Constant, Env, Expression, Parser
from brookmill.mql.expressions.boolean import truth
from brookmill.mql.numbers import is_number, to_float
from brookmill.mql.values import INT32_MAX, MISSING, Value, nullish, truthy, type_name


def items_of(array: Value, name: str, code: int) -> list[Value] | None:
    """The items; None for null and missing. Raises MQLError for anything but an array."""
    if isinstance(array, list):
        return array
    if nullish(array):
        return None
    raise MQLError(f"input to {name} must be an array not {type_name(array)}", code)


def _emit_items(code: Code, array: Expression, name: str, number: int) -> str:
    value = code.local(array.emit(code))
    slow = code.call(items_of, value, code.bind(name), str(number))
    return code.local(Val(f"{value.text} if type({value.text}) is list else {slow}")).text


@contextmanager
def _each(code: Code, items: str, variables: dict[str, Val]) -> Iterator[None]:
    """A loop over ``items`` with its locals; a document given up inside leaves by an exception only."""
    item = next(iter(variables.values())).text
    with code.block(f"for {item} in {items}:"), code.scope(variables):
        yield


@EXPRESSIONS("$map")
@dataclass(frozen=True, slots=True)
class Map:
    """``{input, as, in}``: what ``in`` gives for each item; missing becomes null."""

    array: Expression
    name: str
    inner: Expression

    @classmethod
    def parse(cls, operand: Value, parser: Parser) -> Expression:
        spec = parser.members(operand, "$map", ("input", "in"), ("as",))
        name = spec.get("as", "this")
        seeing = parser.seeing(str(name))
        return cls(parser.at("input").expression(spec["input"]), name, seeing.at("in").expression(spec["in"]))

    def evaluate(self, env: Env) -> Value:
        items = items_of(self.array.evaluate(env), "$map", 16883)
        if items is None:
            return None
        values = [self.inner.evaluate({**env, self.name: item}) for item in items]
        return [None if value is MISSING else value for value in values]

    def emit(self, code: Code) -> Val:
        if code.deep:
            return code.local(code.evaluate(self))
        items = _emit_items(code, self.array, "$map", 16883)
        found, item = code.fresh(), code.fresh()
        code.line(f"{found} = None")
        with code.block(f"if {items} is not None:"):
            code.line(f"{found} = []")
            with _each(code, items, {self.name: Val(item, missing=False)}):
                value = code.local(self.inner.emit(code))
                text = f"None if {value.text} is MISSING else {value.text}" if value.missing else value.text
                code.line(f"{found}.append({text})")
        return Val(found, "array", missing=False)


@EXPRESSIONS("$filter")
@dataclass(frozen=True, slots=True)
class Filter:
    """``{input, as, cond, limit}``: the items for which ``cond`` is true, the first ``limit`` of them."""

    array: Expression
    name: str
    condition: Expression
    limit: Expression

    @classmethod
    def parse(cls, operand: Value, parser: Parser) -> Expression:
        spec = parser.members(operand, "$filter", ("input", "cond"), ("as", "limit"))
        name = spec.get("as", "this")
        array = parser.at("input").expression(spec["input"])
        condition = parser.seeing(str(name)).at("cond").expression(spec["cond"])
        limit = parser.at("limit").expression(spec["limit"]) if "limit" in spec else Constant(None)
        return cls(array, name, condition, limit)

    def evaluate(self, env: Env) -> Value:
        items = items_of(self.array.evaluate(env), "$filter", 28651)
        if items is None:
            return None
        limit = _limit(self.limit.evaluate(env))
        chosen: list[Value] = []
        for item in items:
            if truthy(self.condition.evaluate({**env, self.name: item})):
                chosen.append(item)
                if len(chosen) == limit:
                    break
        return chosen

    def emit(self, code: Code) -> Val:
        if code.deep:
            return code.local(code.evaluate(self))
        items = _emit_items(code, self.array, "$filter", 28651)
        found, item = code.fresh(), code.fresh()
        code.line(f"{found} = None")
        with code.block(f"if {items} is not None:"):
            limit = code.call(_limit, self.limit.emit(code))
            bound = code.local(Val(limit)).text
            code.line(f"{found} = []")
            with _each(code, items, {self.name: Val(item, missing=False)}):
                condition = truth(code, self.condition.emit(code))
                with code.block(f"if {condition}:"):
                    code.line(f"{found}.append({item})")
                    with code.block(f"if len({found}) == {bound}:"):
                        code.line("break")
        return Val(found, "array", missing=False)


def _limit(value: Value) -> int | None:
    if nullish(value):
        return None
    number = to_float(value) if is_number(value) else 0.5
    if not number.is_integer() or number > INT32_MAX:
        raise MQLError("$filter: limit must be represented as a 32-bit integral value", 327391)
    if number <= 0:
        raise MQLError("$filter: limit must be greater than 0", 327392)
    return int(number)


@EXPRESSIONS("$reduce")
@dataclass(frozen=True, slots=True)
class Reduce:
    """``{input, initialValue, in}``: ``$$value`` is what came of the items before, ``$$this`` the item."""

    array: Expression
    initial: Expression
    inner: Expression

    @classmethod
    def parse(cls, operand: Value, parser: Parser) -> Expression:
        spec = parser.members(operand, "$reduce", ("input", "initialValue", "in"))
        return cls(
            parser.at("input").expression(spec["input"]),
            parser.at("initialValue").expression(spec["initialValue"]),
            parser.seeing("this", "value").at("in").expression(spec["in"]),
        )

    def evaluate(self, env: Env) -> Value:
        items = items_of(self.array.evaluate(env), "$reduce", 40080)
        if items is None:
            return None
        value = self.initial.evaluate(env)
        for item in items:
            value = self.inner.evaluate({**env, "this": item, "value": value})
        return value

    def emit(self, code: Code) -> Val:
        if code.deep:
            return code.local(code.evaluate(self))
        items = _emit_items(code, self.array, "$reduce", 40080)
        found, item = code.fresh(), code.fresh()
        code.line(f"{found} = None")
        with code.block(f"if {items} is not None:"):
            code.line(f"{found} = {self.initial.emit(code).text}")
            with _each(code, items, {"this": Val(item, missing=False), "value": Val(found)}):
                code.line(f"{found} = {self.inner.emit(code).text}")
        return Val(found)
