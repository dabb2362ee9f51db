"""``brookmill lint`` as its users meet it: what it prints, in which form, and with which status it ends."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from brookmill import __version__, cli
from brookmill.lint import RULES

Lint = Callable[..., tuple[int, str, str]]

BROKEN = """\
- $source: {connectionName: k, topic: t, tsFieldOverride: at}
- $addFields:
    now: $$NOW # on arrival
    what: 'a'
- $emit: {connectionName: k, topic: o, config: {key: $what, keyFormat: string}}
"""
FIXED = BROKEN.replace("tsFieldOverride", "tsFieldName").replace("$$NOW", '{"$currentDate": {}}')
GOOD = FIXED.replace("tsFieldName: at", "config: {auto_offset_reset: earliest}")


@pytest.fixture
def lint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Lint:
    """Runs the command in a directory of its own, where ``a.yaml`` is ``text``."""
    monkeypatch.chdir(tmp_path)

    def lint(*arguments: str, text: str | None = None) -> tuple[int, str, str]:
        if text is not None:
            Path("a.yaml").write_text(text, "utf-8")
        return cli.run(["lint", *arguments]), *capsys.readouterr()

    return lint


def test_what_is_well_says_nothing(lint: Lint) -> None:
    assert lint("a.yaml", text=GOOD) == (0, "", "")


def test_findings_have_a_place_a_rule_and_a_fix(lint: Lint) -> None:
    status, out, err = lint("--level", "error", text=BROKEN)
    assert (status, err) == (1, "brookmill: 2 to mend in 1 of 1 files\n")
    assert out.splitlines() == [
        "a.yaml:1:42: error ts-field-override: tsFieldOverride is not known any more; it is tsFieldName",
        "  tsFieldOverride is called tsFieldName (0.$source.tsFieldOverride); --fix can rename it",
        "a.yaml:3:5: error now-variable: $$NOW is not available in a stream processor",
        "  Streams have no $$NOW (1.$addFields.now); --fix can write $currentDate",
    ]


def test_infos_are_no_failure(lint: Lint) -> None:
    status, out, _ = lint("a.yaml", text=FIXED)
    assert status == 0
    assert "info reads-from-now-on" in out
    assert lint("--level", "warning") == (0, "", "")
    assert lint("--ignore", "reads-from-now-on") == (0, "", "")


def test_fixes_are_written_into_the_file(lint: Lint) -> None:
    status, out, _ = lint("--fix", "--level", "warning", text=BROKEN)
    assert status == 0
    assert out.splitlines() == [
        "a.yaml:1:42: fixed ts-field-override: rename it",
        "a.yaml:3:5: fixed now-variable: write $currentDate",
    ]
    assert Path("a.yaml").read_text("utf-8") == FIXED


def test_json_has_everything(lint: Lint) -> None:
    status, out, _ = lint("-o", "json", "--level", "error", text=BROKEN)
    assert status == 1
    one, other = json.loads(out)
    assert one | {"explanation": ""} == {
        "rule": "ts-field-override",
        "severity": "error",
        "file": "a.yaml",
        "line": 1,
        "column": 42,
        "endLine": 1,
        "endColumn": 57,
        "path": [0, "$source", "tsFieldOverride"],
        "message": "tsFieldOverride is not known any more; it is tsFieldName",
        "title": "tsFieldOverride is called tsFieldName",
        "explanation": "",
        "fix": "rename it",
    }
    assert other["path"] == [1, "$addFields", "now"]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("nowhere.yaml",), "nowhere.yaml: No such file"),
        (("--ignore", "no-such-rule", "a.yaml"), "no rule no-such-rule"),
        (("-o", "xml"), "xml"),
        (("--level", "fatal"), "fatal"),
        (("empty",), "no JSON or YAML files"),
    ],
)
def test_wrong_usage_is_another_status(lint: Lint, arguments: tuple[str, ...], text: str) -> None:
    Path("empty").mkdir()
    status, out, err = lint(*arguments, text=GOOD)
    assert status == 2
    assert text in out + err


def test_directories_are_searched_but_not_hidden_ones(lint: Lint) -> None:
    for name in ("one/b.json", ".git/c.json", "one/d.txt"):
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).write_text("{")
    status, out, _ = lint(text=BROKEN)
    assert status == 1
    assert {line.split(":")[0] for line in out.splitlines() if line[0] != " "} == {"a.yaml", "one/b.json"}


def test_a_terminal_gets_no_orders_from_a_file(lint: Lint) -> None:
    _, out, _ = lint(text='[{"$match": {"\\u001b[31mred": {"$date": "\\u001b[2J"}}}]')
    assert "\x1b" not in out
    assert "\\x1b[31mred" in out


def test_no_secret_is_repeated(lint: Lint) -> None:
    login = {"mechanism": "SCRAM-SHA-256", "username": "u", "password": "hunter2", "passwort": "hunter2"}
    kafka = {"name": "k", "type": "Kafka", "bootstrapServers": ["b"], "authentication": login}
    https = {
        "name": "h",
        "type": "Https",
        "url": "http://u:hunter2@a",
        "headers": {"Authorization": "hunter2"},
    }
    Path("b.json").write_text(json.dumps([kafka, https]))
    for form in ("text", "json", "sarif"):
        status, out, err = lint("-o", form)
        assert status == 1
        assert "secret-in-clear" in out
        assert "hunter2" not in out + err


def test_sarif_has_what_its_schema_requires(lint: Lint) -> None:
    status, out, _ = lint("-o", "sarif", text=BROKEN)
    assert status == 1
    log = json.loads(out)
    assert log["version"] == "2.1.0"
    (run,) = log["runs"]
    driver = run["tool"]["driver"]
    assert (driver["name"], driver["version"]) == ("brookmill", __version__)
    assert [rule["id"] for rule in driver["rules"]] == list(RULES)
    assert {rule["defaultConfiguration"]["level"] for rule in driver["rules"]} == {"error", "warning", "note"}
    assert all(
        rule["shortDescription"]["text"] and rule["fullDescription"]["text"] for rule in driver["rules"]
    )
    for result in run["results"]:
        assert driver["rules"][result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["message"]["text"]
        (location,) = result["locations"]
        region(location["physicalLocation"]["region"])
        assert location["physicalLocation"]["artifactLocation"] == {"uri": "a.yaml"}
    mended = [fix for result in run["results"] for fix in result.get("fixes", ())]
    assert fixed(BROKEN, mended) == FIXED


def region(value: dict[str, int]) -> None:
    assert 1 <= value["startLine"] <= value["endLine"]
    assert value["startColumn"] >= 1
    assert (value["startLine"], value["startColumn"]) <= (value["endLine"], value["endColumn"])


def fixed(text: str, fixes: list[dict[str, Any]]) -> str:
    """``text`` with all fixes made as a tool would that knows nothing but SARIF."""
    lines = text.split("\n")
    changes = [r for fix in fixes for c in fix["artifactChanges"] for r in c["replacements"]]
    for change in sorted(changes, key=lambda one: -int(one["deletedRegion"]["startLine"])):
        where = change["deletedRegion"]
        region(where)
        assert where["startLine"] == where["endLine"]
        line = lines[where["startLine"] - 1]
        before, after = line[: where["startColumn"] - 1], line[where["endColumn"] - 1 :]
        lines[where["startLine"] - 1] = before + change["insertedContent"]["text"] + after
    return "\n".join(lines)
