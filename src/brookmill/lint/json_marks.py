"""JSON text with the place of everything in it."""

from __future__ import annotations

import json
import re
from json.decoder import scanstring  # type: ignore[attr-defined]
from typing import Any

from brookmill.lint.marks import Marks, Path, Span, Unreadable
from brookmill.mql.ejson import MAX_DEPTH, loads

_BLANK = re.compile(r"[ \t\n\r]*")
_PLAIN = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d+)?|true|false|null")


def read_json(text: str) -> tuple[Any, Marks]:
    """The value of ``text`` and where its parts stand; of keys that come twice the last counts. Raises
    Unreadable.
    """
    reader = _Reader(text)
    value, end = reader.value(reader.blank(0), ())
    if reader.blank(end) < len(text):
        raise Unreadable("there is more after the end of the value", reader.blank(end))
    return value, reader.marks


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text
        self.marks = Marks()

    def blank(self, at: int) -> int:
        """Where the next token begins."""
        match = _BLANK.match(self.text, at)
        return at if match is None else match.end()

    def value(self, at: int, path: Path) -> tuple[Any, int]:
        """The value that begins at ``at``, and where it ends."""
        if len(path) > MAX_DEPTH:
            raise Unreadable(f"nested deeper than {MAX_DEPTH} levels", at)
        opening = self.text[at : at + 1]
        value: Any
        if opening == "{":
            value, end = self._object(at, path)
        elif opening == "[":
            value, end = self._array(at, path)
        elif opening == '"':
            value, end = self._string(at)
        elif match := _PLAIN.match(self.text, at):
            value, end = _scalar(match[0], at), match.end()
        else:
            what = repr(opening) if opening else "the end of the file"
            raise Unreadable(f"a value should begin here, but there is {what}", at)
        self.marks.values[path] = Span(at, end)
        return value, end

    def _string(self, at: int) -> tuple[str, int]:
        try:
            value, end = scanstring(self.text, at + 1, True)
        except json.JSONDecodeError as e:
            raise Unreadable(e.msg, e.pos) from e
        return str(value), int(end)

    def _object(self, at: int, path: Path) -> tuple[dict[str, Any], int]:
        self.marks.flow.add(path)
        members: dict[str, Any] = {}
        at = self.blank(at + 1)
        if self.text[at : at + 1] == "}":
            return members, at + 1
        while True:
            if self.text[at : at + 1] != '"':
                raise Unreadable("the name of a member should stand here, in double quotes", at)
            name, end = self._string(at)
            key = Span(at, end)
            if name in members:
                self.marks.twice.append(((*path, name), key))
                del members[name]
            self.marks.keys[*path, name] = key
            at = self._expect(":", self.blank(end))
            members[name], end = self.value(self.blank(at), (*path, name))
            at = self.blank(end)
            if self.text[at : at + 1] == "}":
                return members, at + 1
            at = self.blank(self._expect(",", at))

    def _array(self, at: int, path: Path) -> tuple[list[Any], int]:
        self.marks.flow.add(path)
        items: list[Any] = []
        at = self.blank(at + 1)
        if self.text[at : at + 1] == "]":
            return items, at + 1
        while True:
            item, end = self.value(at, (*path, len(items)))
            items.append(item)
            at = self.blank(end)
            if self.text[at : at + 1] == "]":
                return items, at + 1
            at = self.blank(self._expect(",", at))

    def _expect(self, token: str, at: int) -> int:
        if self.text[at : at + 1] != token:
            raise Unreadable(f"{token!r} should stand here", at)
        return at + 1


def _scalar(text: str, at: int) -> Any:
    try:
        return loads(text)
    except ValueError as e:
        raise Unreadable(str(e), at) from e
