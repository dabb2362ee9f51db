"""Arrays and objects collected from a group."""

from __future__ import annotations

from typing import Any, ClassVar

import msgspec

from brookmill.mql.accumulator import ACCUMULATORS, Accumulation, one_operand
from brookmill.mql.compare import order_key
from brookmill.mql.errors import MQLError
from brookmill.mql.expression import EXPRESSIONS, Call, Operator, Parser
from brookmill.mql.values import MISSING, Value, type_name


@ACCUMULATORS("$push")
class Push(msgspec.Struct, gc=False):
    """All values in the order they came; missing ones are left out."""

    items: list[Any] = msgspec.field(default_factory=list)
    on_int: ClassVar[tuple[str, ...]] = ()
    on_any: ClassVar[tuple[str, ...]] = ("if {x} is not MISSING: {a}.items.append({x})",)

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
class AddToSet(msgspec.Struct, gc=False):
    """Each different value once, in the order it came first."""

    items: dict[Any, Any] = msgspec.field(default_factory=dict)
    on_int: ClassVar[tuple[str, ...]] = ()
    on_any: ClassVar[tuple[str, ...]] = ()

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


def _array(value: Value) -> Value:
    """The array itself, or MISSING."""
    if value is MISSING or isinstance(value, list):
        return value
    raise MQLError(f"the accumulator takes arrays only, found {type_name(value)}", 14)


#: Refuses what is no array while the document can still be refused.
_ARRAY = Operator("array", _array, ("value",), (), False, "list", "array", True, None)


@ACCUMULATORS("$concatArrays")
class ConcatArrays(Push, gc=False):
    """All arrays one after the other; missing ones are left out."""

    on_any: ClassVar[tuple[str, ...]] = ()

    @classmethod
    def parse(cls, operand: Value, parser: Parser) -> Accumulation:
        return Accumulation(Call(_ARRAY, (one_operand(cls, operand, parser).operand,)), cls)

    def add(self, value: Value) -> None:
        if value is not MISSING:
            self.items += value


@ACCUMULATORS("$setUnion")
class SetUnion(AddToSet, gc=False):
    """Each different item of all arrays once, in the order it came first."""

    @classmethod
    def parse(cls, operand: Value, parser: Parser) -> Accumulation:
        return Accumulation(Call(_ARRAY, (one_operand(cls, operand, parser).operand,)), cls)

    def add(self, value: Value) -> None:
        if value is not MISSING:
            for item in value:
                AddToSet.add(self, item)

    def merge(self, other: AddToSet) -> None:
        for value in other.items.values():
            AddToSet.add(self, value)


@ACCUMULATORS("$mergeObjects")
class MergeObjects(msgspec.Struct, gc=False):
    """All objects laid over each other."""

    document: dict[str, Any] = msgspec.field(default_factory=dict)
    on_int: ClassVar[tuple[str, ...]] = ()
    on_any: ClassVar[tuple[str, ...]] = ()

    @classmethod
    def parse(cls, operand: Value, parser: Parser) -> Accumulation:
        plain = one_operand(cls, operand, parser)
        merge = EXPRESSIONS["$mergeObjects"]
        assert isinstance(merge, Operator)
        # The expression of the same name refuses what is no object while the document can still be refused.
        return Accumulation(Call(merge, (plain.operand,)), cls)

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
