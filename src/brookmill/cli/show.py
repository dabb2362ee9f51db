"""How commands answer: tables for people, bold on a terminal unless NO_COLOR is set; JSON and YAML else."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, Literal, TextIO

Form = Literal["table", "json", "yaml"]

_NAME = re.compile(r'"(?:[^"\\]|\\.)*"(?=:)')
#: Between two columns.
_GAP: Final = "  "
#: A column of a terminal becomes no narrower.
_NARROWEST: Final = 12


def rows(rows: Sequence[Mapping[str, object]], output: Form, *, empty: str = "") -> None:
    """Rows of one shape: JSON and YAML show the values as they are, the table joins lists by commas.

    ``empty``: what people on a terminal are told where there is no row.
    """
    if output != "table":
        value(rows, output)
    elif rows:
        _table([list(rows[0]), *([_cell(value) for value in row.values()] for row in rows)])
    elif empty and sys.stdout.isatty():
        print(empty, file=sys.stderr)


def listed(values: Sequence[Any], columns: Mapping[str, str], output: Form, *, empty: str = "") -> None:
    """Objects, whole or as a table of ``columns``: title by dotted path."""
    if output != "table":
        value(values, output)
    else:
        shown = [{title: _at(one, path) for title, path in columns.items()} for one in values]
        rows(shown, output, empty=empty)


def one(value_: Any, output: Form) -> None:
    """An object; its table has a line for each member, those of members by dotted path."""
    if output != "table":
        value(value_, output)
    else:
        pairs = list(_leaves(value_, ""))
        width = max((len(path) for path, _ in pairs), default=0)
        for path, text in pairs:
            print(f"{bold(path.ljust(width))}{_GAP}{text}")


def value(value: Any, output: Literal["json", "yaml"]) -> None:
    """Anything of JSON's types."""
    if output == "json":
        import msgspec

        print(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())
    else:
        from brookmill.yaml_text import yaml_text

        print(yaml_text(value), end="")


def line(value_: Any, output: Literal["json", "yaml"]) -> None:
    """One of many values: a line of JSON, or a YAML document."""
    if output == "json":
        print(_json(value_))
    else:
        print("---")
        value(value_, output)


def printable(text: str) -> str:
    """``text`` without what a terminal would obey."""
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text)


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


def _table(lines: list[list[str]]) -> None:
    """The first line has the titles."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    if sys.stdout.isatty():
        widths = _fitting(widths, shutil.get_terminal_size().columns)
    for number, line in enumerate(lines):
        cells = (_cut(cell, width).ljust(width) for cell, width in zip(line, widths, strict=True))
        text = _GAP.join(cells).rstrip()
        print(bold(text) if number == 0 else text)


def _fitting(widths: list[int], room: int) -> list[int]:
    """The widest columns give way until all fit, or none can."""
    widths = list(widths)
    while sum(widths) + len(_GAP) * (len(widths) - 1) > room and max(widths) > _NARROWEST:
        widths[widths.index(max(widths))] -= 1
    return widths


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"


def _at(value: Any, path: str) -> Any:
    """What stands at a dotted path; None if nothing does."""
    for part in path.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def _leaves(value: Any, path: str) -> Iterator[tuple[str, str]]:
    """Texts by dotted path; what lists hold is JSON when it is no plain value."""
    if isinstance(value, Mapping) and value:
        for name, member in value.items():
            yield from _leaves(member, f"{path}.{name}" if path else str(name))
    elif isinstance(value, list) and any(isinstance(item, Mapping | list) for item in value):
        for number, item in enumerate(value):
            yield f"{path}[{number}]", _json(item)
    else:
        yield path, _cell(value)


def _cell(value: object) -> str:
    if isinstance(value, list | tuple):
        return ",".join(map(_cell, value)) or "-"
    if isinstance(value, bool | Mapping):
        return _json(value)
    return "-" if value is None else printable(str(value))


def _json(value: object) -> str:
    import msgspec

    return msgspec.json.encode(value).decode()
