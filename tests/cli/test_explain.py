"""``brookmill explain``: plans of pipelines in files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from brookmill import cli

PIPELINE = """\
- $source: {connectionName: k, topic: t}
- $match: {a: 1, b.c: {$gt: 2}}
- $lookup: {from: {connectionName: c, db: d, coll: c}, localField: a, foreignField: _id, as: found}
- $tumblingWindow:
    interval: {size: 1, unit: minute}
    pipeline: [{$match: {a: 2}}, {$group: {_id: $b.d}}, {$sort: {_id: 1}}]
- $emit: {connectionName: k, topic: o}
"""


def explained(*arguments: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    return cli.run(["explain", *arguments]), *capsys.readouterr()


def test_the_parts_of_a_pipeline_are_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "p.yaml"
    path.write_text(PIPELINE)
    status, out, err = explained(str(path), capsys=capsys)
    assert (status, err) == (0, "")
    assert out.splitlines() == [
        "KafkaConsumerOperator  reads whole documents",
        "  MatchOperator → LookUpOperator (asks)",
        "  TumblingWindowOperator [MatchOperator → GroupOperator]",
        "  SortOperator (of the window)",
        "  nothing in between",
        "KafkaEmitOperator",
        "connections: k, c",
    ]


def test_the_fields_that_are_read_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "p.json"
    stages = [
        {"$source": {"connectionName": "k", "topic": "t"}},
        {"$match": {"a": 1, "b.c": {"$gt": 2}}},
        {"$project": {"_id": 0, "x": "$d"}},
        {"$emit": {"connectionName": "k", "topic": "o"}},
    ]
    path.write_text(json.dumps(stages))
    status, out, _ = explained(str(path), "-o", "json", "--code", capsys=capsys)
    assert status == 0
    (one,) = json.loads(out)
    assert one["reads"] == ["a", "b.c", "d"]
    assert one["links"] == [{"operators": ["MatchOperator", "ProjectOperator"]}]
    assert "def run(values, times, partition, meta, out):" in one["code"]


@pytest.mark.parametrize(
    ("text", "status", "why"),
    [
        ("[", 2, "p.yaml"),
        ("a: 1", 2, "there is no pipeline in it"),
        ("[{$source: {documents: []}}, {$nope: 1}]", 1, "$nope"),
    ],
)
def test_what_is_no_pipeline_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, status: int, why: str
) -> None:
    path = tmp_path / "p.yaml"
    path.write_text(text)
    ended, _, err = explained(str(path), capsys=capsys)
    assert ended == status
    assert why in err
