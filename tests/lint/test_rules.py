"""Every rule has an example that breaks it and one that does not; fixes are right in JSON and in YAML."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest
import yaml

from brookmill.lint import RULES, Finding
from brookmill.lint.inspection import inspected
from brookmill.lint.repair import repaired
from brookmill.lint.source_text import SourceText
from brookmill.yaml_text import parse_yaml


class Case(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``bad`` breaks the rule, or ``text`` does; ``fixed``: what becomes of it. ``whole``: it stands as it
    is. ``flow``: the file is a flow file.
    """

    rule: str
    good: Any
    bad: Any = None
    text: str | None = None
    fixed: Any = None
    whole: bool = False
    flow: bool = False

    def content(self, value: Any) -> Any:
        """Stages with a source before and a sink after, where they have none."""
        if self.whole or not isinstance(value, list) or not all(len(stage) == 1 for stage in value):
            return value
        names = [next(iter(stage)) for stage in value]
        source = {"connectionName": "in", "topic": "t", "config": {"auto_offset_reset": "earliest"}}
        before = [] if names[0] == "$source" else [{"$source": source}]
        has_sink = names[-1] in {"$emit", "$merge", "$https", "$externalFunction"}
        return [*before, *value, *([] if has_sink else [{"$emit": {"connectionName": "out", "topic": "o"}}])]


CASES = [
    case
    for path in sorted((Path(__file__).parent / "cases").glob("*.yaml"))
    for case in msgspec.convert(parse_yaml(path.read_text("utf-8")), list[Case])
]
NAMES = [f"{number}-{case.rule}" for number, case in enumerate(CASES)]


class Form(NamedTuple):
    ending: str
    options: dict[str, Any]

    def text(self, value: Any) -> str:
        if self.ending == "json":
            return json.dumps(value, **self.options)
        return str(yaml.safe_dump(value, sort_keys=False, **self.options))


FORMS = {
    "compact": Form("json", {"separators": (",", ":")}),
    "json": Form("json", {"indent": 2}),
    "tabs": Form("json", {"indent": "\t"}),
    "block": Form("yaml", {"default_flow_style": False}),
    "mixed": Form("yaml", {"default_flow_style": None, "indent": 4}),
    "flow": Form("yaml", {"default_flow_style": True, "width": 60}),
}


def written(case: Case, value: Any, form: Form) -> SourceText:
    middle = ".flow" if case.flow else ""
    return SourceText.read(f"case{middle}.{form.ending}", form.text(case.content(value)))


def broken(source: SourceText, rule: str) -> list[Finding]:
    return [one for one in inspected([source]) if one.rule.id == rule]


def test_every_rule_has_an_example() -> None:
    assert {case.rule for case in CASES} == set(RULES)
    assert len(RULES) > 40


@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_the_bad_example_breaks_the_rule_and_the_good_does_not(case: Case) -> None:
    for form in FORMS.values():
        if case.text is None:
            found = broken(written(case, case.bad, form), case.rule)
        else:
            found = broken(SourceText.read("case.json", case.text), case.rule)
        assert found, form
        assert all(one.fix is not None for one in found) == (case.fixed is not None)
        assert not broken(written(case, case.good, form), case.rule), form


@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_the_place_is_where_the_path_leads(case: Case) -> None:
    for form in FORMS.values():
        if case.text is None:
            source = written(case, case.bad, form)
            for one in broken(source, case.rule):
                start, end = source.marks.span(one.path)
                text = source.text[start:end]
                value = source.value
                for part in one.path:
                    value = value[part]
                if one.path in source.marks.keys:
                    assert parse_yaml(text) == one.path[-1]
                else:
                    assert SourceText.read(source.name, text).value == value or "\n" in text
                assert source.lines.position(start) == one.start
                lines = source.text.split("\n")
                assert lines[one.start.line - 1][one.start.column - 1 :][:1] == text[:1]


@pytest.mark.parametrize("case", [case for case in CASES if case.fixed is not None], ids=lambda c: c.rule)
@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS.keys())
def test_fixes_make_what_they_say(case: Case, form: Form) -> None:
    others = set(RULES) - {case.rule}
    result = repaired([written(case, case.bad, form)], ignored=others)
    assert result.sources[0].value == case.content(case.fixed)
    assert json.dumps(result.sources[0].value) == json.dumps(case.content(case.fixed))
    assert result.fixed
    assert not result.left
