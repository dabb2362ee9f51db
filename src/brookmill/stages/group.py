"""``$group``: one document a group."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, ClassVar, Final, Self

from brookmill.mql import lanes
from brookmill.mql.accumulator import Accumulation, Accumulator, parse_accumulation
from brookmill.mql.code import Code, Val
from brookmill.mql.compare import order_key
from brookmill.mql.errors import StateTooLarge
from brookmill.mql.expression import Expression, Parser
from brookmill.mql.size import bson_size
from brookmill.mql.values import MISSING, Document, Value
from brookmill.stages import STAGES, WINDOW, Collector, Kind, Place, Placement, Results, Row

#: A group: its ``_id``, then one accumulator a field.
Group = tuple[Any, ...]

#: Bytes that the keys of a window may take. Reference: Atlas Stream Processing, limitations.
MAX_KEYS: Final = 100 * 1024 * 1024
#: What a key takes beside its value.
_KEY: Final = 48


def group_key(value: Value) -> Any:
    """What tells groups apart: strings stand for themselves, missing counts as null."""
    if type(value) is str:
        return value
    return order_key(None if value is MISSING else value)


@functools.lru_cache(maxsize=128)
def writer(names: tuple[str, ...]) -> Callable[[Iterable[Group]], list[Document]]:
    """A function that turns groups into their documents; ``names``: of the fields beside ``_id``."""
    bound = {f"name{i}": name for i, name in enumerate(names)}
    group = "".join(f"a{i}, " for i in range(len(names)))
    members = "".join(f", name{i}: a{i}.result()" for i in range(len(names)))
    text = f"[{{'_id': value{members}}} for value, {group}in groups]"
    written: Callable[[Iterable[Group]], list[Document]]
    written = eval(f"lambda groups: {text}", bound)  # noqa: S307 - the names are bound, never text
    return written


class Groups:
    """The groups of one window."""

    __slots__ = ("_keys", "_stage", "groups")

    def __init__(self, stage: GroupStage) -> None:
        self._stage = stage
        self._keys = 0
        self.groups: dict[Any, Group] = {}

    def open(self, key: Any, value: Value) -> Group:
        """A new group for the ``_id`` ``value``, known by ``key`` from now on.

        Raises MQLError, and StateTooLarge.
        """
        value = None if value is MISSING else value
        accumulators = [accumulation.new(value) for _, accumulation in self._stage.fields]
        self.grow(value)
        group = self.groups[key] = (value, *accumulators)
        return group

    def grow(self, value: Value) -> None:
        """There is one more group, with the ``_id`` ``value``. Raises StateTooLarge."""
        self._keys += _KEY + (len(value) if type(value) is str else bson_size(value))
        if self._keys > MAX_KEYS:
            raise StateTooLarge(f"$group keeps more than {MAX_KEYS} bytes of keys in one window")

    def add(self, row: Row) -> None:
        env = row.env()
        value = self._stage.id.evaluate(env)
        values = [accumulation.operand.evaluate(env) for _, accumulation in self._stage.fields]
        key = group_key(value)
        group = self.groups.get(key) or self.open(key, value)
        for accumulator, one in zip(group[1:], values, strict=True):
            accumulator.add(one)

    def results(self) -> Results:
        documents = writer(tuple(name for name, _ in self._stage.fields))
        return Results(documents(self.groups.values()))

    def merge(self, other: Groups) -> None:
        for key, group in other.groups.items():
            own = self.groups.get(key) or self.open(key, group[0])
            for accumulator, more in zip(own[1:], group[1:], strict=True):
                accumulator.merge(more)

    def snapshot(self) -> Value:
        return [
            [group[0], *[accumulator.snapshot() for accumulator in group[1:]]]
            for group in self.groups.values()
        ]

    def restore(self, snapshot: Any) -> None:
        for value, *states in snapshot:
            group = self.open(group_key(value), value)
            for accumulator, state in zip(group[1:], states, strict=True):
                accumulator.restore(state)

    @property
    def size(self) -> int:
        return sum(200 + sum(accumulator.size for accumulator in group[1:]) for group in self.groups.values())


@STAGES("$group")
@dataclass(frozen=True, slots=True)
class GroupStage:
    """Reference: MongoDB manual, ``$group``."""

    id: Expression
    fields: tuple[tuple[str, Accumulation], ...]

    name: ClassVar[str] = "$group"
    kind: ClassVar[Kind] = "blocking"
    placements: ClassVar[frozenset[Placement]] = WINDOW
    operator: ClassVar[str] = "GroupOperator"

    @classmethod
    def parse(cls, spec: Value, place: Place) -> Self:
        if type(spec) is not dict:
            raise place.wrong("a group's fields must be specified in an object", 15947)
        if "_id" not in spec:
            raise place.wrong("a group specification must include an _id", 15955)
        fields = []
        for name, operand in spec.items():
            if name == "_id":
                continue
            at = place.at(name)
            if "." in name or "\0" in name:
                raise at.wrong(f"The field name '{name[:50]}' cannot contain '.'", 40235)
            if name[:1] == "$":
                raise at.wrong(f"The field name '{name[:50]}' cannot be an operator name", 40236)
            fields.append((name, parse_accumulation(operand, Parser(at.path))))
        return cls(place.at("_id").expression(spec["_id"]), tuple(fields))

    def collector(self) -> Collector:
        return Groups(self)

    def emit_add(self, code: Code, collector: str) -> None:
        key = code.local(self.id.emit(code))
        values = [code.local(accumulation.operand.emit(code)) for _, accumulation in self.fields]
        known, group = code.fresh("key"), code.fresh("group")
        if key.type == "string" and not key.null:
            code.line(f"{known} = {key.text}")
        else:
            code.line(f"{known} = {key.text} if type({key.text}) is str else {code.call(group_key, key)}")
        code.line(f"{group} = {collector}.groups.get({known})")
        with code.block(f"if {group} is None:"):
            value = f"None if {key.text} is MISSING else {key.text}" if key.missing else key.text
            made = "".join(f", {_emit_new(code, one, value)}" for _, one in self.fields)
            code.line(f"{collector}.grow({value})")
            code.line(f"{group} = {collector}.groups[{known}] = ({value}{made or ','})")
        names = [code.fresh("a") for _ in self.fields]
        if names:
            code.line(f"_, {', '.join(names)}{',' if len(names) == 1 else ''} = {group}")
        kinds = [accumulation.kind for _, accumulation in self.fields]
        _emit_values(code, list(zip(names, kinds, values, strict=True)))


def _emit_new(code: Code, accumulation: Accumulation, value: str) -> str:
    """Text that makes the memory of a new group with the ``_id`` ``value``."""
    if accumulation.make is None:
        return f"{code.bind(accumulation.kind, 'make')}()"
    return f"{code.bind(accumulation.make, 'make')}({value})"


def _emit_values(code: Code, fields: list[tuple[str, type[Accumulator], Val]]) -> None:
    """Feed the accumulators; those fed with the same value share its type check."""
    shared: dict[str, list[tuple[str, type[Accumulator]]]] = {}
    for name, kind, value in fields:
        if kind.on_any and value.text.isidentifier():
            for line in kind.on_any:
                code.line(line.format(a=name, x=value.text))
        elif kind.on_int and value.known and lanes.small(value) == "" and type(value.constant) is int:
            for line in kind.on_int:
                code.line(line.format(a=name, x=value.text))
        elif kind.on_int and lanes.small_int(value) is not None:
            shared.setdefault(value.text, []).append((name, kind))
        else:
            code.line(f"{name}.add({value.text})")
    for text, users in shared.items():
        with code.block(f"if {lanes.small_int(Val(text))}:"):
            for name, kind in users:
                for line in kind.on_int:
                    code.line(line.format(a=name, x=text))
        with code.block("else:"):
            for name, _ in users:
                code.line(f"{name}.add({text})")
