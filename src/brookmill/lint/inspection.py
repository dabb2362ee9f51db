"""All rules over some files, which are looked at together."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from typing import Any

from brookmill.lint import RULES, Finding, Hit, Rule
from brookmill.lint.changes import under
from brookmill.lint.content import Content, Definition, Written, content, pipeline
from brookmill.lint.marks import Path
from brookmill.lint.source_text import SourceText

#: The rule of the planner's own errors, which others may have told in better words.
PLAN_ERROR = "plan-error"
UNREADABLE = "unreadable"


def inspected(sources: Sequence[SourceText], *, ignored: Container[str] = ()) -> list[Finding]:
    """Every finding, by file and place. Connections defined in one file are known in all but flow files,
    which know their own. ``ignored``: ids of rules that are left out.
    """
    contents = [content(source) for source in sources]
    shared = {one.name: one for held in contents if not held.test for _, one in held.definitions}
    rules = [rule for rule in RULES.values() if rule.id not in ignored]
    found = [
        _finding(held.source, rule, path, hit)
        for held in contents
        for path, subject in _subjects(held, shared, contents)
        for rule in rules
        if rule.sees == type(subject).__name__
        if held.source.trouble is None or rule.id == UNREADABLE
        for hit in rule.check(subject)
    ]
    told = [one for one in found if not (one.rule.id == PLAN_ERROR and _is_told(one, found))]
    order = {source.name: number for number, source in enumerate(sources)}
    return sorted(told, key=lambda one: (order[one.file], one.start, one.rule.id))


def _subjects(
    held: Content, shared: Mapping[str, Definition], contents: Sequence[Content]
) -> Iterator[tuple[Path, Any]]:
    """What rules look at, with the path to it."""
    yield (), held
    used = frozenset(name for every in contents for one in every.pipelines for name in one.uses)
    known = {one.name: one for _, one in held.definitions} if held.test else shared
    for written in held.pipelines:
        yield written.path, pipeline(written, test=held.test, definitions=_near(known, held, written))
    for path, definition in held.definitions:
        yield path, definition.among(used)


def _near(known: Mapping[str, Definition], held: Content, written: Written) -> Mapping[str, Definition]:
    """Of a flow file the connections of the case, and those of all cases."""
    if not held.test:
        return known
    case = written.path[:-1]
    return {
        one.name: one for path, one in held.definitions if path[:-2] == case or path[:1] == ("connections",)
    }


def _finding(source: SourceText, rule: Rule, path: Path, hit: Hit) -> Finding:
    whole = (*path, *hit.path)
    start, end = source.place(whole)
    fix = None if hit.fix is None else under(hit.fix, path)
    return Finding(rule, source.name, whole, start, end, hit.message, fix)


def _is_told(error: Finding, found: Sequence[Finding]) -> bool:
    """Whether another error is at the same place, or around it or within it in the same stage."""
    return any(
        one.rule.severity == "error"
        and one.rule.id != PLAN_ERROR
        and one.file == error.file
        and _is_near(one.path, error.path)
        for one in found
    )


def _is_near(one: Path, other: Path) -> bool:
    shared = min(one, other, key=len)
    in_stage = any(isinstance(part, str) and part[:1] == "$" for part in shared)
    return one == other or (in_stage and one[: len(shared)] == other[: len(shared)])
