"""Accumulators: what ``$group`` keeps of a group's documents, one value added at a time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, Self

from brookmill import upstream
from brookmill.mql.expression import Expression, Parser
from brookmill.mql.values import MISSING, Value
from brookmill.registry import Registry


class Accumulator(Protocol):
    """The memory of one accumulator in one group.

    A window may hold a million of them: they are structs without garbage collection, which are quick to make
    and cost the collector nothing. They cannot be part of a cycle.
    ``on_int``, ``on_any``: Python statements that do what ``add`` does, with ``{a}`` for the accumulator and
    ``{x}`` for the value, which is an int of 32 bits or anything at all; empty where only ``add`` can.
    """

    on_int: ClassVar[tuple[str, ...]]
    on_any: ClassVar[tuple[str, ...]]

    @classmethod
    def parse(cls, operand: Value, parser: Parser) -> Accumulation:
        """What ``{<name>: operand}`` means. Raises PlanError."""
        ...

    def add(self, value: Value) -> None:
        """Must not raise; what may be wrong is checked by the operand expression."""
        ...

    def merge(self, other: Self) -> None:
        """Take in what ``other`` holds, as if its values had come after."""
        ...

    def result(self) -> Value:
        """Null where there is none, never MISSING."""
        ...

    def snapshot(self) -> Value:
        """A BSON-encodable value that ``restore`` takes back."""
        ...

    def restore(self, snapshot: Any) -> None: ...

    @property
    def size(self) -> int:
        """About how many bytes are held."""
        ...


@dataclass(frozen=True, slots=True)
class Accumulation:
    """One parsed accumulator: the value it is fed with, and how a new memory is made.

    ``make`` takes the ``_id`` of the group, and raises MQLError where the accumulator cannot do with it;
    None: it is always the same, made by ``kind()``.
    """

    operand: Expression
    kind: type[Accumulator]
    make: Callable[[Value], Accumulator] | None = None

    def new(self, group: Value) -> Accumulator:
        """The memory of a new group with the ``_id`` ``group``. Raises MQLError."""
        return self.kind() if self.make is None else self.make(group)


#: Accumulators by name, e.g. ``ACCUMULATORS["$sum"]``.
ACCUMULATORS: Registry[type[Accumulator]] = Registry("accumulator", "brookmill.mql.accumulators")


def parse_accumulation(spec: Value, parser: Parser) -> Accumulation:
    """What ``{<field>: spec}`` in ``$group`` means. Raises PlanError."""
    if type(spec) is not dict:
        raise parser.wrong("The field must be an accumulator object", 40234)
    if len(spec) != 1:
        raise parser.wrong("The field must specify one accumulator", 40238)
    ((name, operand),) = spec.items()
    kind = ACCUMULATORS.get(name)
    if kind is None:
        if name in upstream.ACCUMULATORS:
            raise parser.wrong(f"group operator '{name}' is not available in a stream processor", 15952)
        raise parser.wrong(f"unknown group operator '{name[:50]}'", 15952)
    return kind.parse(operand, parser.at(name))


def one_operand(kind: Any, operand: Value, parser: Parser) -> Accumulation:
    """The parse of an accumulator that takes one expression. Raises PlanError."""
    if type(operand) is list and len(operand) != 1:
        raise parser.wrong("The accumulator is a unary operator", 40237)
    return Accumulation(parser.expression(operand[0] if type(operand) is list else operand), kind)


def boxed(value: Value) -> list[Value]:
    """A value for a snapshot, which cannot hold MISSING."""
    return [] if value is MISSING else [value]


def unboxed(box: list[Value]) -> Value:
    return box[0] if box else MISSING
