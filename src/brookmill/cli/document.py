"""What a command is told in a file or on standard input: one value, in JSON or YAML."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from brookmill.cli import Unusable

#: Endings that tell what is in a file.
_ENDINGS = {".json", ".ejson", ".yaml", ".yml"}

#: The flag of commands that send a body.
File = Annotated[
    Path,
    Parameter(name=["--file", "-f"], help='JSON or YAML; "-" is standard input.', allow_leading_hyphen=True),
]


def document(file: Path) -> dict[str, Any]:
    """The object that ``file`` holds. Raises Unusable with line and column."""
    return document_of(value(file), file)


def document_of(found: Any, file: Path) -> dict[str, Any]:
    """``found``, if it is an object. Raises Unusable."""
    if not isinstance(found, dict):
        raise Unusable(f"{file}: an object is expected, not {_kind(found)}")
    return found


def value(file: Path) -> Any:
    """The value that ``file`` holds, in the types of JSON. Raises Unusable."""
    from brookmill.lint.source_text import SourceText

    told, name = text(file), "standard input" if str(file) == "-" else str(file)
    source = SourceText.read(name, told)
    if source.trouble is not None and file.suffix not in _ENDINGS:
        source = SourceText.read(f"{name}.json", told)  # with tabs, which are no YAML
    if source.trouble is not None:
        at = source.lines.position(source.trouble.at)
        raise Unusable(f"{name}:{at.line}:{at.column}: {source.trouble}")
    return source.value


def text(file: Path) -> str:
    """What ``file`` holds. Raises Unusable."""
    try:
        if str(file) == "-":
            return sys.stdin.read()
        return file.read_bytes().decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as e:
        raise Unusable(f"{file}: {getattr(e, 'strerror', None) or e}") from e


def _kind(value: Any) -> str:
    return {list: "an array", str: "a text", type(None): "nothing"}.get(type(value), "a plain value")
