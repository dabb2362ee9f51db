"""What rules and files have to do with each other; and that nothing a file holds is too much."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brookmill.lint import RULES, Finding
from brookmill.lint.inspection import inspected
from brookmill.lint.repair import repaired
from brookmill.lint.source_text import SourceText

FLOWS = Path(__file__).parent.parent / "flows"
KAFKA = {"type": "Kafka", "bootstrapServers": "a:1,b:1"}


def ids(*sources: SourceText) -> list[str]:
    return [one.rule.id for one in inspected(sources)]


def source(value: Any, name: str = "a.json") -> SourceText:
    return SourceText.read(name, json.dumps(value))


def stages(*middle: Any) -> list[Any]:
    sink = {"connectionName": "k", "topic": "o"}
    return [{"$source": {"connectionName": "k", "topic": "t"}}, *middle, {"$emit": sink}]


def test_the_planner_is_silent_where_a_rule_says_it_better() -> None:
    for wrong in ({"$sort": {"a": 1}}, {"$addFields": {"a": "$$NOW"}}, {"$addFields": {"a": {"b": "$$NOW"}}}):
        found = ids(source(stages(wrong)))
        assert "plan-error" not in found
        assert {"sort-outside-window", "now-variable"} & set(found)


def test_the_planner_tells_what_is_wrong_in_every_stage() -> None:
    found = inspected([source(stages({"$addFields": {"a": {"$nope": 1}}}, {"$match": {"$nope": 1}}))])
    assert [one.path[:2] for one in found if one.rule.id == "plan-error"] == [
        (1, "$addFields"),
        (2, "$match"),
    ]


def test_connections_of_one_file_are_known_in_all() -> None:
    pipeline = source(stages())
    assert "unknown-connection" not in ids(pipeline)
    other = source({"name": "other", **KAFKA}, "b.json")
    assert "unknown-connection" in ids(pipeline, other)
    assert "unused-connection" in ids(pipeline, other)
    assert "unknown-connection" not in ids(pipeline, source({"name": "k", **KAFKA}, "b.json"))


def test_a_dead_letter_queue_uses_its_connection() -> None:
    queue = {"dlq": {"connectionName": "c", "db": "d", "coll": "x"}}
    held = {
        "connections": {"k": KAFKA, "c": {"type": "Cluster", "clusterName": "c"}},
        "processors": [{"name": "p", "pipeline": stages(), "options": queue}],
    }
    assert "unused-connection" not in ids(source(held))


def test_the_type_of_a_defined_connection_counts() -> None:
    value: Any = {"connections": {"k": {"type": "Https", "url": "https://a.test"}}, "processors": {}}
    value["processors"] = {"p": {"pipeline": stages()}}
    (found,) = [
        one for one in inspected([source(value)]) if one.rule.id == "plan-error" and "$source" in one.path
    ]
    assert "Https" in found.message
    assert found.path == ("processors", "p", "pipeline", 0, "$source", "connectionName")


def test_a_case_that_expects_an_error_is_left_alone() -> None:
    case = {"pipeline": stages({"$sort": {"a": 1}}), "expect": {"error": "sort"}}
    assert ids(source(case)) == []
    assert "sort-outside-window" in ids(source({**case, "expect": {"output": []}}))


def test_findings_stand_in_the_order_of_files_and_lines() -> None:
    files = [SourceText.read(path.name, path.read_text("utf-8")) for path in sorted(FLOWS.glob("*.yaml"))]
    found = inspected(files)
    order = [file.name for file in files]
    places = [(order.index(one.file), one.start) for one in found]
    assert places == sorted(places)
    assert len(found) > 50


def test_comments_and_everything_else_stay_as_they_are() -> None:
    text = """\
# what it does
- $source:
    connectionName: k   # the cluster
    topic: t
    tsFieldOverride: at # soon
