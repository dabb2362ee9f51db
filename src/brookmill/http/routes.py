"""Which operations a path stands for: a trie over raw path segments, as they were before percent-decoding.

Literal segments win over parameters. ``:verb`` belongs to the last segment: in ``/processor/p:start`` the
name is ``p``, while a client that means a name with a colon writes ``%3A``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote_to_bytes

from brookmill.errors import UserError
from brookmill.operations import Operation

PREFIX = "/api/atlas/v2"


@dataclass(slots=True)
class Node:
    """A place in the trie: what may follow, and the operations of the path that ends here, by method."""

    literals: dict[str, Node] = field(default_factory=dict)
    verbs: dict[str, Node] = field(default_factory=dict)
    parameter: Node | None = None
    operations: dict[str, Operation] = field(default_factory=dict)

    def grow(self, segment: str) -> Node:
        """The node behind a segment of a route, made if need be."""
        if not segment.startswith("{"):
            return self.literals.setdefault(segment, Node())
        _, _, verb = segment.partition("}:")
        if verb:
            return self.verbs.setdefault(verb, Node())
        self.parameter = self.parameter or Node()
        return self.parameter

    def follow(self, segment: str) -> Iterator[tuple[Node, tuple[str, ...]]]:
        """The nodes behind a segment of a path, best first, with the parameter value that leads to each."""
        if segment in self.literals:
            yield self.literals[segment], ()
        name, _, verb = segment.rpartition(":")
        if name and verb in self.verbs:
            yield self.verbs[verb], (name,)
        if segment and self.parameter:
            yield self.parameter, (segment,)


@dataclass(frozen=True, slots=True)
class Found:
    """The operations of a path by method, and the undecoded values of its parameters in their order."""

    operations: Mapping[str, Operation]
    values: tuple[str, ...]

    def path(self, operation: Operation) -> dict[str, str]:
        """Parameter values by name, percent-decoded; raises INVALID_PATH_PARAMETER for what is not UTF-8."""
        return {name: _decoded(name, raw) for name, raw in zip(operation.arguments, self.values, strict=True)}


def _decoded(name: str, raw: str) -> str:
    if "%" not in raw:
        return raw
    try:
        return unquote_to_bytes(raw).decode()
    except UnicodeDecodeError:
        raise UserError("INVALID_PATH_PARAMETER", name) from None


class Routes:
    """All paths of the Admin API."""

    def __init__(self, operations: Iterable[Operation]) -> None:
        self._root = Node()
        for operation in operations:
            node = self._root
            for segment in _segments(operation.route):
                node = node.grow(segment)
            node.operations[operation.method] = operation

    def find(self, path: str) -> Found | None:
        """What a raw path below ``PREFIX`` stands for, None when there is no such resource."""
        return _descend(self._root, _segments(path), ())


def _segments(path: str) -> list[str]:
    return path.strip("/").split("/") if path in ("", "/") else path.removeprefix("/").split("/")


def _descend(node: Node, segments: list[str], values: tuple[str, ...]) -> Found | None:
    """The depth is bounded by the longest route, whatever the path."""
    if not segments:
        return Found(node.operations, values) if node.operations else None
    for child, value in node.follow(segments[0]):
        if found := _descend(child, segments[1:], values + value):
            return found
    return None
