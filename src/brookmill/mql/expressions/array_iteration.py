"""Array expression operators that evaluate an expression for each item: ``$map``, ``$filter``,
``$reduce``.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from typing import Any

from brookmill.mql.bounds import GROWTH, Growth, close_growth, open_growth
from brookmill.mql.code import Code, Val
from brookmill.mql.ejson import MAX_DEPTH
from brookmill.mql.errors import MQLError
from brookmill.mql.expression import (
    EXPRESSIONS,
    ArrayLiteral,
    Call,
    Codes,
    Constant,
    Env,
    Expression,
    ObjectLiteral,
    Parser,
)
from brookmill.mql.expressions.boolean import Conjunction, truth
from brookmill.mql.expressions.conditional import Cond, IfNull, Switch
from brookmill.mql.field_path import Path
from brookmill.mql.large import size
from brookmill.mql.numbers import is_number, to_float
from brookmill.mql.values import INT32_MAX, MISSING, Document, Value, deeper_than, nullish, truthy, type_name

_MAP = Codes(shape=16878, unknown=16879, missing={"input": 16880, "in": 16882})
_FILTER = Codes(shape=28646, unknown=28647, missing={"input": 28648, "cond": 28650})
_REDUCE = Codes(shape=40075, unknown=40076, missing={"input": 40077, "initialValue": 40078, "in": 40079})


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


def _mentions(spec: Value, variable: str) -> int:
    """How often a spec names a variable, as far as its texts tell."""
    if type(spec) is str:
        return int(spec == f"$${variable}" or spec.startswith(f"$${variable}."))
    parts = spec.values() if type(spec) is dict else spec if type(spec) is list else ()
    return sum(_mentions(part, variable) for part in parts)


def _named(parser: Parser, spec: Document, **defaults: str) -> tuple[Parser, dict[str, str]]:
    """A parser that sees a loop's variables, and their names by the members that may name them."""
    names = {member: spec.get(member, default) for member, default in defaults.items()}
    given = [name if type(name) is str else "" for member, name in names.items() if member in spec]
    seeing = parser.seeing(*given)
    known = names.values()
    if len(set(known)) < len(names):
        raise parser.wrong("the variables must have different names")
    return seeing._replace(variables=seeing.variables | set(known)), names


def _index(names: dict[str, str], inner: Value) -> str | None:
    """The name of the variable with the item's index; None when nobody asks for it."""
    name = names["arrayIndexAs"]
    return name if _mentions(inner, name) else None


def _bound(env: Env, index: str | None, at: int, **variables: Value) -> Env:
    return {**env, **variables} if index is None else {**env, **variables, index: at}


#: Parts of a spec that runs quickly.
_SMALL_SIZE = 64
#: Types of results that cannot grow.
_SMALL = {"number", "int", "long", "double", "decimal", "bool", "date", "null", "timestamp", "objectId"}


#: Chapters whose operators take the same time for all operands; those of "comparison" do beside a scalar.
_EVEN = ("arithmetic", "boolean", "date", "trigonometry", "bitwise")


def _light(part: Any, own: Collection[str]) -> bool:
    """Whether an expression neither loops nor builds: a step of it costs about the same, whatever comes.

    ``own``: the variables of the loop.
    """
    if isinstance(part, Call):
        chapter = part.operator.function.__module__.rpartition(".")[2]
        scalar = any(isinstance(o, Constant) and not isinstance(o.value, (list, dict)) for o in part.operands)
        even = chapter.startswith(_EVEN) or (chapter == "comparison" and scalar)
        return even and _light(part.operands, own)
    if isinstance(part, tuple):
        return all(_light(one, own) for one in part)
    if isinstance(part, Path):  # a long one may lead through a big array, again and again
        return len(part.names) <= (part.variable in own or part.variable == "CURRENT")
    if isinstance(part, (Constant, str)) or part is None:
        return True
    steady = isinstance(part, (ObjectLiteral, ArrayLiteral, Cond, IfNull, Switch, Conjunction))
    return steady and all(_light(getattr(part, field.name), own) for field in fields(part))


