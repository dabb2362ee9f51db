"""Findings as SARIF 2.1.0, which code hosts and editors show at their places."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from brookmill.lint import RULES, Finding, Rule, Severity
from brookmill.lint.marks import Position
from brookmill.lint.repair import edits
from brookmill.lint.source_text import SourceText

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_LEVELS: Mapping[Severity, str] = {"error": "error", "warning": "warning", "info": "note"}

JSON = dict[str, Any]


def sarif(found: Sequence[Finding], sources: Sequence[SourceText], version: str) -> JSON:
    """The log of one run. ``sources``: the files in which something was found. ``version``: ours."""
    by_name = {source.name: source for source in sources}
    rules = list(RULES.values())
    index = {rule.id: number for number, rule in enumerate(rules)}
    driver = {"name": "brookmill", "version": version, "rules": [_rule(rule) for rule in rules]}
    results = [_result(one, index[one.rule.id], by_name[one.file]) for one in found]
    run = {"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


def _rule(rule: Rule) -> JSON:
    return {
        "id": rule.id,
        "shortDescription": {"text": rule.title},
        "fullDescription": {"text": " ".join(rule.text.split())},
        "defaultConfiguration": {"level": _LEVELS[rule.severity]},
        "properties": {"chapter": rule.chapter},
    }


def _result(found: Finding, index: int, source: SourceText) -> JSON:
    place = {
        "physicalLocation": {
            "artifactLocation": _file(found.file),
            "region": _region(found.start, found.end),
        },
        "logicalLocations": [{"fullyQualifiedName": ".".join(map(str, found.path))}],
    }
    result: JSON = {
        "ruleId": found.rule.id,
        "ruleIndex": index,
        "level": _LEVELS[found.rule.severity],
        "message": {"text": found.message},
        "locations": [place],
    }
    if found.fix is not None and (made := edits(source, found)):
        replacements = [
            {
                "deletedRegion": _region(*map(source.lines.position, edit[:2])),
                "insertedContent": {"text": edit.text},
            }
            for edit in made
        ]
        change = {"artifactLocation": _file(found.file), "replacements": replacements}
        result["fixes"] = [{"description": {"text": found.fix.label}, "artifactChanges": [change]}]
    return result


def _file(name: str) -> JSON:
    return {"uri": quote(name.replace("\\", "/"))}


def _region(start: Position, end: Position) -> JSON:
    return {
        "startLine": start.line,
        "startColumn": start.column,
        "endLine": end.line,
        "endColumn": end.column,
    }
