"""The first, last, least or greatest values of a group: ``$firstN`` and its kin, ``$top`` and its kin."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import msgspec

from brookmill.mql.accumulator import ACCUMULATORS, Accumulation
from brookmill.mql.code import Code, Val
from brookmill.mql.compare import order_key
from brookmill.mql.errors import MQLError
from brookmill.mql.expression import Codes, Env, Expression, Parser
from brookmill.mql.field_path import Path
from brookmill.mql.numbers import whole
from brookmill.mql.sorting import Order, parse_order
from brookmill.mql.values import MISSING, Value, nullish, type_name

_N = Codes(shape=5787900, unknown=5787901, missing={"n": 5787906, "input": 5787907})
_TOP = Codes(shape=5788001, unknown=5788002, missing={"n": 5788003, "sortBy": 5788005, "output": 5788004})


def _count(spec: Value, parser: Parser) -> Callable[[Value], int]:
    """``n`` by the ``_id`` of a group, whose fields are all that its expression sees. Raises PlanError."""
    expression = parser.expression(spec)
    if _depends(expression):
        return functools.partial(_count_of, expression)
    try:
        count = _whole(expression.evaluate({}))
    except MQLError as e:
        raise parser.wrong(str(e), e.code) from e
    return lambda _: count


def _count_of(expression: Expression, group: Value) -> int:
    """Raises MQLError."""
    return _whole(expression.evaluate({"ROOT": group, "CURRENT": group}))


def _whole(value: Value) -> int:
    count = whole(value)
    if count is None:
        raise MQLError(f"Value for 'n' must be of integral type, but found {type_name(value)}", 5787902)
    if count <= 0:
        raise MQLError(f"'n' must be greater than 0, found {count}", 5787908)
    return count


def _depends(expression: Any) -> bool:
    """Whether a field or variable is read somewhere in the expression."""
    if isinstance(expression, Path):
        return True
    names = getattr(expression, "__dataclass_fields__", {})
    parts: list[Any] = [getattr(expression, name) for name in names]
    while parts:
        part = parts.pop()
        if isinstance(part, tuple):
            parts += part
        elif hasattr(part, "evaluate") and _depends(part):
            return True
    return False


def _one(_: Value) -> int:
    return 1


class _Ranked(msgspec.Struct, gc=False):
    """At most ``count`` items, the best of which are kept."""

    count: int
    items: list[Any] = msgspec.field(default_factory=list)
    on_int: ClassVar[tuple[str, ...]] = ()
    on_any: ClassVar[tuple[str, ...]] = ()

    @classmethod
    def parse(cls, operand: Value, parser: Parser) -> Accumulation:
        spec = parser.members(operand, str(parser.path[-1]), ("input", "n"), (), _N)
        kind: Any = cls
        count = _count(spec["n"], parser.at("n"))
        return Accumulation(
            parser.at("input").expression(spec["input"]), kind, lambda group: kind(count(group))
        )

    def result(self) -> Value:
        return list(self.items)

    def snapshot(self) -> Value:
        return list(self.items)

    def restore(self, snapshot: Any) -> None:
        self.items = list(snapshot)

    @property
    def size(self) -> int:
        return 64 + 64 * len(self.items)


@ACCUMULATORS("$firstN")
class FirstN(_Ranked, gc=False):
    """The values that came first; missing ones are null."""

    def add(self, value: Value) -> None:
        if len(self.items) < self.count:
            self.items.append(None if value is MISSING else value)

    def merge(self, other: FirstN) -> None:
        self.items = (self.items + other.items)[: self.count]


@ACCUMULATORS("$lastN")
class LastN(_Ranked, gc=False):
    """The values that came last."""

    def add(self, value: Value) -> None:
        self.items.append(None if value is MISSING else value)
        if len(self.items) > 2 * self.count:
            del self.items[: -self.count]

    def merge(self, other: LastN) -> None:
        self.items = (self.items + other.items)[-self.count :]

    def result(self) -> Value:
        return self.items[-self.count :]


class _Extremes(_Ranked, gc=False):
    """The values that sort first or last; null and missing do not count."""

    reverse: ClassVar[bool]

    def add(self, value: Value) -> None:
        if not nullish(value):
            self.items.append(value)
            if len(self.items) > 2 * self.count + 16:
                self.items = self.result()

    def merge(self, other: _Extremes) -> None:
        self.items += other.items
        self.items = self.result()

    def result(self) -> Value:
        return sorted(self.items, key=order_key, reverse=self.reverse)[: self.count]


@ACCUMULATORS("$minN")
class MinN(_Extremes, gc=False):
    """The least values, in ascending order."""

    reverse: ClassVar[bool] = False


@ACCUMULATORS("$maxN")
class MaxN(_Extremes, gc=False):
    """The greatest values, in descending order."""

    reverse: ClassVar[bool] = True


@dataclass(frozen=True, slots=True)
class _Sortable:
    """The document's own sort key, beside the output: ``[output, document]``, refused where it has none."""

    order: Order
    output: Expression

    def evaluate(self, env: Env) -> Value:
        return self.pair(self.output.evaluate(env), env["ROOT"])

    def pair(self, output: Value, document: Value) -> Value:
        if len(self.order.keys) > 1:
            self.order.check(document)
        return [None if output is MISSING else output, self.order.picked(document)]

    def emit(self, code: Code) -> Val:
        text = code.call(self.pair, self.output.emit(code), code.shape.whole(code))
        return Val(text, "array", null=False, missing=False)


@ACCUMULATORS("$top", "$bottom", "$topN", "$bottomN")
class Top(msgspec.Struct, gc=False):
    """The outputs of the documents that sort first (``$top``) or last (``$bottom``).

    Each is kept with a document that holds the sort keys only.
    """

    order: Order
    count: int
    bottom: bool
    single: bool
    items: list[Any] = msgspec.field(default_factory=list)
    on_int: ClassVar[tuple[str, ...]] = ()
    on_any: ClassVar[tuple[str, ...]] = ()

    @classmethod
    def parse(cls, operand: Value, parser: Parser) -> Accumulation:
        name = str(parser.path[-1])
        needed = ("n", "sortBy", "output") if name.endswith("N") else ("sortBy", "output")
        spec = parser.members(operand, name, needed, (), _TOP)
        if type(spec["sortBy"]) is not dict:
            raise parser.at("sortBy").wrong("expected 'sortBy' to be an object", 10065)
        order = parse_order(spec["sortBy"], parser.at("sortBy").path)
        count = _count(spec["n"], parser.at("n")) if "n" in spec else _one
        output = parser.at("output").expression(spec["output"])
        bottom, single = name.startswith("$bottom"), not name.endswith("N")
        return Accumulation(
            _Sortable(order, output), cls, lambda group: cls(order, count(group), bottom, single)
        )

    def add(self, value: Value) -> None:
        self.items.append(value)
        if len(self.items) > 2 * self.count + 16:
            self.items = self._best()

    def _best(self) -> list[Any]:
        ordered = self.order.sorted(self.items, lambda item: item[1])
        return ordered[-self.count :] if self.bottom else ordered[: self.count]

    def merge(self, other: Top) -> None:
        self.items += other.items
        self.items = self._best()

    def result(self) -> Value:
        outputs = [output for output, _ in self._best()]
        if self.single:
            return outputs[0] if outputs else None
        return outputs

    def snapshot(self) -> Value:
        return list(self.items)

    def restore(self, snapshot: Any) -> None:
        self.items = list(snapshot)

    @property
    def size(self) -> int:
        return 64 + 200 * len(self.items)
