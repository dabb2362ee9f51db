"""Query filters, as in ``$match``: parsing, the tree they become, and its two evaluators.

A filter is made of tests of a path, joined by ``$and``, ``$or``, ``$nor`` and ``$not``, and of ``$expr``.
The operators of a test are predicates of one value; they register themselves in ``brookmill.mql.query``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple, Protocol, Self

from bson import Regex

from brookmill.mql.bounds import charge, close_growth, enter_value
from brookmill.mql.code import Code, Val
from brookmill.mql.errors import PlanError
from brookmill.mql.expression import Env, Expression, parse_expression
from brookmill.mql.large import is_large
from brookmill.mql.values import MISSING, Value, truthy
from brookmill.registry import Registry

MAX_DEPTH = 100
#: What one of many tests of an item costs beyond the visit, in items copied.
_TEST = 80
#: Joined filters that are judged by the reference evaluator, as one.
MANY = 100


class Predicate(Protocol):
    """A test of one value. ``expands``: an array passes as well when one of its items does."""

    expands: ClassVar[bool]

    def test(self, value: Value) -> bool:
        """``value`` is MISSING where the path leads nowhere."""
        ...


class QuickPredicate(Predicate, Protocol):
    """A predicate that knows a quick way."""

    def emit(self, code: Code, value: Val, slow: str) -> str | None:
        """A condition that tests ``value`` quickly and asks ``slow`` for uncommon types; None: there is
        none.
        """
        ...


class Filter(Protocol):
    """A parsed filter."""

    def matches(self, env: Env) -> bool:
        """Whether the document ``env["ROOT"]`` passes. Raises MQLError (``$expr`` only)."""
        ...

    def emit(self, code: Code) -> str:
        """Write code for it; the text is the condition that holds when the document passes."""
        ...


#: ``{field: {$op: operand}}``: name -> function that parses the operand. ``$regex`` sees its ``$options``
#: too.
PREDICATES: Registry[Callable[[Value, FilterParser], Predicate | Filter]] = Registry(
    "query operator", "brookmill.mql.query"
)
#: ``{$jsonSchema: operand}``: the same for operators of the document as a whole.
DOCUMENT_PREDICATES: Registry[Callable[[Value, FilterParser], Predicate]] = Registry(
    "query operator of the document", "brookmill.mql.query"
)


def passes(predicate: Predicate, value: Value) -> bool:
    """Whether ``value``, or if the predicate looks into arrays one of its items, passes."""
    if predicate.test(value):
        return True
    if not predicate.expands or not isinstance(value, list):
        return False
    outermost = enter_value(len(value), "the filter")
    if not outermost:
        charge(_TEST * len(value), "the filter")
    try:
        return any(predicate.test(item) for item in value)
    finally:
        if outermost:
            close_growth()


def ends(value: Value, names: tuple[str, ...]) -> Iterator[Value]:
    """Every value that a query path leads to; MISSING for each branch that ends before.

    Arrays on the way are entered: their objects by name, all their items by position.
    """
    if not names:
        yield value
    elif isinstance(value, dict):
        yield from ends(value.get(names[0], MISSING), names[1:])
    elif isinstance(value, list):
        for item in value:
            if isinstance(item, dict):
                yield from ends(item, names)
        if names[0].isdecimal() and names[0].isascii() and len(names[0]) < 10:
            at = int(names[0])
            if at < len(value):
                yield from ends(value[at], names[1:])
    else:
        yield MISSING


@dataclass(frozen=True, slots=True)
class Test:
    """A predicate at a path."""

    names: tuple[str, ...]
    predicate: Predicate

    def matches(self, env: Env) -> bool:
        return self.below(env["ROOT"], self.names)

    def below(self, value: Value, names: tuple[str, ...]) -> bool:
        """Whether one of the values at ``names`` below ``value`` passes."""
        outermost = enter_value(1, "the filter")
        try:
            return any(passes(self.predicate, end) for end in ends(value, names))
        finally:
            if outermost:
                close_growth()

    def leaf(self, value: Value) -> bool:
        return passes(self.predicate, value)

    def emit(self, code: Code) -> str:
        if not self.names:
            return code.call(self.leaf, code.shape.whole(code))
        steady = len(self.names) == 1 or code.shape.steady(self.names)
        if steady:
            return self._emit_leaf(code, code.local(code.shape.read(code, self.names)))
        return self._emit_below(code, code.local(code.shape.read(code, self.names[:1])), self.names[1:])

    def _emit_below(self, code: Code, value: Val, names: tuple[str, ...]) -> str:
        """Only objects are followed here; arrays on the path are left to ``below``."""
        if not names:
            return self._emit_leaf(code, value)
        slow = code.call(self.below, value, code.bind(names))
        if code.deep:
            return slow
        found = code.fresh("b")
        with code.block(f"if type({value.text}) is dict:"):
            inner = code.local(Val(f"{value.text}.get({code.bind(names[0])}, MISSING)"))
            code.line(f"{found} = {self._emit_below(code, inner, names[1:])}")
        with code.block("else:"):
            code.line(f"{found} = {slow}")
        return found

    def _emit_leaf(self, code: Code, value: Val) -> str:
        slow = code.call(self.leaf, value)
        quick: Any = getattr(self.predicate, "emit", None)
        return slow if quick is None else quick(code, value, slow) or slow


@dataclass(frozen=True, slots=True)
class Whether:
    """A filter as an expression: whether the document passes."""

    filter: Filter

    def evaluate(self, env: Env) -> Value:
        return self.filter.matches(env)

    def emit(self, code: Code) -> Val:
        return Val(self.filter.emit(code), "bool", null=False, missing=False)


@contextmanager
def _together(filters: tuple[Filter, ...]) -> Iterator[None]:
    """What many filters go through counts together."""
    outermost = len(filters) > MANY and enter_value(len(filters), "the filter")
    try:
        yield
    finally:
        if outermost:
            close_growth()


@dataclass(frozen=True, slots=True)
class Together:
    """A filter of very many parts, however nested: what they go through counts together."""

    inner: Filter

    def matches(self, env: Env) -> bool:
        outermost = enter_value(1, "the filter")
        try:
            return self.inner.matches(env)
        finally:
            if outermost:
                close_growth()

    def emit(self, code: Code) -> str:
        return code.local(code.evaluate(Whether(self)), "b").text


@dataclass(frozen=True, slots=True)
class Every:
    """``$and``, and the members of a filter."""

    filters: tuple[Filter, ...]

    def matches(self, env: Env) -> bool:
        with _together(self.filters):
            return all(one.matches(env) for one in self.filters)

    def emit(self, code: Code) -> str:
        if len(self.filters) > MANY:
            return code.local(code.evaluate(Whether(self)), "b").text
        return _joined(code, " and ", [one.emit(code) for one in self.filters], "True")


@dataclass(frozen=True, slots=True)
class Some:
    """``$or``."""

    filters: tuple[Filter, ...]

    def matches(self, env: Env) -> bool:
        with _together(self.filters):
            return any(one.matches(env) for one in self.filters)

    def emit(self, code: Code) -> str:
        if len(self.filters) > MANY:
            return code.local(code.evaluate(Whether(self)), "b").text
        return _joined(code, " or ", [one.emit(code) for one in self.filters], "False")


def _joined(code: Code, word: str, conditions: list[str], empty: str) -> str:
    if len(conditions) < 2:
        return conditions[0] if conditions else empty
    return code.local(Val(word.join(f"({condition})" for condition in conditions)), "b").text


@dataclass(frozen=True, slots=True)
class Not:
    """What does not pass ``inner``: ``$not``, ``$nor``, ``$ne``, ``$nin``."""

    inner: Filter

    def matches(self, env: Env) -> bool:
        return not self.inner.matches(env)

    def emit(self, code: Code) -> str:
        return code.local(Val(f"not ({self.inner.emit(code)})"), "b").text


@dataclass(frozen=True, slots=True)
class Expr:
    """``$expr``: an aggregation expression that counts as true."""

    expression: Expression

    def matches(self, env: Env) -> bool:
        return truthy(self.expression.evaluate(env))

    def emit(self, code: Code) -> str:
        from brookmill.mql.expressions.boolean import truth

        return truth(code, self.expression.emit(code))


class FilterParser(NamedTuple):
    """Reads specs into filters, knowing where it is."""

    path: tuple[str | int, ...] = ()
    names: tuple[str, ...] = ()
    siblings: Any = None
    depth: int = 0
    #: Whether what is being read is for a part of the document only.
    below: bool = False

    def at(self, *steps: str | int) -> Self:
        return self._replace(path=(*self.path, *steps), depth=self.depth + 1)

    def wrong(self, message: str, code: int = 2) -> PlanError:
        return PlanError(message, code, self.path)

    def filter(self, spec: Value) -> Filter:
        """A whole filter. Raises PlanError."""
        if type(spec) is not dict:
            raise self.wrong("the match filter must be an expression in an object", 15959)
        if self.depth > MAX_DEPTH:
            raise self.wrong("the filter is nested too deeply")
        parts = [part for name, value in spec.items() for part in self.at(name)._member(name, value)]
        return parts[0] if len(parts) == 1 else Every(tuple(parts))

    def _member(self, name: str, value: Value) -> Iterator[Filter]:
        if name[:1] != "$":
            if "\0" in name:
                raise self.wrong("field names may not contain a null byte")
            yield from self._replace(names=tuple(name.split(".")))._tests(value)
        elif name in {"$and", "$or", "$nor"}:
            parts = self._list(name, value)
            yield Every(parts) if name == "$and" else Some(parts) if name == "$or" else Not(Some(parts))
        elif name == "$expr":
            if self.below:
                raise self.wrong("$expr can only be applied to the top-level document")
            yield Expr(parse_expression(value, path=self.path))
        elif name in DOCUMENT_PREDICATES:
            yield Test((), DOCUMENT_PREDICATES[name](value, self))
        elif name != "$comment":
            raise self.wrong(f"unknown top level operator: {name[:50]}")

    def _list(self, name: str, value: Value) -> tuple[Filter, ...]:
        if type(value) is not list or not value:
            raise self.wrong(f"{name} argument must be a nonempty array")
        if not all(type(item) is dict for item in value):
            raise self.wrong("$or/$and/$nor entries need to be full objects")
        return tuple(self.at(i).filter(item) for i, item in enumerate(value))

    def _tests(self, value: Value) -> Iterator[Filter]:
        if type(value) is dict and next(iter(value), "")[:1] == "$":
            if "$options" in value and "$regex" not in value:
                raise self.wrong("$options needs a $regex")
            for name, operand in value.items():
                if name not in {"$options", "$comment"}:
                    yield self._replace(siblings=value).at(name).test(name, operand)
        else:
            yield self.test("$regex" if isinstance(value, Regex) else "$eq", value)

    def tests(self, value: Value) -> Filter:
        """The operators of an object, all of which must hold for the path in hand."""
        parts = tuple(self._tests(value))
        return parts[0] if len(parts) == 1 else Every(parts)

    def test(self, name: str, operand: Value) -> Filter:
        """One operator for the path in hand. Raises PlanError."""
        if self.depth > MAX_DEPTH:
            raise self.wrong("the filter is nested too deeply")
        if name == "$not":
            if not isinstance(operand, Regex) and (type(operand) is not dict or not operand):
                raise self.wrong("$not needs a regex or a document")
            if type(operand) is dict and next(iter(operand))[:1] != "$":
                raise self.wrong(f"unknown operator: {next(iter(operand))[:50]}")
            return Not(self.tests(operand))
        parse = PREDICATES.get(name)
        if parse is None:
            raise self.wrong(f"unknown operator: {name[:50]}")
        parsed: Any = parse(operand, self)
        return parsed if hasattr(parsed, "matches") else Test(self.names, parsed)


def parse_filter(spec: Value, *, path: tuple[str | int, ...] = ()) -> Filter:
    """The filter that ``spec`` means. Raises PlanError."""
    parsed = FilterParser(path).filter(spec)
    return Together(parsed) if is_large(spec) else parsed
