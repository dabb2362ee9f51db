"""Fixes made in the text: again and again, until none is left."""

from __future__ import annotations

from collections.abc import Container, Sequence
from typing import NamedTuple

from brookmill.lint import Finding
from brookmill.lint.inspection import inspected
from brookmill.lint.source_text import Edit, SourceText, edited

#: Fixes that undo each other would go on for ever.
_ROUNDS = 100


class Repaired(NamedTuple):
    """``sources`` as they are then, ``fixed`` what was found and is not there any more, ``left`` the rest."""

    sources: list[SourceText]
    fixed: list[Finding]
    left: list[Finding]


def edits(source: SourceText, finding: Finding) -> list[Edit]:
    """Those that make the fix of a finding; none if it has none, or if the text would not be one any more."""
    if finding.fix is None:
        return []
    try:
        made = [edit for change in finding.fix.changes for edit in source.edits(change)]
    except KeyError:
        return []  # of what an alias of YAML put there
    after = SourceText.read(source.name, edited(source.text, made))
    return made if after.trouble is None and after.value != source.value else []


def repaired(sources: Sequence[SourceText], *, ignored: Container[str] = ()) -> Repaired:
    """Everything fixed that has a fix."""
    now = list(sources)
    fixed: list[Finding] = []
    for _ in range(_ROUNDS):
        left = inspected(now, ignored=ignored)
        done = [finding for i in range(len(now)) for finding in _mend(now, i, left)]
        if not done:
            break
        fixed += done
    return Repaired(now, fixed, left)


def _mend(sources: list[SourceText], index: int, found: Sequence[Finding]) -> list[Finding]:
    """Make as many fixes in a file as do not get in each other's way."""
    source = sources[index]
    taken: list[Edit] = []
    done = []
    for finding in found:
        made = edits(source, finding) if finding.file == source.name else []
        if made and not any(_touch(one, other) for one in made for other in taken):
            taken += made
            done.append(finding)
    if done:
        sources[index] = SourceText.read(source.name, edited(source.text, taken))
    return done


def _touch(one: Edit, other: Edit) -> bool:
    return one.start <= other.end and other.start <= one.end
