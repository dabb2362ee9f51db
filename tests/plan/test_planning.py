"""What is refused when a pipeline is planned, with its place, and how generated code shows."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from brookmill.clock import VirtualClock
from brookmill.connections import Batch
from brookmill.connections.cluster import Cluster
from brookmill.connections.kafka import Kafka
from brookmill.domain.connection import Connection
from brookmill.mql import Document, PlanError
from brookmill.plan import Plan, plan

CONNECTIONS: dict[str, Connection] = {"k": Kafka(bootstrap_servers="a:1"), "c": Cluster(cluster_name="c")}
SOURCE: Document = {"$source": {"connectionName": "k", "topic": "in"}}
EMIT: Document = {"$emit": {"connectionName": "k", "topic": "out"}}
GROUP: Document = {"$group": {"_id": None}}


def window(*inner: Any, **options: Any) -> Document:
    return {
        "$tumblingWindow": {"interval": {"size": 1, "unit": "second"}, "pipeline": list(inner), **options}
    }


def planned(*stages: Any, sinkless: bool = False) -> Plan:
    return plan(list(stages), CONNECTIONS, sinkless=sinkless)


REFUSED: list[tuple[list[Any], tuple[str | int, ...], str]] = [
    ([], (), "the first stage of a pipeline must be $source"),
    ([EMIT], (), "the first stage of a pipeline must be $source"),
    ([SOURCE], (), "the last stage of a pipeline must be a sink"),
    ([SOURCE, SOURCE, EMIT], (1, "$source"), "$source can only be the first stage"),
    ([SOURCE, EMIT, EMIT], (1, "$emit"), "$emit can only be the last stage"),
    ([SOURCE, window(GROUP), window(GROUP), EMIT], (2, "$tumblingWindow"), "only one window stage"),
    ([SOURCE, GROUP, EMIT], (1, "$group"), "$group is not allowed in the main pipeline"),
    ([SOURCE, {"$sort": {"a": 1}}, EMIT], (1, "$sort"), "$sort is not allowed in the main pipeline"),
    ([SOURCE, {"$lookUp": {}}, EMIT], (1, "$lookUp"), "Unrecognized pipeline stage name: '$lookUp'"),
    (
        [SOURCE, {"$match": {}, "$project": {}}, EMIT],
        (1,),
        "a stage must be an object with exactly one field",
    ),
    ([SOURCE, 7, EMIT], (1,), "a stage must be an object with exactly one field"),
    (
        [SOURCE, window(window(GROUP)), EMIT],
        (1, "$tumblingWindow", "pipeline", 0, "$tumblingWindow"),
        "$tumblingWindow is not allowed inside a window",
    ),
    (
        [SOURCE, window(GROUP, {"$emit": {}}), EMIT],
        (1, "$tumblingWindow", "pipeline", 1, "$emit"),
        "$emit is not allowed inside a window",
    ),
    ([SOURCE, window(), EMIT], (1, "$tumblingWindow", "pipeline"), "at least one stage"),
    ([SOURCE, window(GROUP, hop=1), EMIT], (1, "$tumblingWindow"), "unknown field `hop`"),
    (
        [SOURCE, window(GROUP, allowedLateness=1), EMIT],
        (1, "$tumblingWindow", "allowedLateness"),
        "must be an object with size and unit, or 0",
    ),
    (
        [SOURCE, window(GROUP, boundary="processingTime", idleTimeout=0), EMIT],
        (1, "$tumblingWindow", "idleTimeout"),
        "idleTimeout cannot be used with boundary processingTime",
    ),
    (
        [SOURCE, window(GROUP, interval={"size": 0, "unit": "second"}), EMIT],
        (1, "$tumblingWindow", "interval", "size"),
        "must be greater than 0",
    ),
    (
        [SOURCE, {"$project": {"a": {"$add": [1, {"$nothing": 1}]}}}, EMIT],
        (1, "$project", "a", "$add", 1, "$nothing"),
        "$nothing",
    ),
    ([SOURCE, {"$match": {"a": {"$gte": 1, "$no": 1}}}, EMIT], (1, "$match", "a", "$no"), "$no"),
    (
        [{"$source": {"connectionName": "x", "topic": "t"}}, EMIT],
        (0, "$source"),
        "x",
    ),
    (
        [{"$source": {"connectionName": "k", "topic": "t", "timeField": "$t"}}, EMIT],
        (0, "$source", "timeField"),
        "$toDate",
    ),
]


@pytest.mark.parametrize(("pipeline", "path", "words"), REFUSED)
def test_refused_at_its_place(pipeline: list[Any], path: tuple[str | int, ...], words: str) -> None:
    with pytest.raises(PlanError) as caught:
        planned(*pipeline)
    assert words in caught.value.message
    assert caught.value.path == path


def test_what_a_plan_tells() -> None:
    made = planned(SOURCE, {"$match": {"a": 1}}, window({"$match": {}}, GROUP), {"$unset": "b"}, EMIT)
    names = ["MatchOperator", "TumblingWindowOperator", "MatchOperator", "GroupOperator", "UnsetOperator"]
    assert [made.operator(i) for i in range(7)] == ["KafkaConsumerOperator", *names, "KafkaEmitOperator"]
    assert (made.uses, made.windowed) == (("k",), True)
    assert planned(SOURCE, sinkless=True).sink is None


HOSTILE = [
    "x'] + __import__('os').getcwd() + d['",
    'x"; raise SystemExit #',
    "x\n        raise SystemExit",
    "\\",
    "{a}{x}",
    "é\u2028\u202e",
    "x" * 10_000,
    "__class__",
]


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_are_constants(name: str) -> None:
    stages: list[Document] = [
        {"$match": {name: {"$ne": name}}},
        {"$addFields": {name: {"$concat": [f"${name}" if "." not in name else "$a", name]}}},
        {"$project": {name: 1, "b": {"$literal": name}}},
        window({"$group": {"_id": f"${name}" if "." not in name else "$a", "n": {"$sum": 1}}}),
    ]
    stages = [stage for stage in stages if "." not in name] or stages[3:]
    made = plan([{"$source": {"documents": []}}, *stages], {}, sinkless=True)
    assert all(name not in line for line in made.code.splitlines() if not line.startswith("# "))
    program = made.program("json", VirtualClock(0.0))
    texts = [orjson.dumps({name: "v", "a": "v"}), orjson.dumps({"a": 1})]
    _, letters = program.push(Batch(texts, [0, 1]))
    output, _ = program.push(Batch([texts[0]], [10_000]))
    assert letters == []
    assert len(output) > 0


def test_code_is_for_reading() -> None:
    text = planned(SOURCE, {"$match": {"watts": {"$gt": 5}}}, {"$project": {"_id": 0, "watts": 1}}, EMIT).code
    assert "# link 0, json" in text
    assert text.index("# $match") < text.index("# $project")
    assert "'watts'" in text
    assert " > 5" in text
