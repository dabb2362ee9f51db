"""Lint: what is wrong with pipelines and connections, or will be, told before anything runs.

A rule is a function in a file of ``rules/`` that is registered under its id::

    @rule("hop-gap", "warning", "Documents between hops are in no window")
    def hop_gap(pipeline: Pipeline) -> Hits:
        \"\"\"Why it matters, and what to do about it: this is the page of the rule.\"\"\"
        ...yield Hit(path, "…", fix("…", Remove(path)))

What it looks at, its first parameter tells: a ``Pipeline``, a ``Definition`` of a connection, or a whole
``Content`` of a file. It yields places with what is wrong there. A fix is given only where it is safe.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple

from brookmill.lint.changes import Fix
from brookmill.lint.marks import Path, Position
from brookmill.registry import Registry

#: error: it does not run, or not as meant. warning: it loses, repeats or withholds documents. info: worth
#: knowing.
Severity = Literal["error", "warning", "info"]
SEVERITIES: Final[tuple[Severity, ...]] = ("error", "warning", "info")


class Hit(NamedTuple):
    """``path``: from what the rule looks at. ``message``: what is wrong with this very place."""

    path: Path
    message: str
    fix: Fix | None = None


Hits = Iterator[Hit]


@dataclass(frozen=True)
class Rule:
    """``sees``: name of the class that ``check`` takes. ``text``: why it matters and what to do.
    ``chapter``: name of the file that it stands in.
    """

    id: str
    severity: Severity
    title: str
    text: str
    chapter: str
    sees: str
    check: Callable[[Any], Hits]


@dataclass(frozen=True)
class Finding:
    """``path``: from the root of the file. ``fix``: with paths of the same kind."""

    rule: Rule
    file: str
    path: Path
    start: Position
    end: Position
    message: str
    fix: Fix | None = None


#: Rules by id.
RULES: Registry[Rule] = Registry("lint rule", f"{__name__}.rules")


def rule(id: str, severity: Severity, title: str) -> Callable[[Callable[[Any], Hits]], Callable[[Any], Hits]]:
    """Register a function as the rule ``id``; its docstring is the rule's text."""

    def claim(check: Callable[[Any], Hits]) -> Callable[[Any], Hits]:
        sees = str(next(iter(inspect.signature(check).parameters.values())).annotation)
        chapter = check.__module__.rpartition(".")[2]
        RULES(id)(Rule(id, severity, title, inspect.getdoc(check) or "", chapter, sees, check))
        return check

    return claim
