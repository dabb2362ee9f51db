"""``$lookup``: what belongs to what, in every form; one question a batch; refusals and failures."""

from __future__ import annotations

from typing import Any

import pytest
from bson import Decimal128, Int64, Regex
from clusters import Opened
from pymongo import monitoring

from brookmill.connections.cluster.lookup import pruned
from brookmill.errors import ConnectionFailed
from brookmill.testing.mongod import Mongod

FROM = {"connectionName": "c", "db": "shop", "coll": "parts"}
EQUAL = {"from": FROM, "localField": "k", "foreignField": "f", "as": "found"}


@pytest.fixture
def parts(server: Mongod) -> Mongod:
    server.insert(
        "shop.parts",
        {"_id": "one", "f": 1},
        {"_id": "one again", "f": Int64(1)},
        {"_id": "two and three", "f": [2, 3]},
        {"_id": "none"},
        {"_id": "null", "f": None},
        {"_id": "text", "f": "abc"},
        {"_id": "regex", "f": Regex("a")},
        {"_id": "object", "f": {"a": 1, "b": 2}},
        {"_id": "deep", "f": [[4, 5]]},
    )
    return server


def ids(values: list[Any]) -> list[Any]:
    return [one if isinstance(one, str) else [found["_id"] for found in one] for one in values]


@pytest.mark.parametrize(
    ("local", "found"),
    [
        ({"k": 1}, ["one", "one again"]),
        ({"k": 1.0}, ["one", "one again"]),
        ({"k": Decimal128("1.0")}, ["one", "one again"]),
        ({"k": 3}, ["two and three"]),
        ({"k": [1, 2]}, ["one", "one again", "two and three"]),
        ({"k": [[2, 3]]}, ["two and three"]),
        ({}, ["none", "null"]),
        ({"k": None}, ["none", "null"]),
        ({"k": "abc"}, ["text"]),
        ({"k": Regex("a")}, ["regex"]),
        ({"k": {"a": 1, "b": 2}}, ["object"]),
        ({"k": {"b": 2, "a": 1}}, []),
        ({"k": [4, 5]}, []),
        ({"k": 99}, []),
    ],
)
def test_what_is_equal(parts: Mongod, opened: Opened, local: dict[str, Any], found: list[str]) -> None:
    assert parts.uri
    assert ids(opened.asker({"$lookup": EQUAL}).ask(local)) == [found]


@pytest.mark.parametrize(
    ("document", "path", "kept"),
    [
        ({"a": 1, "b": 2}, ("a",), {"a": 1}),
        ({"b": 2}, ("a",), {}),
        ({"a": {"b": 1, "c": 2}, "d": 3}, ("a", "b"), {"a": {"b": 1}}),
        ({"a": [{"b": 1, "c": 2}, 5, {"c": 1}]}, ("a", "b"), {"a": [{"b": 1}, 5, {}]}),
        ({"a": [{"b": 1}, {"b": 2}]}, ("a", "1", "b"), {"a": [{"b": 1}, {"b": 2}]}),
        ({"a": {"1": {"b": 1, "c": 2}}}, ("a", "1"), {"a": {"1": {"b": 1, "c": 2}}}),
        ({"a": 1}, (), {}),
    ],
)
def test_no_more_is_sent_than_the_path_needs(document: Any, path: tuple[str, ...], kept: Any) -> None:
    assert pruned(document, path) == kept


def test_deep_local_fields(parts: Mongod, opened: Opened) -> None:
    assert parts.uri
    asker = opened.asker({"$lookup": {**EQUAL, "localField": "a.b"}})
    assert ids(asker.ask({"a": {"b": "abc"}}, {"a": [{"b": 1}, {"b": "abc"}]}, {"a": 5})) == [
        ["text"],
        ["one", "one again", "text"],
        ["none", "null"],
    ]


def test_variables_and_a_pipeline(parts: Mongod, opened: Opened) -> None:
    assert parts.uri
    pipeline = [
        {"$match": {"$expr": {"$and": [{"$eq": ["$f", "$$n"]}, {"$ne": ["$_id", "$$not.this"]}]}}},
        {"$project": {"_id": 1, "n": {"$add": ["$f", "$$n"]}}},
    ]
    spec = {"from": FROM, "let": {"n": "$n", "not": {"this": "one again"}}, "pipeline": pipeline, "as": "x.y"}
    asker = opened.asker({"$lookup": spec})
    assert asker.stage.into == ("x", "y")
    assert asker.ask({"n": 1}, {"n": 7}, {}) == [
        [{"_id": "one", "n": 2}],
        [],
        [{"_id": "none", "n": None}],
    ]


def test_a_variable_that_is_missing_is_not_null(parts: Mongod, opened: Opened) -> None:
    assert parts.uri
    pipeline = [{"$match": {"$expr": {"$eq": [{"$type": "$$n"}, "missing"]}}}, {"$limit": 1}]
    asker = opened.asker({"$lookup": {"from": FROM, "let": {"n": "$n"}, "pipeline": pipeline, "as": "x"}})
    assert [len(one) for one in asker.ask({}, {"n": None})] == [1, 0]


def test_fields_and_a_pipeline_together(parts: Mongod, opened: Opened) -> None:
    assert parts.uri
    asker = opened.asker({"$lookup": {**EQUAL, "pipeline": [{"$match": {"_id": {"$regex": "again"}}}]}})
    assert ids(asker.ask({"k": 1})) == [["one again"]]