def _cost(inner: Expression, own: Collection[str], spec: Value) -> int:
    """What a step of a loop costs, in items copied; 0: next to nothing."""
    parts = size(spec)
    return 0 if parts <= _SMALL_SIZE and _light(inner, own) else Growth.STEP * (1 + parts // 8)


@contextmanager
def _growing(env: Env, items: list[Value], name: str, cost: int) -> Iterator[tuple[Env, Growth]]:
    """What a loop in ``env`` sees, and the growth that it shares with the loops around it."""
    outer: Growth | None = env.get(GROWTH)
    growth = outer or open_growth()
    try:
        growth.enter(items, name, cost or Growth.STEP)
        yield {**env, GROWTH: growth}, growth
    finally:
        if outer is None:
            close_growth()


@contextmanager
def _emit_growing(code: Code, items: str, name: str, cost: int) -> Iterator[Val | None]:
    """The same in code, for a loop whose steps cost something: the local with the growth."""
    enter = f".enter({items}, {code.bind(name)}, {cost or Growth.STEP})"
    outer = code.variables.get(GROWTH)
    if outer is not None:
        code.line(outer.text + enter)
    if outer is not None or not cost:
        yield outer if cost else None
        return
    growth = code.local(Val(code.call(open_growth)), "g")
    with code.block("try:"), code.scope({GROWTH: growth}):
        code.line(growth.text + enter)
        yield growth
    with code.block("finally:"):
        code.line(code.call(close_growth))


def _emit_added(code: Code, growth: Val, value: str, name: str, *, deep: bool = False) -> None:
    with code.block(f"if type({value}) in {code.bind(Growth.GROWING)}:"):
        code.line(f"{growth.text}.add({value}, {code.bind(name)}{', deep=True' if deep else ''})")


@contextmanager
def _each(code: Code, items: str, index: str | None, variables: dict[str, Val]) -> Iterator[None]:
    """A loop over ``items`` whose first variable is the item; a document given up inside leaves by an
    exception only.
    """
    item = next(iter(variables.values())).text
    header = f"for {item} in {items}:"
    if index is not None:
        at = code.fresh("i")
        header = f"for {at}, {item} in enumerate({items}):"
        variables = {**variables, index: Val(at, "int", null=False, missing=False)}
    with code.block(header), code.scope(variables):
        yield


@EXPRESSIONS("$map")
@dataclass(frozen=True, slots=True)
class Map:
    """``{input, as, arrayIndexAs, in}``: what ``in`` gives for each item; missing becomes null."""

    array: Expression
    name: str
    index: str | None
    inner: Expression
    cost: int

    @classmethod
    def parse(cls, operand: Value, parser: Parser) -> Expression:
        spec = parser.members(operand, "$map", ("input", "in"), ("as", "arrayIndexAs"), _MAP)
        array = parser.at("input").expression(spec["input"])
        seeing, names = _named(parser, spec, **{"as": "this", "arrayIndexAs": "IDX"})
        inner = seeing.at("in").expression(spec["in"])
        return cls(
            array, names["as"], _index(names, spec["in"]), inner, _cost(inner, names.values(), spec["in"])
        )

    def evaluate(self, env: Env) -> Value:
        items = items_of(self.array.evaluate(env), "$map", 16883)
        if items is None:
            return None
        values = []
        with _growing(env, items, "$map", self.cost) as (inside, growth):
            for i, item in enumerate(items):
                value = self.inner.evaluate(_bound(inside, self.index, i, **{self.name: item}))
                if self.cost:
                    growth.add(value, "$map")
                values.append(None if value is MISSING else value)
        return values

    def emit(self, code: Code) -> Val:
        if code.deep:
            return code.local(code.evaluate(self))
        items = _emit_items(code, self.array, "$map", 16883)
        found, item = code.fresh(), code.fresh()
        code.line(f"{found} = None")
        with code.block(f"if {items} is not None:"):
            code.line(f"{found} = []")
            variables = {self.name: Val(item, missing=False)}
            with (
                _emit_growing(code, items, "$map", self.cost) as growth,
                _each(code, items, self.index, variables),
            ):
                value = code.local(self.inner.emit(code))
                if growth is not None and value.type not in _SMALL:
                    _emit_added(code, growth, value.text, "$map")
                text = f"None if {value.text} is MISSING else {value.text}" if value.missing else value.text
                code.line(f"{found}.append({text})")
        return Val(found, "array", missing=False)


@EXPRESSIONS("$filter")
@dataclass(frozen=True, slots=True)
class Filter:
    """``{input, as, arrayIndexAs, cond, limit}``: the items for which ``cond`` is true, at most ``limit``."""

    array: Expression
    name: str
    index: str | None
    condition: Expression
    limit: Expression
    cost: int

    @classmethod
    def parse(cls, operand: Value, parser: Parser) -> Expression:
        optional = ("as", "arrayIndexAs", "limit")
        spec = parser.members(operand, "$filter", ("input", "cond"), optional, _FILTER)
        array = parser.at("input").expression(spec["input"])
        seeing, names = _named(parser, spec, **{"as": "this", "arrayIndexAs": "IDX"})
        condition = seeing.at("cond").expression(spec["cond"])
        limit = parser.at("limit").expression(spec["limit"]) if "limit" in spec else Constant(None)
        cost = _cost(condition, names.values(), spec["cond"])
        return cls(array, names["as"], _index(names, spec["cond"]), condition, limit, cost)

    def evaluate(self, env: Env) -> Value:
        items = items_of(self.array.evaluate(env), "$filter", 28651)
        if items is None:
            return None
        limit = _limit(self.limit.evaluate(env))
        chosen: list[Value] = []
        with _growing(env, items, "$filter", self.cost) as (inside, _):
            for i, item in enumerate(items):
                if truthy(self.condition.evaluate(_bound(inside, self.index, i, **{self.name: item}))):
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
            limit = self.limit.emit(code)
            bound = None if limit.type == "null" else code.local(Val(code.call(_limit, limit))).text
            code.line(f"{found} = []")
            variables = {self.name: Val(item, missing=False)}
            with (
                _emit_growing(code, items, "$filter", self.cost),
                _each(code, items, self.index, variables),
            ):
                condition = truth(code, self.condition.emit(code))
                with code.block(f"if {condition}:"):
                    code.line(f"{found}.append({item})")
                    if bound is not None:
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
    """``{input, initialValue, as, valueAs, arrayIndexAs, in}``: ``in`` sees the item and the value so far."""

    array: Expression
    initial: Expression
    name: str
    value: str
    index: str | None
    inner: Expression
    cost: int
    #: Whether a step may take the value so far more than once, so that it could grow without measure.
    multiplies: bool

    @classmethod
    def parse(cls, operand: Value, parser: Parser) -> Expression:
        optional = ("as", "valueAs", "arrayIndexAs")
        spec = parser.members(operand, "$reduce", ("input", "initialValue", "in"), optional, _REDUCE)
        array = parser.at("input").expression(spec["input"])
        initial = parser.at("initialValue").expression(spec["initialValue"])
        defaults = {"as": "this", "valueAs": "value", "arrayIndexAs": "IDX"}
        seeing, names = _named(parser, spec, **defaults)
        inner = seeing.at("in").expression(spec["in"])
        value, index = names["valueAs"], _index(names, spec["in"])
        multiplies = _multiplies(spec["in"], value)
        cost = _cost(inner, names.values(), spec["in"])
        if multiplies:
            cost = max(cost, Growth.STEP)
        return cls(array, initial, names["as"], value, index, inner, cost, multiplies)

    def evaluate(self, env: Env) -> Value:
        items = items_of(self.array.evaluate(env), "$reduce", 40080)
        if items is None:
            return None
        value = self.initial.evaluate(env)
        with _growing(env, items, "$reduce", self.cost) as (inside, growth):
            for i, item in enumerate(items):
                variables = {self.name: item, self.value: value}
                value = self.inner.evaluate(_bound(inside, self.index, i, **variables))
                if self.cost:
                    growth.add(value, "$reduce", deep=self.multiplies)
        return _shallow(value)

    def emit(self, code: Code) -> Val:
        if code.deep:
            return code.local(code.evaluate(self))
        items = _emit_items(code, self.array, "$reduce", 40080)
        found, item = code.fresh(), code.fresh()
        code.line(f"{found} = None")
        with code.block(f"if {items} is not None:"):
            code.line(f"{found} = {self.initial.emit(code).text}")
            variables = {self.name: Val(item, missing=False), self.value: Val(found)}
            with (
                _emit_growing(code, items, "$reduce", self.cost) as growth,
                _each(code, items, self.index, variables),
            ):
                code.line(f"{found} = {self.inner.emit(code).text}")
                if growth is not None:
                    _emit_added(code, growth, found, "$reduce", deep=self.multiplies)
            code.line(f"{found} = {code.call(_shallow, found)}")
        return Val(found)


def _shallow(value: Value) -> Value:
    """``value``, which no step may have nested deeper than a document can be. Raises MQLError."""
    if isinstance(value, (dict, list)) and deeper_than(value, MAX_DEPTH):
        raise MQLError(f"$reduce would nest a value deeper than {MAX_DEPTH} levels", 15)
    return value


def _multiplies(spec: Value, value: str) -> bool:
    """Whether a step may hold the value so far several times over."""
    if _mentions(spec, value) > 1:
        return True
    if type(spec) is dict:
        binders = ("$let", "$map", "$reduce", "$zip")
        return any(
            (name in binders and bool(_mentions(part, value))) or _multiplies(part, value)
            for name, part in spec.items()
        )
    return type(spec) is list and any(_multiplies(part, value) for part in spec)
