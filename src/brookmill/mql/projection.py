"""Projections: which fields of a document stay, go, or are computed.

``Inclusion`` and ``Exclusion`` are what ``$project`` means, ``Addition`` what ``$addFields`` means, and
``$unset`` is an
``Exclusion``. All expressions see the document as it was before.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

from brookmill.mql import paths
from brookmill.mql.code import ABSENT, Code, Val
from brookmill.mql.expression import Env, Expression, Parser
from brookmill.mql.numbers import is_number
from brookmill.mql.shape import Overlaid, Plain, Selected, Trie
from brookmill.mql.values import MISSING, Document, Value, truthy

Names: TypeAlias = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Addition:
    """Fields set over the document, each at a path."""

    fields: tuple[tuple[Names, Expression], ...]

    def apply(self, document: Document, env: Env) -> Document:
        values = [(names, expression.evaluate(env)) for names, expression in self.fields]
        for names, value in values:
            document = paths.written(document, names, value)
        return document

    def emit(self, code: Code) -> None:
        values = [(names, code.local(expression.emit(code))) for names, expression in self.fields]
        fields: dict[str, Val] = {}
        for (name, *rest), value in values:
            if rest:
                before = fields[name] if name in fields else code.shape.read(code, (name,))
                text = code.call(paths.written, before, code.bind(tuple(rest)), value)
                fields[name] = code.local(Val(text, missing=False))
            else:
                fields[name] = value
        code.shape = Overlaid(code.shape, fields)


@dataclass(frozen=True, slots=True)
class Exclusion:
    """Paths taken out of the document."""

    names: tuple[Names, ...]

    def apply(self, document: Document, env: Env) -> Document:  # noqa: ARG002 - the shape of all projections
        for names in self.names:
            document = paths.removed(document, names)
        return document

    def emit(self, code: Code) -> None:
        fields: dict[str, Val] = {}
        for name, *rest in self.names:
            if rest:
                before = fields[name] if name in fields else code.shape.read(code, (name,))
                text = code.call(paths.removed, before, code.bind(tuple(rest)))
                fields[name] = code.local(Val(text))
            else:
                fields[name] = ABSENT
        code.shape = Overlaid(code.shape, fields)


@dataclass(frozen=True, slots=True)
class Inclusion:
    """Only the paths of ``kept``, in the document's order, then the computed fields, in the projection's."""

    kept: Trie
    computed: tuple[tuple[Names, Expression], ...]

    def apply(self, document: Document, env: Env) -> Document:
        return self._filled(document, *[expression.evaluate(env) for _, expression in self.computed])

    def _filled(self, document: Document, *values: Value) -> Document:
        chosen: Document = selected(document, self.kept)
        for (names, _), value in zip(self.computed, values, strict=True):
            if len(names) == 1:
                chosen.pop(names[0], None)  # a field computed anew loses its place
            chosen = paths.written(chosen, names, value)
        return chosen

    def emit(self, code: Code) -> None:
        values = [(names, code.local(expression.emit(code))) for names, expression in self.computed]
        if any(len(names) > 1 for names, _ in values):
            whole = code.call(self._filled, code.shape.whole(code), *[value for _, value in values])
            document = code.local(Val(whole), "d").text
            code.shape = Plain(document)
            return
        parts = {
            name: code.local(Val(code.call(selected, code.shape.read(code, (name,)), code.bind(below))))
            for name, below in self.kept.items()
            if below is not None
        }
        under = Overlaid(code.shape, parts) if parts else code.shape
        code.shape = Selected(under, frozenset(self.kept), {names[0]: value for names, value in values})


def selected(value: Value, kept: Trie) -> Value:
    """Of an object the fields in ``kept``, of an array that of each item; MISSING for anything else."""
    if isinstance(value, dict):
        chosen = {}
        for name, member in value.items():
            if name in kept:
                below = kept[name]
                part = member if below is None else selected(member, below)
                if part is not MISSING:
                    chosen[name] = part
        return chosen
    if isinstance(value, list):
        parts = [selected(item, kept) for item in value]
        if kept.get("") is not None:  # fields are computed below: every item becomes an object
            return [{} if part is MISSING else part for part in parts]
        return [part for part in parts if part is not MISSING]
    return MISSING


def _leaves(
    spec: Document, parser: Parser, names: Names = (), *, adds: bool = False
) -> Iterator[tuple[Names, Value, Parser]]:
    """Every field of a projection with its whole path; nested objects and dotted names mean the same.

    ``adds``: an empty object is a value, not a mistake.
    """
    if not spec and not adds:
        raise parser.wrong("An empty sub-projection is not a valid value. Found empty object at path", 51270)
    for name, value in spec.items():
        at = parser.at(name)
        whole = (*names, *name.split("."))
        if name[:1] == "$":
            raise at.wrong(f"FieldPath field names may not start with '$': {name[:50]}", 16410)
        if not name:
            raise at.wrong("FieldPath cannot be constructed with empty string", 40352)
        if name[-1] == ".":
            raise at.wrong("FieldPath must not end with a '.'", 40353)
        if not all(whole) or "\0" in name:
            raise at.wrong("FieldPath field names may not be empty strings or hold null bytes", 15998)
        if len(whole) > 100:
            raise at.wrong("FieldPath is too long", 5984700)
        if type(value) is dict and next(iter(value), "")[:1] != "$" and (value or not adds):
            yield from _leaves(value, at, whole, adds=adds)
        else:
            yield whole, value, at


class _Paths:
    """The paths of one projection; two of them may not be the same nor one inside the other."""

    def __init__(self, below: int = 31249, above: int = 31250) -> None:
        """``below``, ``above``: codes of a path inside one that came before, and the other way round."""
        self._seen: Trie = {}
        self._below, self._above = below, above

    def claim(self, names: Names, at: Parser) -> None:
        node = self._seen
        for name in names[:-1]:
            inner = node.setdefault(name, {})
            if inner is None:
                raise at.wrong(f"Path collision at {'.'.join(names)}", self._below)
            node = inner
        if names[-1] in node:
            raise at.wrong(f"Path collision at {'.'.join(names)}", self._above)
        node[names[-1]] = None


def _is_flag(value: Value) -> bool:
    return isinstance(value, bool) or is_number(value)


def parse_projection(spec: Value, parser: Parser) -> Inclusion | Exclusion:
    """What ``{$project: spec}`` means. Raises PlanError."""
    if type(spec) is not dict:
        raise parser.wrong("$project specification must be an object", 15969)
    if not spec:
        raise parser.wrong("projection specification must have at least one field", 51272)
    claimed = _Paths()
    leaves = list(_leaves(spec, parser))
    for names, _, at in leaves:
        claimed.claim(names, at)
    others = [(names, value) for names, value, _ in leaves if names != ("_id",)]
    excludes = [_is_flag(value) and not truthy(value) for _, value in others]
    if (others and excludes[0]) or (not others and not truthy(leaves[0][1])):
        return _exclusion(leaves)
    return _inclusion(leaves)


def _exclusion(leaves: list[tuple[Names, Value, Parser]]) -> Exclusion:
    gone = []
    for names, value, at in leaves:
        if _is_flag(value) and not truthy(value):
            gone.append(names)
        elif not _is_flag(value):
            code = 31252 if type(value) is dict else 31310
            raise at.wrong("Cannot use an expression in an exclusion projection", code)
        elif names != ("_id",):
            text = f"Cannot do inclusion on field {'.'.join(names)} in exclusion projection"
            raise at.wrong(text, 31253)
    return Exclusion(tuple(gone))


def _inclusion(leaves: list[tuple[Names, Value, Parser]]) -> Inclusion:
    kept: Trie = {"_id": None}
    computed: list[tuple[Names, Expression]] = []
    for names, value, at in leaves:
        if not _is_flag(value):
            computed.append((names, at.expression(value)))
            if len(names) == 1:
                kept.pop(names[0], None)
            else:
                _mark(kept, (*names[:-1], ""), {})
        elif truthy(value):
            _mark(kept, names, None)
        elif names == ("_id",):
            kept.pop("_id", None)
        else:
            text = f"Cannot do exclusion on field {'.'.join(names)} in inclusion projection"
            raise at.wrong(text, 31254)
    return Inclusion(kept, tuple(computed))


def _mark(kept: Trie, names: Names, end: Trie | None) -> None:
    for name in names[:-1]:
        inner = kept.get(name)
        if inner is None:
            inner = kept[name] = {}
        kept = inner
        if end is not None:
            kept.setdefault("", {})
    kept[names[-1]] = end


def parse_addition(spec: Value, parser: Parser) -> Addition:
    """What ``{$addFields: spec}`` means. Raises PlanError."""
    if type(spec) is not dict:
        raise parser.wrong("$addFields specification stage must be an object", 40272)
    claimed = _Paths(40176, 40176)
    fields = []
    for names, value, at in _leaves(spec, parser, adds=True):
        claimed.claim(names, at)
        fields.append((names, at.expression(value)))
    return Addition(tuple(fields))


def parse_removal(spec: Value, parser: Parser) -> Exclusion:
    """What ``{$unset: spec}`` means. Raises PlanError."""
    names = [spec] if type(spec) is str else spec
    if type(names) is not list:
        raise parser.wrong("$unset specification must be a string or an array", 31002)
    if not names:
        raise parser.wrong("$unset specification must be a string or an array with at least one field", 31119)
    if not all(type(name) is str for name in names):
        raise parser.wrong("$unset specification must be a string or an array containing only strings", 31120)
    leaves = [leaf for name in names for leaf in _leaves({name: 0}, parser)]
    claimed = _Paths()
    for path, _, at in leaves:
        claimed.claim(path, at)
    return _exclusion(leaves)
