"""JSON for people, in the spacing of upstream's own printer: ``"key" : value``, two blanks a level."""

from __future__ import annotations

import re

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}:,]|[^\[\]{}:,"\s]+')


def pretty(compact: bytes) -> bytes:
    """The same JSON text, spaced; numbers and strings stay as they are spelled.

    Arrays stay on their line (``[ 1, 2 ]``), objects put each member on its own and only they indent;
    empty ones are ``[ ]`` and ``{ }``.
    """
    out: list[str] = []
    open_brackets: list[str] = []
    previous = ""
    for token in _TOKEN.findall(compact.decode()):
        out.append(_space(previous, token, open_brackets))
        out.append(token)
        if token in ("{", "["):
            open_brackets.append(token)
        elif token in ("}", "]"):
            open_brackets.pop()
        previous = token
    return "".join(out).encode()


def _space(previous: str, piece: str, open_brackets: list[str]) -> str:
    """What stands between two tokens."""
    if piece == "}":
        return " " if previous == "{" else "\n" + "  " * (open_brackets.count("{") - 1)
    if piece == ",":
        return ""
    if open_brackets and open_brackets[-1] == "{" and previous in ("{", ","):
        return "\n" + "  " * open_brackets.count("{")
    return " " if previous else ""
