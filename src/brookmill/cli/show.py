"""How commands answer: a table for people, JSON for programs; bold on a terminal, unless NO_COLOR is set."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping, Sequence
from typing import Literal, TextIO

import msgspec

_NAME = re.compile(r'"(?:[^"\\]|\\.)*"(?=:)')


def rows(rows: Sequence[Mapping[str, object]], output: Literal["table", "json"]) -> None:
    """Rows of one shape: JSON shows the values as they are, the table joins lists by commas."""
    if output == "json":
        print(msgspec.json.format(msgspec.json.encode(rows), indent=2).decode())
    elif rows:
        lines = [list(rows[0]), *([_cell(value) for value in row.values()] for row in rows)]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        for number, line in enumerate(lines):
            text = "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
            print(bold(text) if number == 0 else text)


def bold(text: str) -> str:
    return painted(text, 1)


def coloured(json: str) -> str:
    """One line of JSON with its names in another colour, on a terminal."""
    return _NAME.sub(lambda name: painted(name[0], 36), json) if _has_colours(sys.stdout) else json


def painted(text: str, *codes: int, to: TextIO | None = None) -> str:
    """``text`` with the attributes of an ANSI terminal, if it goes to one. ``to`` None: standard output."""
    colours = _has_colours(sys.stdout if to is None else to)
    return f"\033[{';'.join(map(str, codes))}m{text}\033[0m" if colours else text


def _has_colours(to: TextIO) -> bool:
    return to.isatty() and not os.environ.get("NO_COLOR")


def _cell(value: object) -> str:
    if isinstance(value, list | tuple):
        return ",".join(map(_cell, value)) or "-"
    return "-" if value is None else str(value)
