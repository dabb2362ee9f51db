"""Arrays and objects collected from a group."""

from __future__ import annotations

from typing import Any, ClassVar

from brookmill.mql.accumulator import ACCUMULATORS, Accumulation, one_operand
from brookmill.mql.compare import order_key
from brookmill.mql.expression import EXPRESSIONS, Call, Operator, Parser
from brookmill.mql.values import MISSING, Document, Value


@ACCUMULATORS("$push")
class Push:
    """All values in the order they came; missing ones are left out."""

    __slots__ = ("items",)
    on_int: ClassVar[tuple[str, ...]] = ()
    on_any: ClassVar[tuple[str, ...]] = ("if {x} is not MISSING: {a}.items.append({x})",)

    def __init__(self) -> None:
        self.items: list[Value] = []

    @classmethod
    def parse(cls, operand: Value, parser: Parser) -> Accumulation:
        return one_operand(cls, operand, parser)

    def add(self, value: Value) -> None:
        if value is not MISSING:
            self.items.append(value)

    def merge(self, other: Push) -> None:
        self.items += other.items

    def result(self) -> Value:
        return self.items

    def snapshot(self) -> Value:
        return self.items

    def restore(self, snapshot: Any) -> None:
        self.items = snapshot

    @property
    def size(self) -> int:
        return 64 + 64 * len(self.items)


@ACCUMULATORS("$addToSet")
class AddToSet:
    """Each different value once, in the order it came first."""

    __slots__ = ("items",)
    on_int: ClassVar[tuple[str, ...]] = ()
    on_any: ClassVar[tuple[str, ...]] = ()

    def __init__(self) -> None:
        self.items: dict[Any, Value] = {}

    @classmethod
    def parse(cls, operand: Value, parser: Parser) -> Accumulation:
        return one_operand(cls, operand, parser)

    def add(self, value: Value) -> None:
        if value is not MISSING:
            self.items.setdefault(order_key(value), value)

    def merge(self, other: AddToSet) -> None:
        for value in other.items.values():
            self.add(value)

    def result(self) -> Value:
        return list(self.items.values())

    def snapshot(self) -> Value:
        return list(self.items.values())

    def restore(self, snapshot: Any) -> None:
        self.items = {order_key(value): value for value in snapshot}

    @property
    def size(self) -> int:
        return 64 + 200 * len(self.items)


@ACCUMULATORS("$mergeObjects")
class MergeObjects:
    """All objects laid over each other."""

    __slots__ = ("document",)
    on_int: ClassVar[tuple[str, ...]] = ()
    on_any: ClassVar[tuple[str, ...]] = ()

    def __init__(self) -> None:
        self.document: Document = {}

    @classmethod
    def parse(cls, operand: Value, parser: Parser) -> Accumulation:
        plain = one_operand(cls, operand, parser)
        merge = EXPRESSIONS["$mergeObjects"]
        assert isinstance(merge, Operator)
        # The expression of the same name refuses what is no object while the document can still be refused.
        return Accumulation(Call(merge, (plain.operand,)), cls, cls)

    def add(self, value: Value) -> None:
        self.document.update(value)

    def merge(self, other: MergeObjects) -> None:
        self.document.update(other.document)

    def result(self) -> Value:
        return self.document

    def snapshot(self) -> Value:
        return self.document

    def restore(self, snapshot: Any) -> None:
        self.document = dict(snapshot)

    @property
    def size(self) -> int:
        return 64 + 100 * len(self.document)
