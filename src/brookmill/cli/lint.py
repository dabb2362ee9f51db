"""``brookmill lint``: what is wrong with files of pipelines and connections, before anything runs."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
from cyclopts import Parameter

from brookmill.cli import Refused, Unusable, show

if TYPE_CHECKING:
    from brookmill.lint import Finding
    from brookmill.lint.source_text import SourceText

#: Endings of the files that are looked for in directories.
_ENDINGS = {".json", ".ejson", ".yaml", ".yml"}
_COLOURS = {"error": 31, "warning": 33, "info": 36}

Output = Annotated[
    Literal["text", "json", "sarif"], Parameter(name=["--output", "-o"], help="How to answer.")
]


def lint(
    *files: Path,
    fix: bool = False,
    ignore: tuple[str, ...] = (),
    level: Literal["error", "warning", "info"] = "info",
    output: Output = "text",
) -> None:
    """Look for mistakes in FILES: pipelines, processors, connections and flow files, in JSON or YAML.

    Exit status: 0 nothing worse than an info, 1 an error or a warning, 2 wrong usage.

    Parameters
    ----------
    files
        Files, or directories: of these all JSON and YAML files. Default: the working directory.
    fix
        Write those fixes into the files that are safe.
    ignore
        Id of a rule to leave out; may be given several times.
    level
        The least that is shown and mended.
    """
    from brookmill.lint import RULES, SEVERITIES
    from brookmill.lint.inspection import inspected
    from brookmill.lint.repair import repaired

    for id in ignore:
        if id not in RULES:
            raise Unusable(f"there is no rule {id}")
    shown = SEVERITIES[: SEVERITIES.index(level) + 1]
    ignored = {*ignore, *(rule.id for rule in RULES.values() if rule.severity not in shown)}
    sources = [_read(path) for path in _found(files)]
    mended: Sequence[Finding] = ()
    if fix:
        now, mended, left = repaired(sources, ignored=ignored)
        _write(sources, now)
        sources = now
    else:
        left = inspected(sources, ignored=ignored)
    _tell(left, mended, sources, output)
    bad = sum(one.rule.severity != "info" for one in left)
    if bad:
        raise Refused(f"{bad} to mend in {len({one.file for one in left})} of {len(sources)} files")


def _found(files: Sequence[Path]) -> list[Path]:
    """The files themselves, and those of directories. Raises Unusable."""
    found: list[Path] = []
    for path in files or (Path(),):
        if path.is_dir():
            inside = (file for file in path.rglob("*") if file.suffix in _ENDINGS and file.is_file())
            found += sorted(file for file in inside if not _is_hidden(file.relative_to(path)))
        else:
            found.append(path)
    if not found:
        raise Unusable("there are no JSON or YAML files here")
    return list(dict.fromkeys(found))


def _is_hidden(path: Path) -> bool:
    return any(part[0] == "." for part in path.parts)


def _read(path: Path) -> SourceText:
    """Raises Unusable."""
    from brookmill.lint.source_text import SourceText

    try:
        return SourceText.read(str(path), path.read_bytes().decode("utf-8-sig"))
    except (OSError, UnicodeDecodeError) as e:
        raise Unusable(f"{path}: {getattr(e, 'strerror', None) or e}") from e


def _write(before: Sequence[SourceText], after: Sequence[SourceText]) -> None:
    for old, new in zip(before, after, strict=True):
        if new.text != old.text:
            Path(new.name).write_bytes(new.text.encode())


def _tell(
    left: Sequence[Finding], mended: Sequence[Finding], sources: Sequence[SourceText], output: str
) -> None:
    if output == "text":
        for one in mended:
            label = one.fix.label if one.fix else ""
            print(show.printable(f"{_place(one)}: fixed {one.rule.id}: {label}"))
        for one in left:
            _show(one)
        return
    if output == "sarif":
        from brookmill import __version__
        from brookmill.lint.sarif import sarif

        answer: object = sarif(left, sources, __version__)
    else:
        answer = [_row(one) for one in left]
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(answer), indent=2).decode() + "\n")


def _place(one: Finding) -> str:
    return f"{one.file}:{one.start.line}:{one.start.column}"


def _show(one: Finding) -> None:
    severity = show.painted(one.rule.severity, _COLOURS[one.rule.severity])
    print(f"{show.printable(_place(one))}: {severity} {one.rule.id}: {show.printable(one.message)}")
    where = ".".join(map(str, one.path))
    fix = f"; --fix can {one.fix.label}" if one.fix else ""
    print(show.printable(f"  {one.rule.title} ({where or 'the whole file'}){fix}"))


def _row(one: Finding) -> dict[str, object]:
    return {
        "rule": one.rule.id,
        "severity": one.rule.severity,
        "file": one.file,
        "line": one.start.line,
        "column": one.start.column,
        "endLine": one.end.line,
        "endColumn": one.end.column,
        "path": list(one.path),
        "message": one.message,
        "title": one.rule.title,
        "explanation": " ".join(one.rule.text.split()),
        "fix": None if one.fix is None else one.fix.label,
    }
