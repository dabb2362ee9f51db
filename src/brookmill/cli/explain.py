"""``brookmill explain``: what becomes of a pipeline that a file holds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from brookmill.cli import Refused, Unusable, show
from brookmill.cli.flags import Output


def explain(file: Path, *, code: bool = False, output: Output = "table") -> None:
    """Show how the pipelines of FILE are planned: their parts, the fields they read, the generated code.

    Parameters
    ----------
    file
        A pipeline, processor or flow file, in JSON or YAML.
    code
        Show the generated Python too.
    """
    from brookmill.lint.content import content, pipeline
    from brookmill.lint.source_text import SourceText

    try:
        source = SourceText.read(str(file), file.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as e:
        raise Unusable(f"{file}: {getattr(e, 'strerror', None) or e}") from e
    held = content(source)
    if not held.pipelines:
        raise Unusable(f"{file}: {source.trouble or 'there is no pipeline in it'}")
    definitions = {one.name: one for _, one in held.definitions}
    shown = [
        _explained(pipeline(one, test=held.test, definitions=definitions), ".".join(map(str, one.path)), code)
        for one in held.pipelines
    ]
    if output != "table":
        show.value(shown, output)
    else:
        for one in shown:
            tell(one)


def _explained(written: Any, path: str, code: bool) -> dict[str, Any]:
    from brookmill.mql.ejson import resolve
    from brookmill.mql.errors import PlanError
    from brookmill.mql.values import rounded
    from brookmill.plan import plan
    from brookmill.plan.description import described

    try:
        made = plan(rounded(resolve(written.stages)), written.connections, sinkless=True)
    except (PlanError, ValueError, TypeError, ArithmeticError) as e:
        raise Refused(f"{path}: {e}" if path else str(e)) from e
    return {"pipeline": path, **described(made)} | ({"code": made.code} if code else {})


def tell(one: dict[str, Any]) -> None:
    """A described plan; ``pipeline`` is its title, ``code`` may be there."""
    if one["pipeline"]:
        print(show.bold(one["pipeline"]))
    print(f"{one['source']}  reads {_fields(one['reads'])}")
    for link in one["links"]:
        print("  " + " → ".join(_parts(link) or ["nothing in between"]))
    print(one["sink"] or "no sink")
    if one["connections"]:
        print(f"connections: {', '.join(one['connections'])}")
    if "code" in one:
        print(f"\n{one['code']}", end="")


def _fields(reads: list[str] | None) -> str:
    return "whole documents" if reads is None else ", ".join(reads) or "no field"


def _parts(link: dict[str, Any]) -> list[str]:
    """The operators of a link, those of a window in brackets."""
    parts = list(link["operators"])
    if "window" in link:
        inner = [*link["inside"], *([link["collects"]] if "collects" in link else [])]
        parts.append(f"{link['window']} [{' → '.join(inner) or 'documents wait'}]")
    elif "collects" in link:
        parts.append(f"{link['collects']} (of the window)")
    return [*parts, *([f"{link['asks']} (asks)"] if "asks" in link else [])]