class Commands(monitoring.CommandListener):
    """Counts the aggregations."""

    def __init__(self) -> None:
        self.questions: list[int] = []

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        if event.command_name == "aggregate":
            self.questions.append(len(event.command["pipeline"][0]["$documents"]["$literal"]))

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        """Does not matter."""

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        """Does not matter."""


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many questions each command brought."""
    commands = Commands()
    listeners = monitoring._LISTENERS._replace(command_listeners=[commands])
    monkeypatch.setattr(monitoring, "_LISTENERS", listeners)
    return commands.questions


def test_one_command_asks_for_a_whole_batch_and_equal_questions_once(
    parts: Mongod, opened: Opened, asked: list[int]
) -> None:
    assert parts.uri
    asker = opened.asker({"$lookup": EQUAL})
    answers = asker.ask(*[{"k": n % 5, "more": n} for n in range(500)])
    assert asked == [0, 5]
    assert ids(answers[:5]) * 100 == ids(answers)


@pytest.mark.parametrize("partition", [{}, {"partitionBy": "$p"}])
def test_several_threads_keep_the_order_of_answers(
    parts: Mongod, opened: Opened, asked: list[int], partition: dict[str, Any]
) -> None:
    assert parts.uri
    asker = opened.asker({"$lookup": {**EQUAL, "parallelism": 4, **partition}})
    values = [1, 2, "abc", None, 99, {"a": 1, "b": 2}] * 20
    answers = asker.ask(*[{"k": value, "p": n % 4} for n, value in enumerate(values)])
    one_by_one = [opened.asker({"$lookup": EQUAL}).ask({"k": value})[0] for value in values[:6]]
    assert answers == one_by_one * 20
    batches = sum(count > 0 for count in asked) - len(one_by_one)
    assert batches == 4 if not partition else 1 <= batches <= 4  # partitions may share a thread


def test_large_batches_are_asked_in_parts(
    parts: Mongod, opened: Opened, asked: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert parts.uri
    monkeypatch.setattr("brookmill.connections.cluster.lookup._BYTES", 10_000)
    asker = opened.asker({"$lookup": EQUAL})
    answers = asker.ask(*[{"k": f"{n:>4000}"} for n in range(5)], {"k": 1})
    assert asked == [0, 2, 2, 2]
    assert ids(answers) == [*[[]] * 5, ["one", "one again"]]


def test_a_document_that_the_server_cannot_answer_is_refused_alone(parts: Mongod, opened: Opened) -> None:
    assert parts.uri
    pipeline = [{"$match": {"f": 1}}, {"$project": {"n": {"$divide": ["$f", "$$n"]}}}]
    asker = opened.asker({"$lookup": {"from": FROM, "let": {"n": "$n"}, "pipeline": pipeline, "as": "x"}})
    answers = asker.ask(*[{"n": n} for n in (1, 2, 0, 4)])
    assert [len(answer) for answer in answers if isinstance(answer, list)] == [2, 2, 2]
    assert "$lookup failed: " in answers[2]
    assert "divide by zero" in answers[2]


def test_a_document_that_cannot_be_sent_is_refused_alone(parts: Mongod, opened: Opened) -> None:
    assert parts.uri
    answers = opened.asker({"$lookup": EQUAL}).ask({"k": {"a\0b": 1}}, {"k": 1}, {"k": 2**70})
    assert "cannot be stored" in answers[0]
    assert ids(answers[1:]) == [["one", "one again"], []]


def test_a_pipeline_that_is_wrong_fails_at_the_start(server: Mongod, opened: Opened) -> None:
    """Servers parse it before there is a document; this one in memory is told to."""
    server.fail("aggregate", code=40324, message="Unrecognized pipeline stage name: '$nope'")
    with pytest.raises(ConnectionFailed, match=r"shop\.parts: Unrecognized pipeline stage") as failure:
        opened.asker({"$lookup": {"from": FROM, "pipeline": [{"$nope": 1}], "as": "x"}})
    assert (failure.value.retry, failure.value.code) == (False, 40324)


@pytest.mark.parametrize("way", ["error", "close"])
def test_a_cluster_that_is_gone_fails_the_processor(parts: Mongod, opened: Opened, way: Any) -> None:
    asker = opened.asker({"$lookup": EQUAL})
    parts.fail("aggregate", way, code=91, times=None)
    with pytest.raises(ConnectionFailed) as failure:
        asker.ask({"k": 1}, {"k": 2})
    assert failure.value.retry


def test_documents_instead_of_a_collection(opened: Opened) -> None:
    pipeline = [{"$documents": [{"a": 1, "n": "$$n"}, {"a": 2}]}, {"$match": {"a": 1}}]
    asker = opened.asker({"$lookup": {"let": {"n": "$n"}, "pipeline": pipeline, "as": "x"}})
    assert asker.ask({"n": 5}, {}) == [[{"a": 1, "n": 5}], [{"a": 1}]]
    wrong = opened.asker({"$lookup": {"let": {"n": "$n"}, "pipeline": [{"$documents": "$$n"}], "as": "x"}})
    assert wrong.ask({"n": [{"b": 1}]}, {"n": 5}) == [[{"b": 1}], "$documents must give an array of objects"]
    fixed = opened.asker({"$lookup": {"pipeline": [{"$documents": [{"a": 1}]}], "as": "x"}})
    assert fixed.ask({}, {}) == [[{"a": 1}], [{"a": 1}]]
