"""YAML text with the place of everything in it."""

from __future__ import annotations

import re
from typing import Any

from brookmill.lint.marks import Marks, Path, Span, Unreadable
from brookmill.mql.ejson import MAX_DEPTH
from brookmill.yaml_text import marked_yaml

#: Most values that are looked at; aliases of aliases would be more than anybody wrote.
_MOST = 500_000
_PLACE = re.compile(r"line (\d+), column (\d+)")


def read_yaml(text: str) -> tuple[Any, Marks]:
    """As ``read_json`` for YAML. Raises Unreadable."""
    reader = _Reader(text)
    try:
        return marked_yaml(text, reader.root), reader.marks
    except ValueError as e:
        raise _unreadable(str(e), text) from e


def _unreadable(message: str, text: str) -> Unreadable:
    """``message`` in one line; the last place that it names is where reading stopped."""
    places = _PLACE.findall(message)
    line, column = map(int, places[-1]) if places else (1, 1)
    starts = [0, *(match.end() for match in re.finditer("\n", text))]
    told = [part.strip() for part in message.splitlines() if "<unicode string>" not in part]
    return Unreadable(", ".join(told), min(starts[min(line, len(starts)) - 1] + column - 1, len(text)))


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text
        self.marks = Marks()

    def root(self, node: Any) -> None:
        """Mark everything."""
        self.walk(node, ())

    def walk(self, node: Any, path: Path) -> int:
        """Mark a node and all below. Returns where it ends; what follows a block is no part of it."""
        if len(path) > MAX_DEPTH:
            raise Unreadable(f"nested deeper than {MAX_DEPTH} levels", node.start_mark.index)
        if len(self.marks.values) > _MOST:
            raise Unreadable("too many values", node.start_mark.index)
        start, end = int(node.start_mark.index), int(node.end_mark.index)
        self.marks.values[path] = Span(start, end)
        if node.id == "scalar":
            end = start + len(self.text[start:end].rstrip())
        else:
            inner = self._mapping(node, path) if node.id == "mapping" else self._sequence(node, path)
            if node.flow_style:
                self.marks.flow.add(path)
            else:
                end = max(start, inner)
        self.marks.values[path] = Span(start, end)
        return end

    def _sequence(self, node: Any, path: Path) -> int:
        return max((self.walk(item, (*path, i)) for i, item in enumerate(node.value)), default=0)

    def _mapping(self, node: Any, path: Path) -> int:
        end = 0
        members: dict[str, Any] = {}
        for key, value in node.value:
            if key.tag.endswith(":merge"):
                members[f"<<{key.start_mark.index}"] = (key, value)
                continue
            name = str(key.value)
            span = Span(key.start_mark.index, key.end_mark.index)
            if name in members:
                self.marks.twice.append(((*path, name), span))
            self.marks.keys[*path, name] = span
            members[name] = (key, value)
            end = max(end, span.end, self.walk(value, (*path, name)))
        node.value = list(members.values())
        return end
