"""The difference that an update makes, as the server's log holds it, and as change streams describe it.

An object's delta has ``d`` (deleted fields), ``u`` (updated), ``i`` (inserted) and ``s<field>`` (deltas of
members); that of an array has ``a: true``, ``l`` (new length), ``u<position>`` and ``s<position>``.
"""

from __future__ import annotations

from typing import Final

import bson

from brookmill.mql.values import MISSING, Document, Value
from brookmill.testing.mongod.update.path import Touched, lookup, place, same
from brookmill.wire.message import CODEC

#: Bytes of an entry's frame: a delta that is not smaller than the document with it is no use.
_FRAME: Final = 15


def delta(old: Document, new: Document) -> Document:
    """What makes ``new`` of ``old``."""
    deleted: Document = {}
    updated: Document = {}
    inserted: Document = {}
    inner: Document = {}
    kept = _in_order(old, new)
    for name in old:
        if name not in kept:
            deleted[name] = False
    for name, value in new.items():
        if name not in kept:
            inserted[name] = value
        elif not same(old[name], value):
            part = _part(old[name], value)
            if part is None:
                updated[name] = value
            else:
                inner[f"s{name}"] = part
    parts = {"d": deleted, "u": updated, "i": inserted}
    return {**{name: part for name, part in parts.items() if part}, **inner}


def _in_order(old: Document, new: Document) -> set[str]:
    """The fields that stay where they are; those that moved are deleted and inserted at the end."""
    kept: set[str] = set()
    waiting = [name for name in old if name in new]
    at = 0
    for name in new:
        if at < len(waiting) and waiting[at] == name:
            kept.add(name)
            at += 1
        elif name in old:
            # The server walks both documents side by side: once they part, all that follows is new.
            break
        elif at < len(waiting):
            break
    return kept


def _part(old: Value, new: Value) -> Document | None:
    """The delta of a member; None when the whole value is as short."""
    if isinstance(old, dict) and isinstance(new, dict):
        part = delta(old, new)
    elif isinstance(old, list) and isinstance(new, list):
        part = _of_arrays(old, new)
    else:
        return None
    return part if _size(part) < _size({"": new}) else None


def _of_arrays(old: list[Value], new: list[Value]) -> Document:
    found: Document = {"a": True}
    if len(new) < len(old):
        found["l"] = len(new)
    for position, value in enumerate(new):
        before = old[position] if position < len(old) else MISSING
        if not same(before, value):
            part = _part(before, value)
            found[f"u{position}" if part is None else f"s{position}"] = value if part is None else part
    return found


def _size(document: Document) -> int:
    return len(bson.encode(document, codec_options=CODEC))


def traced(old: Document, new: Document, touched: list[Touched]) -> Document:
    """The delta of an update by operators, which tell themselves where they changed something."""
    root: Document = {}
    for path, gone in touched:
        # What had to be made on the way is one new value, however many paths lead into it.
        names = path if gone else place(old, path)
        node, value = root, old
        for name in names[:-1]:
            if isinstance(value, list):
                node["a"] = True
            node = node.setdefault(f"s{name}", {})
            value = lookup(value, (name,))
        _trace(node, value, names[-1], MISSING if gone else lookup(new, names))
    return root


def _trace(node: Document, value: Value, name: str, new: Value) -> None:
    """Put down that a member of ``value`` is ``new`` now."""
    if isinstance(value, list):
        node |= {"a": True, f"u{name}": None if new is MISSING else new}
    elif new is MISSING:
        node.setdefault("d", {})[name] = False
    else:
        node.setdefault("i" if lookup(value, (name,)) is MISSING else "u", {})[name] = new


def logged_whole(found: Document, new: Document) -> bool:
    """Whether the server would log the whole document instead of a delta, for that is shorter."""
    return _size(found) + _FRAME > _size(new)


def described(found: Document) -> Document:
    """``updateDescription`` of a delta."""
    updated: Document = {}
    removed: list[str] = []
    truncated: list[Document] = []
    _describe(found, "", updated, removed, truncated)
    return {"updatedFields": updated, "removedFields": removed, "truncatedArrays": truncated}


def _describe(
    found: Document, prefix: str, updated: Document, removed: list[str], truncated: list[Document]
) -> None:
    if found.get("a") is True:
        if "l" in found:
            truncated.append({"field": prefix.removesuffix("."), "newSize": found["l"]})
    else:
        removed += [f"{prefix}{name}" for name in found.get("d", {})]
        changed = {**found.get("u", {}), **found.get("i", {})}
        updated |= {f"{prefix}{name}": value for name, value in changed.items()}
    for name, part in found.items():
        if name[0] == "s":
            _describe(part, f"{prefix}{name[1:]}.", updated, removed, truncated)
        elif name[0] == "u" and len(name) > 1:
            updated[f"{prefix}{name[1:]}"] = part
