"""Projected decoding: JSON text into a struct of just the fields that a pipeline reads.

Which these are is found by writing the code once against a ``Recorder``. The struct loses the order and the
presence of all other fields, so it serves only where no more than one field of the document is kept;
``_id`` beside it sends the one document that has both the slow way, as does anything else of unexpected
shape.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec

from brookmill.mql.code import Code, Val
from brookmill.mql.shape import Shape, Trie, deeper
from brookmill.mql.values import MISSING

#: Names that msgspec can read as fields of a struct.
_NAME = re.compile(r'[^"\\\x00-\x1f\ud800-\udfff]*')


class Detour(Exception):
    """This document goes the slow way."""


@dataclass(slots=True)
class Recorder:
    """A document that only notes how it is used. ``exposed``: as a whole, or in the order of its fields."""

    trie: Trie = field(default_factory=dict)
    exposed: bool = False

    def read(self, code: Code, names: tuple[str, ...]) -> Val:
        if not all(map(_NAME.fullmatch, names)):
            self.exposed = True
        node = self.trie
        for name in names[:-1]:
            inner = node.setdefault(name, {})
            if inner is None:
                break
            node = inner
        else:
            node[names[-1]] = None
        return code.once(("recorded", names), lambda: Val(f"{code.bind(names)}[0:]", clean=True))

    def steady(self, names: tuple[str, ...]) -> bool:  # noqa: ARG002 - the hopeful answer
        return True

    def whole(
        self, code: Code, keep: frozenset[str] | None = None, shadowed: frozenset[str] = frozenset()
    ) -> str:
        if keep is None or len(keep - {"_id"}) > 1:
            self.exposed = True
        else:
            for name in keep | shadowed:
                self.read(code, (name,))
        return "document"

    def fresh(self) -> bool:
        return True

    def mapped(self, change: Callable[[Val], Val]) -> Shape:  # noqa: ARG002 - nothing is laid over it
        return self

    def parts(self) -> Iterator[Val | None]:
        yield Val("document", clean=True)


@dataclass(frozen=True, slots=True)
class Projected:
    """A document decoded into the struct in the local ``name``, with the fields of ``trie``."""

    name: str
    trie: Trie

    def read(self, code: Code, names: tuple[str, ...]) -> Val:
        node: Trie | None = self.trie
        holder = self.name
        for position, name in enumerate(names):
            if node is None:
                return code.once((self.name, names), lambda: deeper(code, value, names[position:]))  # noqa: B023
            attribute = f"f{list(node).index(name)}"
            text = f"{holder}.{attribute}"
            if position:
                text = f"({text} if {holder} else MISSING)"
            value = code.once((self.name, names[: position + 1]), lambda: Val(text, clean=True))  # noqa: B023
            holder, node = value.text, node[name]
        return value

    def steady(self, names: tuple[str, ...]) -> bool:
        node: Trie | None = self.trie
        for name in names[:-1]:
            if node is None:
                return False
            node = node[name]
        return node is not None

    def whole(
        self, code: Code, keep: frozenset[str] | None = None, shadowed: frozenset[str] = frozenset()
    ) -> str:
        assert keep is not None
        # Of one field the place is known; a second one, even one about to be set anew, must not be there.
        only = sorted(keep - {"_id"})[:1] or sorted(keep)
        absent = [self.read(code, (name,)).text for name in sorted((keep | shadowed) - set(only))]
        if absent:
            with code.block(f"if {' or '.join(f'{text} is not MISSING' for text in absent)}:"):
                code.line(f"raise {code.bind(Detour, 'Detour')}")
        built = code.fresh("d")
        if not only:
            code.line(f"{built} = {{}}")
            return built
        value = self.read(code, (only[0],)).text
        code.line(f"{built} = {{}} if {value} is MISSING else {{{code.bind(only[0])}: {value}}}")
        return built

    def fresh(self) -> bool:
        return True

    def mapped(self, change: Callable[[Val], Val]) -> Shape:  # noqa: ARG002 - nothing is laid over it
        return self

    def parts(self) -> Iterator[Val | None]:
        yield Val(self.name, clean=True)


def struct_of(trie: Trie) -> type[msgspec.Struct]:
    """A struct with one field a name of ``trie``, MISSING by default; objects only entered are structs too.

    Where such an object is an array or a scalar instead, decoding fails and the document goes the slow way.
    """
    fields: list[tuple[str, Any, Any]] = []
    names: dict[str, str] = {}
    for position, (name, below) in enumerate(trie.items()):
        attribute = f"f{position}"
        names[attribute] = name
        kind: Any = Any if below is None else struct_of(below) | None
        fields.append((attribute, kind, MISSING))
    return msgspec.defstruct("Projected", fields, rename=names, gc=False)


def projected_decoder(trie: Trie) -> Callable[[bytes], Any]:
    """The decoder of JSON text into ``struct_of(trie)``."""
    return msgspec.json.Decoder(struct_of(trie)).decode