- $addFields: {"now": $$NOW, other: [1,   2]}
# done
- $emit: {connectionName: k, topic: o}
"""
    result = repaired([SourceText.read("a.yaml", text)])
    expected = text.replace("tsFieldOverride", "tsFieldName").replace("$$NOW", '{"$currentDate": {}}')
    assert result.sources[0].text == expected
    assert {one.rule.id for one in result.fixed} == {"ts-field-override", "now-variable"}


def test_what_an_alias_puts_there_is_found_and_left() -> None:
    text = (
        "- $source: &a {connectionName: k, topic: t, tsFieldOverride: x}\n- $match: {<<: *a}\n- $emit: *a\n"
    )
    result = repaired([SourceText.read("a.yaml", text)])
    assert "ts-field-override" in {one.rule.id for one in result.fixed}
    assert result.sources[0].trouble is None


def test_a_mapping_merged_in_has_the_place_of_what_holds_it() -> None:
    emit = "{$emit: {connectionName: k, topic: o, config: {acks: '1'}}}"
    text = f"cases: []\nbase: &b {emit}\npipeline:\n- <<: *b\n"
    found = [one for one in inspected([SourceText.read("a.flow.yaml", text)]) if one.rule.id == "weak-acks"]
    assert [one.start.line for one in found] == [4]


@pytest.mark.parametrize("name", ["a.json", "a.yaml"])
@pytest.mark.parametrize(
    "text",
    [
        "",
        "[" * 5000,
        "[" * 5000 + "]" * 5000,
        '{"a": ' * 300 + "1" + "}" * 300,
        "\0",
        "\ufeff[]",
        "- \t-",
        '"\ud83d"',
    ],
)
def test_hostile_texts_are_findings(name: str, text: str) -> None:
    found = inspected([SourceText.read(name, text)])
    assert {one.rule.id for one in found} <= {"unreadable", "unknown-content"}
    assert found


def test_aliases_of_aliases_are_too_much() -> None:
    bomb = "a: &a [x, x, x, x, x, x, x, x, x, x]\n"
    for one, next_ in zip("abcdefgh", "bcdefghi", strict=True):
        bomb += f"{next_}: &{next_} [{', '.join([f'*{one}'] * 10)}]\n"
    (found,) = inspected([SourceText.read("a.yaml", bomb)])
    assert (found.rule.id, found.message) == ("unreadable", "too many values")


NAMES = """
    $source $emit $merge $match $unwind $lookup $https $group $tumblingWindow $hoppingWindow
    $sessionWindow $cond $validate $addFields $expr $meta $date $numberLong $literal $$NOW $_ts $$ROOT
    connectionName topic db coll pipeline processors connections cases inputs expect options dlq tier
    name type into from as on config key interval hopSize partitionBy size unit timeField schedule
    whenMatched parallelism initialSync Kafka Https S3 authentication mechanism headers bootstrapServers
    writeOptions validator path _id group_id
"""
WORDS = st.sampled_from(NAMES.split())
SCALARS = WORDS | st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=4),
    max_leaves=25,
)
OPERANDS = st.dictionaries(WORDS, VALUES, max_size=5) | VALUES
STAGES = st.lists(st.dictionaries(WORDS, OPERANDS, min_size=1, max_size=1), min_size=1, max_size=5)
HELD = st.fixed_dictionaries(
    {}, optional=dict.fromkeys(("pipeline", "cases", "connections", "type"), VALUES | STAGES)
)


@settings(max_examples=300, deadline=None)
@given(STAGES | VALUES | HELD, st.sampled_from(["a.json", "a.yaml", "a.flow.yaml"]))
def test_nothing_that_a_file_holds_is_too_much(value: Any, name: str) -> None:
    result = repaired([SourceText.read(name, json.dumps(value))])
    assert all(isinstance(one, Finding) for one in result.left)
    assert result.sources[0].trouble is None


def test_a_file_takes_less_than_a_tenth_of_a_second() -> None:
    assert RULES  # filled
    for path in sorted(FLOWS.glob("*.yaml")):
        text = path.read_text("utf-8")
        inspected([SourceText.read(path.name, text)])  # fills what is imported late
        took = []
        for _ in range(5):
            begin = time.perf_counter()
            inspected([SourceText.read(path.name, text)])
            took.append(time.perf_counter() - begin)
        assert min(took) < 0.1, path.name
