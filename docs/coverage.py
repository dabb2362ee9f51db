"""Write ``docs/coverage.md``: what upstream knows, next to what the registries hold. ``make docs``.

done: as upstream documents it. guess: done, where upstream does not tell what it does. differs: done, but not
as upstream does it: a paragraph of the docstring begins with "Differs:". known: upstream has it, we do not.
own: the other way round.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from brookmill import upstream
from brookmill.connections import CONNECTIONS
from brookmill.mql.accumulator import ACCUMULATORS
from brookmill.mql.expression import EXPRESSIONS
from brookmill.mql.filter import DOCUMENT_PREDICATES, PREDICATES, Filter
from brookmill.operations import OPERATIONS
from brookmill.stages import STAGES

PAGE = Path(__file__).with_name("coverage.md")
ORDER = ("done", "guess", "differs", "known", "own")

HEAD = """\
# Coverage

Written by `make docs` from the registries and the names in `upstream.py`; a test keeps it fresh.

**done**: as upstream documents it · **guess**: done, where upstream does not tell what it does · **differs**:
done, on purpose not like upstream · **known**: upstream has it, Brookmill does not yet and refuses it ·
**own**: upstream has nothing like it.
"""


@dataclass(frozen=True)
class Row:
    """``also``: what else the table tells about the member, by column."""

    name: str
    status: str
    note: str = ""
    also: tuple[str, ...] = ()


def rows(known: Iterable[str], members: Mapping[str, object]) -> list[Row]:
    """One row a name, done or known, in alphabetical order."""
    return [
        _row(name, members[name]) if name in members else Row(name, "known")
        for name in sorted({*known, *members}, key=str.lower)
    ]


def _row(name: str, member: object) -> Row:
    text = inspect.getdoc(getattr(member, "function", member)) or ""
    if differs := re.search(r"(?ms)^Differs: (.*?)(?:\n\n|\Z)", text):
        return Row(name, "differs", " ".join(differs[1].split()))
    note = getattr(member, "note", "")
    return Row(name, "guess" if note else "done", note)


def operations() -> list[Row]:
    """Upstream's."""
    return [
        Row(row.name, row.status, row.note, (_route(row.name),))
        for row in rows(upstream.OPERATIONS, OPERATIONS)
        if row.name in upstream.OPERATIONS
    ]


def own_operations() -> list[Row]:
    """What Brookmill adds: nothing here counts as upstream's."""
    return [
        Row(name, "own", (inspect.getdoc(OPERATIONS[name].function) or "").split("\n")[0], (_route(name),))
        for name in sorted(OPERATIONS.keys() - upstream.OPERATIONS)
    ]


def _route(name: str) -> str:
    operation = OPERATIONS.get(name)
    return f"`{operation.method} {operation.route}`" if operation else ""


def connection_types() -> list[Row]:
    return [
        Row(row.name, row.status, row.note, _opened(row.name))
        for row in rows(upstream.CONNECTION_TYPES, CONNECTIONS)
    ]


def _opened(name: str) -> tuple[str, str, str]:
    """As what the runtime can open a connection of this type."""
    kind = CONNECTIONS.get(name)
    written, asked = (", ".join(getattr(kind, way, ())) for way in ("sink_options", "asker_options"))
    return ("yes" if hasattr(kind, "open_source") else "", written, asked)


def query_operators() -> list[Row]:
    """Those that join tests instead of testing a value belong to the filter itself."""
    joining = dict.fromkeys(("$and", "$comment", "$expr", "$nor", "$not", "$or"), Filter)
    return rows(upstream.QUERY_OPERATORS, {**PREDICATES, **DOCUMENT_PREDICATES, **joining})


#: Title, further columns, and what to show.
TABLES: list[tuple[str, tuple[str, ...], Callable[[], list[Row]]]] = [
    ("Admin API operations", ("route below `/api/atlas/v2`",), operations),
    ("Operations of our own", ("route below `/api/atlas/v2`",), own_operations),
    ("Connection types", ("read by `$source`", "written by", "asked by"), connection_types),
    ("Stages", (), lambda: rows(upstream.STAGES, STAGES)),
    ("Expression operators", (), lambda: rows(upstream.EXPRESSIONS, EXPRESSIONS)),
    ("Accumulators", (), lambda: rows(upstream.ACCUMULATORS, ACCUMULATORS)),
    ("Query operators", (), query_operators),
]


def page() -> str:
    """The whole page."""
    tables = [(title, columns, make()) for title, columns, make in TABLES]
    parts = [HEAD, "| | " + " | ".join(ORDER) + " |", "|---" * (len(ORDER) + 1) + "|"]
    for title, _, table in tables:
        counts = [str(sum(row.status == status for row in table)) for status in ORDER]
        parts.append(f"| [{title}](#{title.lower().replace(' ', '-')}) | {' | '.join(counts)} |")
    for title, columns, table in tables:
        parts += [f"\n## {title}\n", *(_table(table, columns) if columns or _noted(table) else _lists(table))]
    return "\n".join(parts) + "\n"


def _noted(table: list[Row]) -> bool:
    return any(row.note for row in table)


def _table(table: list[Row], columns: tuple[str, ...]) -> Iterable[str]:
    yield f"| name | status | {' | '.join([*columns, 'note'])} |"
    yield "|---" * (3 + len(columns)) + "|"
    for row in table:
        cells = [f"`{row.name}`", row.status, *row.also, row.note]
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _lists(table: list[Row]) -> Iterable[str]:
    """For long families without notes: names by status."""
    for status in ORDER:
        if names := [f"`{row.name}`" for row in table if row.status == status]:
            yield f"**{status}** ({len(names)}): {' '.join(names)}\n"


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
