"""Flow files: what is read, what is refused, how differences look, in the command and under pytest."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from brookmill.cli import run
from brookmill.testing.difference import difference, in_order_of
from brookmill.testing.flow_file import read_flows
from brookmill.testing.timeline import InvalidFlow
from brookmill.yaml_text import parse_yaml

GOOD = """
cases:
  - name: right
    pipeline: &p [{$source: {connectionName: kafka, topic: t}}, {$set: {n: {$add: [$n, 1]}}}]
    inputs: [{n: 1}]
    expect: {output: [{n: 2}]}
"""
BAD = f"""{GOOD}
  - name: wrong
    pipeline: *p
    inputs: [{{n: 1}}, {{n: 2}}]
    expect: {{output: [{{n: 2}}, {{n: 4}}], stats: {{inputMessageCount: 2}}}}
"""


@pytest.fixture
def flow(tmp_path: Path) -> Any:
    def write(text: str, name: str = "a.flow.yaml") -> Path:
        path = tmp_path / name
        path.write_text(text)
        return path

    return write


def test_yaml_is_json_with_less_punctuation() -> None:
    text = """
        on: yes
        at: 2024-01-01T00:00:00Z
        int: 5
        octal: 010
        float: 1e3
        text: "5"
        null: ~
        true: true
    """
    assert parse_yaml(text) == {
        "on": "yes",
        "at": "2024-01-01T00:00:00Z",
        "int": 5,
        "octal": 10,
        "float": 1000.0,
        "text": "5",
        "null": None,
        "true": True,
    }


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("pipeline: []\nexpct: {}", "expct"),
        ("pipeline: []\npipeline: []", "comes twice"),
        ("inputs: []", "pipeline"),
        ("[]", "a flow file is an object"),
        (
            "cases: [{name: n, pipeline: [], expect: {ouput: []}}]",
            "case n: Object contains unknown field `ouput`",
        ),
        ("a: [", ", column "),
        ("a: !!python/object:os.system {}", "python"),
    ],
)
def test_what_is_no_flow_is_refused_with_its_place(flow: Any, text: str, why: str) -> None:
    path = flow(text)
    with pytest.raises(InvalidFlow) as e:
        read_flows(path)
    assert why in str(e.value)
    assert str(path) in str(e.value)
    assert run(["test", str(path)]) == 2


def test_json_is_read_too(flow: Any) -> None:
    (case,) = read_flows(flow(json.dumps({"pipeline": [], "inputs": [{"a": 1}]}), "a.flow.json"))
    assert case.inputs == [{"a": 1}]


def test_the_command_tells_what_differs(flow: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["test", str(flow(GOOD))]) == 0
    assert "✓ right" in capsys.readouterr().out
    assert run(["test", str(flow(BAD))]) == 1
    printed = capsys.readouterr()
    assert "✗ wrong" in printed.out
    assert '    - {"n": 4}\n    + {"n": 3}' in printed.out
    assert "1 of 2 did not come out as expected" in printed.err


def test_the_command_answers_programs(flow: Any, capsys: pytest.CaptureFixture[str]) -> None:
    path = flow(BAD)
    assert run(["test", str(path.parent), "-o", "json", "--thorough"]) == 1
    rows = json.loads(capsys.readouterr().out)
    assert [row["passed"] for row in rows] == [True] * 3 + [False] * 3
    assert rows[3]["differences"] == [{"part": "output", "lines": ['  {"n": 2}', '- {"n": 4}', '+ {"n": 3}']}]
    assert run(["test", str(path.parent / "nowhere.flow.yaml")]) == 2


def test_pytest_collects_flow_files(flow: Any) -> None:
    path = flow(BAD)
    command = [sys.executable, "-m", "pytest", "-q", "--no-header"]
    command += ["-p", "no:cacheprovider", "-c", "/dev/null", "--rootdir", str(path.parent), str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=path.parent)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "1 failed, 1 passed" in done.stdout
    assert '- {"n": 4}\n+ {"n": 3}' in done.stdout
    assert "Traceback" not in done.stdout


@pytest.mark.parametrize(
    ("expected", "actual"),
    [
        ({"a": 1}, {"a": 1.0}),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        ({"a": {"$any": True}}, {"a": None}),
        ({"a": {"$any": "int"}}, {"a": 5}),
        ([{"$numberInt": "5"}], [5]),
    ],
)
def test_what_is_equal(expected: Any, actual: Any) -> None:
    assert difference("it", expected, actual) is None


@pytest.mark.parametrize(
    ("expected", "actual"),
    [
        ({"a": 1}, {"a": 2}),
        ({"a": 1}, {"a": True}),
        ({"a": 1}, {"a": "1"}),
        ({"a": None}, {}),
        ({"a": {"$any": True}}, {}),
        ({"a": {"$any": "int"}}, {"a": 5.0}),
        ([{"$numberLong": "5"}], [5]),
        ([1], [1, 2]),
        ([1, 2], [1]),
        ({}, {"a": 1}),
    ],
)
def test_what_is_not(expected: Any, actual: Any) -> None:
    assert difference("it", expected, actual) is not None


def test_parts_are_enough_where_it_is_said() -> None:
    assert difference("it", [{"a": {"b": 1}}], [{"a": {"b": 1, "c": 2}, "d": 3}], partial=True) is None
    assert difference("it", [{"a": {"b": 2}}], [{"a": {"b": 1, "c": 2}}], partial=True) is not None


def test_order_does_not_count_where_it_is_said() -> None:
    assert in_order_of([1, 2, 3], [3, 1, 2]) == [1, 2, 3]
    assert in_order_of([1, 2, 3], [3, 9, 1]) == [1, 9, 3]
    assert in_order_of([1, 2], [2, 1, 1]) == [1, 2, 1]


def test_run_shows_documents_and_dead_letters(flow: Any, capsys: pytest.CaptureFixture[str]) -> None:
    path = flow(
        """
        pipeline:
          - $source: {connectionName: kafka, topic: t}
          - $set: {n: {$add: [$n, 1]}}
        inputs: [{n: 1}, {n: x}, {n: 2}]
        """
    )
    assert run(["run", str(path)]) == 0
    printed = capsys.readouterr()
    assert printed.out == '{"n":2}\n{"n":3}\n'
    assert "dead letter of AddFieldsOperator: " in printed.err
    assert "3 in, 2 out, 1 dead letters" in printed.err
    assert run(["run", str(path), "--limit", "1"]) == 0
    assert capsys.readouterr().out == '{"n":2}\n'


def test_run_plays_what_needs_no_stand_in_for_real(flow: Any, capsys: pytest.CaptureFixture[str]) -> None:
    path = flow("pipeline: [{$source: {documents: [{n: 1}, {n: 2}, {n: 3}]}}]")
    assert run(["run", str(path), "-n", "2"]) == 0
    assert capsys.readouterr().out == '{"n":1}\n{"n":2}\n'
    unknown = flow("pipeline: [{$source: {connectionName: kafka, topic: t}}]")
    assert run(["run", str(unknown)]) == 1
    assert "neither defines the connection kafka nor has inputs" in capsys.readouterr().err
    assert run(["run", str(flow(BAD))]) == 1
    assert "choose a --case of 'right', 'wrong'" in capsys.readouterr().err
    assert run(["run", str(flow("pipeline: [{$mach: {}}]"))]) == 1
