"""What the document looks like at a point of the code: which local holds which field, and what is not read
yet.

Stages change the shape instead of a document: ``$addFields`` lays fields over it, ``$project`` selects from
it. Only
``whole`` writes code that builds the document, and only the last stage of a segment usually asks for that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from brookmill.mql import paths
from brookmill.mql.code import ABSENT, Code, Val

#: Which fields are read below a name: None means the whole value.
Trie = dict[str, "Trie | None"]


class Shape(Protocol):
    """A symbolic document."""

    def read(self, code: Code, names: tuple[str, ...]) -> Val:
        """The value at a path, as an expression sees it."""
        ...

    def steady(self, names: tuple[str, ...]) -> bool:
        """Whether there is no array on the way to the value at ``names``, whatever the document."""
        ...

    def whole(
        self, code: Code, keep: frozenset[str] | None = None, shadowed: frozenset[str] = frozenset()
    ) -> str:
        """A local that holds the document, built if need be; with ``keep`` only its fields of those names.

        Of the fields ``shadowed`` only the place counts: the caller sets them anew. It must not be changed,
        unless ``keep`` is given or ``fresh`` says so.
        """
        ...

    def fresh(self) -> bool:
        """Whether ``whole`` builds a new dict each time, which the caller may change."""
        ...

    def mapped(self, change: Callable[[Val], Val]) -> Shape:
        """The shape with each value that is laid over the document changed."""
        ...

    def parts(self) -> Iterator[Val | None]:
        """The values it is made of, None standing for fields of unknown origin."""
        ...


def deeper(code: Code, value: Val, names: tuple[str, ...]) -> Val:
    """``names`` below ``value``."""
    if value.known:
        return code.constant(paths.read(value.constant, names))
    for position, name in enumerate(names):
        value = code.local(value)
        rest = names[position:]
        step = f"{value.text}.get({code.bind(name)}, MISSING)"
        slow = code.call(paths.read, value, code.bind(rest))
        if position == len(names) - 1:
            return Val(f"{step} if type({value.text}) is dict else {slow}", clean=value.clean)
        if code.deep:
            return Val(slow, clean=value.clean)
        found = code.fresh()
        with code.block(f"if type({value.text}) is dict:"):
            inner = deeper(code, Val(step, clean=value.clean), names[position + 1 :])
            code.line(f"{found} = {inner.text}")
        with code.block("else:"):
            code.line(f"{found} = {slow}")
        return Val(found, clean=value.clean)
    return value


@dataclass(frozen=True, slots=True)
class Plain:
    """A document in the local ``name``. ``from_json``: it was decoded from JSON text."""

    name: str
    from_json: bool = False

    def read(self, code: Code, names: tuple[str, ...]) -> Val:
        first = code.once(
            (self.name, names[0]),
            lambda: Val(f"{self.name}.get({code.bind(names[0])}, MISSING)", clean=self.from_json),
        )
        if len(names) == 1:
            return first
        return code.once((self.name, names), lambda: deeper(code, first, names[1:]))

    def steady(self, names: tuple[str, ...]) -> bool:
        return len(names) == 1

    def whole(
        self, code: Code, keep: frozenset[str] | None = None, shadowed: frozenset[str] = frozenset()
    ) -> str:
        if keep is None:
            return self.name
        keep |= shadowed
        built = code.fresh("d")
        if len(keep) == 1:
            code.line(f"{built} = {{}}")
            (name,) = keep
            _put(code, built, name, self.read(code, (name,)))
        else:
            code.line(f"{built} = {{k: x for k, x in {self.name}.items() if k in {code.bind(keep)}}}")
        return built

    def fresh(self) -> bool:
        return False

    def mapped(self, change: Callable[[Val], Val]) -> Shape:  # noqa: ARG002 - nothing is laid over it
        return self

    def parts(self) -> Iterator[Val | None]:
        yield Val(self.name, clean=True) if self.from_json else None


def _put(code: Code, document: str, name: str, value: Val) -> None:
    key = code.bind(name)
    if value.type == "missing":
        code.line(f"{document}.pop({key}, None)")
    elif not value.missing:
        code.line(f"{document}[{key}] = {value.text}")
    else:
        value = code.local(value)
        with code.block(f"if {value.text} is not MISSING:"):
            code.line(f"{document}[{key}] = {value.text}")
        with code.block("else:"):
            code.line(f"{document}.pop({key}, None)")


@dataclass(frozen=True, slots=True)
class Overlaid:
    """``under`` with ``fields`` set over it; MISSING takes a field away. Fields keep their place, new ones
    follow.
    """

    under: Shape
    fields: Mapping[str, Val]

    def read(self, code: Code, names: tuple[str, ...]) -> Val:
        over = self.fields.get(names[0])
        if over is None:
            return self.under.read(code, names)
        if len(names) == 1:
            return over
        return code.once((over.text, names[1:]), lambda: deeper(code, over, names[1:]))

    def steady(self, names: tuple[str, ...]) -> bool:
        return len(names) == 1 or (names[0] not in self.fields and self.under.steady(names))

    def whole(
        self, code: Code, keep: frozenset[str] | None = None, shadowed: frozenset[str] = frozenset()
    ) -> str:
        if keep is None:
            fields = self.fields
            document = self.under.whole(code)
        else:
            fields = {n: v for n, v in self.fields.items() if n in keep or n in shadowed}
            placed = {n for n in fields if _placed(self.under, n)}
            document = self.under.whole(code, keep - fields.keys(), (shadowed - fields.keys()) | placed)
        if keep is None and not self.under.fresh():
            built = code.fresh("d")
            code.line(f"{built} = {document}.copy()")
            document = built
        for name, value in fields.items():
            _put(code, document, name, value)
        return document

    def fresh(self) -> bool:
        return True

    def mapped(self, change: Callable[[Val], Val]) -> Shape:
        fields = {name: change(value) for name, value in self.fields.items()}
        return Overlaid(self.under.mapped(change), fields)

    def parts(self) -> Iterator[Val | None]:
        yield from self.under.parts()
        yield from self.fields.values()


def _placed(shape: Shape, name: str) -> bool:
    """Whether ``name`` may have a place in ``shape`` already, which an overlaid field would keep."""
    if isinstance(shape, Overlaid):
        return name in shape.fields or _placed(shape.under, name)
    if isinstance(shape, Selected):
        return name in shape.kept or name in shape.computed
    return True


@dataclass(frozen=True, slots=True)
class Selected:
    """Of ``under`` only the fields ``kept``, in its order, then the fields ``computed``, in theirs."""

    under: Shape
    kept: frozenset[str]
    computed: Mapping[str, Val]

    def read(self, code: Code, names: tuple[str, ...]) -> Val:
        if names[0] in self.kept:
            return self.under.read(code, names)
        value = self.computed.get(names[0])
        if value is None:
            return ABSENT
        if len(names) == 1:
            return value
        return code.once((value.text, names[1:]), lambda: deeper(code, value, names[1:]))

    def steady(self, names: tuple[str, ...]) -> bool:
        return len(names) == 1 or (names[0] not in self.computed and self.under.steady(names))

    def whole(
        self, code: Code, keep: frozenset[str] | None = None, shadowed: frozenset[str] = frozenset()
    ) -> str:
        wanted = self.kept | self.computed.keys() if keep is None else keep | shadowed
        kept = self.kept if keep is None else self.kept & keep
        shadowed &= self.kept
        computed = {n: v for n, v in self.computed.items() if n in wanted}
        sure = {n: v for n, v in computed.items() if not v.missing}
        if not kept and not shadowed and len(sure) == len(computed):
            built = code.fresh("d")
            members = ", ".join(f"{code.bind(n)}: {v.text}" for n, v in sure.items())
            code.line(f"{built} = {{{members}}}")
            return built
        if kept or shadowed:
            built = self.under.whole(code, kept, shadowed)
        else:
            built = code.fresh("d")
            code.line(f"{built} = {{}}")
        for name, value in computed.items():
            _put(code, built, name, value)
        return built

    def fresh(self) -> bool:
        return True

    def mapped(self, change: Callable[[Val], Val]) -> Shape:
        computed = {name: change(value) for name, value in self.computed.items()}
        return Selected(self.under.mapped(change), self.kept, computed)

    def parts(self) -> Iterator[Val | None]:
        if self.kept:
            yield from self.under.parts()
        yield from self.computed.values()
