"""A file that is looked at: its text, the value it holds, and edits of the text that change the value."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, Literal, NamedTuple, Self

from brookmill.lint.changes import Change, Insert, Remove, Rename, Replace, Swap
from brookmill.lint.json_marks import read_json
from brookmill.lint.marks import Lines, Marks, Path, Position, Span, Unreadable
from brookmill.lint.yaml_marks import read_yaml

#: Keys and texts that YAML takes for texts without quotes.
_BARE = re.compile(r"[A-Za-z_$][A-Za-z0-9_.$-]*")
_NO_TEXTS = {"true", "false", "null"}


class Edit(NamedTuple):
    """``text`` instead of the characters of a span."""

    start: int
    end: int
    text: str


class SourceText(NamedTuple):
    """``name``: of the file, for people. ``value``: plain JSON, Extended JSON wrappers as they are; None
    where the text is neither JSON nor YAML, of which ``trouble`` tells.
    """

    name: str
    text: str
    form: Literal["json", "yaml"]
    value: Any
    marks: Marks
    lines: Lines
    trouble: Unreadable | None = None

    @classmethod
    def read(cls, name: str, text: str) -> Self:
        """``name`` tells the form: what does not end in .json is YAML."""
        form: Literal["json", "yaml"] = "json" if name.endswith((".json", ".ejson")) else "yaml"
        try:
            value, marks = read_json(text) if form == "json" else read_yaml(text)
        except Unreadable as e:
            return cls(name, text, form, None, Marks({(): Span(e.at, e.at)}), Lines(text), e)
        return cls(name, text, form, value, marks, Lines(text))

    def place(self, path: Path) -> tuple[Position, Position]:
        """Where what ``path`` leads to begins and ends: its key, if it has one."""
        start, end = self.marks.span(path)
        return self.lines.position(start), self.lines.position(end)

    def edits(self, change: Change) -> list[Edit]:
        """Those of the text that make ``change``."""
        match change:
            case Replace(path, value):
                return [self._replacement(path, self._written(value))]
            case Rename(path, name):
                return [self._put(self.marks.keys[path], self._name(name))]
            case Remove(path):
                return [self._removal(path)]
            case Insert(path, name, value):
                return [self._insertion(path, name, value)]
            case Swap(one, other):
                first, second = self.marks.values[one], self.marks.values[other]
                return [self._put(first, self._at(second)), self._put(second, self._at(first))]

    @staticmethod
    def _put(span: Span, text: str) -> Edit:
        return Edit(span.start, span.end, text)

    def _replacement(self, path: Path, text: str) -> Edit:
        """A block of YAML below its key comes up to the line of the key."""
        span, key = self.marks.values[path], self.marks.keys.get(path)
        if key is None or self.lines.position(key.start).line == self.lines.position(span.start).line:
            return self._put(span, text)
        return Edit(key.end, max(key.end, span.end), f": {text}")

    def _at(self, span: Span) -> str:
        return self.text[span.start : span.end]

    def _written(self, value: Any) -> str:
        """JSON, which is YAML too; short texts as people write them there."""
        if self.form == "yaml" and isinstance(value, str):
            return self._name(value)
        return json.dumps(value, ensure_ascii=False)

    def _name(self, name: str) -> str:
        bare = self.form == "yaml" and _BARE.fullmatch(name) and name.lower() not in _NO_TEXTS
        return name if bare else json.dumps(name, ensure_ascii=False)

    def _whole(self, path: Path) -> Span:
        """A member with its key, or an item."""
        value = self.marks.values[path]
        key = self.marks.keys.get(path)
        return value if key is None else Span(key.start, max(key.end, value.end))

    def _siblings(self, parent: Path) -> list[Path]:
        """The members or items of an object or array, in the order of the text."""
        length = len(parent) + 1
        found = [path for path in self.marks.values if len(path) == length and path[:-1] == parent]
        return sorted(found, key=lambda path: self._whole(path).start)

    def _removal(self, path: Path) -> Edit:
        siblings = self._siblings(path[:-1])
        index = siblings.index(path)
        span = self._whole(path)
        if index > 0:
            return Edit(self._whole(siblings[index - 1]).end, span.end, "")
        if len(siblings) > 1:
            return Edit(span.start, self._whole(siblings[1]).start, "")
        empty = "{}" if path in self.marks.keys else "[]"
        return self._replacement(path[:-1], empty)

    def _insertion(self, path: Path, name: str, value: Any) -> Edit:
        siblings = self._siblings(path)
        if not siblings:
            return self._replacement(path, json.dumps({name: value}, ensure_ascii=False))
        first, last = self._whole(siblings[0]), self._whole(siblings[-1])
        margin = " " * (self.lines.position(first.start).column - 1)
        if path not in self.marks.flow:
            return Edit(last.end, last.end, f"\n{margin}{self._name(name)}: {self._written(value)}")
        opening = self.lines.position(self.marks.values[path].start).line
        lines = self.lines.position(first.start).line != opening
        text = json.dumps({name: value}, ensure_ascii=False)[1:-1]
        return Edit(last.end, last.end, f",\n{margin}{text}" if lines else f", {text}")


def edited(text: str, edits: list[Edit]) -> str:
    """``text`` with all edits made; they must not overlap."""
    return "".join(_pieces(text, sorted(edits)))


def _pieces(text: str, edits: list[Edit]) -> Iterator[str]:
    at = 0
    for edit in edits:
        yield text[at : edit.start]
        yield edit.text
        at = edit.end
    yield text[at:]
