"""Silences that are played through the real engine, each explained from nothing but its statistics."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from brookmill.diagnosis import CAUSES, Explanation, explained
from brookmill.diagnosis.evidence import Evidence
from brookmill.domain.processor import State
from brookmill.testing import run

BEGIN = "2026-01-01T00:00:00Z"
NOW = 1_767_225_600_000 + 3_600_000

SOURCE = {"connectionName": "k", "topic": "t"}
MERGE = {"$merge": {"into": {"connectionName": "c", "db": "d", "coll": "c"}}}
COUNT = [{"$group": {"_id": None, "n": {"$sum": 1}}}]
TIMED = {**SOURCE, "timeField": {"$toDate": {"$toLong": "$t"}}}
LATE = [{"t": NOW}, {"t": NOW - 900_000}, {"t": NOW - 800_000}, {"t": NOW - 700_000}]


def tumbling(**options: Any) -> dict[str, Any]:
    return {"$tumblingWindow": {"interval": {"size": 1, "unit": "minute"}, "pipeline": COUNT, **options}}


def event(second: float, partition: int = 0, **document: Any) -> dict[str, Any]:
    return {"document": {"a": 1, **document}, "at": NOW - 3_600_000 + second * 1000, "partition": partition}


def played(*middle: Any, inputs: Any, source: Any = None, sink: Any = MERGE, **options: Any) -> Evidence:
    pipeline = [{"$source": source or SOURCE}, *middle, sink]
    result = run(pipeline, inputs=inputs, clock=BEGIN, close_windows=False, **options)
    return Evidence(pipeline, State.STARTED, result.stats, NOW)


def first(evidence: Evidence) -> Explanation:
    found = explained(evidence)
    assert found, evidence.stats
    return found[0]


def hop(interval: int, hop: int) -> dict[str, Any]:
    sizes = {"interval": {"size": interval, "unit": "second"}, "hopSize": {"size": hop, "unit": "second"}}
    return {"$hoppingWindow": {**sizes, "pipeline": COUNT}}


SILENCES: dict[str, tuple[Any, str, str | None, str]] = {
    "a filter drops all": (
        lambda: played({"$match": {"a": 2}}, inputs=[{"a": 1}, {"a": 3}]),
        *("FILTER_DROPS_ALL", "1.$match", "none of 2 documents passes $match"),
    ),
    "a filter inside of a window drops all": (
        lambda: played(
            {"$addFields": {"b": 1}},
            tumbling(pipeline=[{"$match": {"b": 2}}, *COUNT]),
            inputs=[event(1), event(2), event(300)],
        ),
        *("FILTER_DROPS_ALL", "2.$tumblingWindow.pipeline.0.$match", "none of 3 documents passes $match"),
    ),
    "an unwound field is missing": (
        lambda: played({"$unwind": "$items"}, inputs=[{"a": 1}, {"items": []}]),
        *("FILTER_DROPS_ALL", "1.$unwind", "$items is missing, null or an empty array"),
    ),
    "invalid documents are discarded": (
        lambda: played({"$validate": {"validator": {"a": {"$type": "string"}}}}, inputs=[{"a": 1}]),
        *("FILTER_DROPS_ALL", "1.$validate", "none of 1 documents passes"),
    ),
    "a stage fails for all": (
        lambda: played({"$addFields": {"b": {"$divide": ["$a", 0]}}}, inputs=[{"a": 1}, {"a": 2}]),
        *("STAGE_REFUSES_ALL", "1.$addFields", "all 2 documents fail in $addFields"),
    ),
    "most documents fail": (
        lambda: played(
            {"$addFields": {"b": {"$toInt": "$a"}}}, tumbling(), inputs=[event(1), *[event(2, a="x")] * 3]
        ),
        *("MOST_ARE_REFUSED", "1.$addFields", "3 of 4 documents fail in $addFields"),
    ),
    "nothing can be decoded": (
        lambda: played(inputs=["no json", "nor this"]),
        *("SOURCE_REFUSES_ALL", "0.$source", "could not be decoded"),
    ),
    "the time field cannot be parsed": (
        lambda: played(
            tumbling(),
            source={**SOURCE, "timeField": {"$dateFromString": {"dateString": "$t"}}},
            inputs=[{"t": "yesterday"}, {"t": "today"}],
        ),
        *("SOURCE_REFUSES_ALL", "0.$source", "all 2 documents are refused by $source: timeField fails"),
    ),
    "nothing came": (
        lambda: played(inputs=[]),
        *("NO_INPUT", "0.$source", "of 1 partitions only what is new is read"),
    ),
    "a partition is idle": (
        lambda: played(tumbling(), inputs=[event(1), event(2, 1), event(300), event(400)]),
        *("IDLE_PARTITION", "1.$tumblingWindow", "wait for partition 1 (last at 2026-01-01T00:00:02Z)"),
    ),
    "a partition never had anything": (
        lambda: played(tumbling(), inputs={"t": {"partitions": 2, "messages": [event(1), event(400)]}}),
        *("IDLE_PARTITION", "1.$tumblingWindow", "wait for partition 1 (nothing came)"),
    ),
    "the window is longer than the data": (
        lambda: played(
            tumbling(interval={"size": 1, "unit": "hour"}), inputs=[event(1), event(60), event(1200)]
        ),
        *("WINDOW_OPEN", "1.$tumblingWindow", "it is 2026-01-01T00:20:00Z, 40 minutes before"),
    ),
    "a session goes on": (
        lambda: played(
            {
                "$sessionWindow": {
                    "gap": {"size": 9, "unit": "minute"},
                    "partitionBy": "$a",
                    "pipeline": COUNT,
                }
            },
            inputs=[event(1), event(60)],
        ),
        *("WINDOW_OPEN", "1.$sessionWindow", "closes when the watermark is"),
    ),
    "times are seconds": (
        lambda: played(
            tumbling(),
            source={**SOURCE, "timeField": {"$toDate": {"$toLong": "$t"}}},
            inputs=[{"t": 1_767_225_600}, {"t": 1_767_225_700}],
        ),
        *("TIMES_IN_SECONDS", "0.$source", "the watermark is 1970-01-21"),
    ),
    "everything comes late": (
        lambda: played(tumbling(), source=TIMED, inputs=LATE),
        *("ALL_LATE", "1.$tumblingWindow", "3 of 4 documents came more than 3 seconds late"),
    ),
    "one document is from the future": (
        lambda: played(tumbling(), source=TIMED, inputs=[{"t": 4_000_000_000_000}, {"t": NOW}, {"t": NOW}]),
        *("TIMES_IN_FUTURE", "0.$source", "the watermark is 2096-10-02"),
    ),
    "all documents are between hops": (
        lambda: played(hop(1, 600), inputs=[event(30), event(60), event(90)]),
        *("BETWEEN_HOPS", "1.$hoppingWindow", "3 of 3 documents are in no window"),
    ),
    "the clock has not come so far": (
        lambda: played(
            tumbling(boundary="processingTime", interval={"size": 2, "unit": "hour"}), inputs=[{}]
        ),
        *("CLOCK_WINDOW_OPEN", "1.$tumblingWindow", "the window ends in 1 hour by the clock"),
    ),
    "the sink refuses all": (
        lambda: played(sink={"$emit": {"connectionName": "k", "topic": "$a"}}, inputs=[{"a": 1}, {"a": 2}]),
        *("SINK_REFUSES_ALL", "1.$emit", "all 2 documents are refused by $emit"),
    ),
}


@pytest.mark.parametrize(("make", "code", "path", "text"), SILENCES.values(), ids=SILENCES.keys())
def test_a_silence_is_explained(make: Any, code: str, path: str | None, text: str) -> None:
    evidence = make()
    assert evidence.output == 0
    told = first(evidence)
    assert (told.code, told.path) == (code, path), explained(evidence)
    assert text in told.text
    assert told.remedy


def test_where_there_is_output_nothing_is_held() -> None:
    assert explained(played({"$match": {"a": 1}}, inputs=[{"a": 1}])) == []
    assert explained(played(tumbling(), inputs=[event(1), event(300)])) == []


@pytest.mark.parametrize(
    ("state", "error", "code", "text", "remedy"),
    [
        (State.CREATED, None, "NOT_STARTED", "was never started", "Start"),
        (State.STOPPED, None, "NOT_STARTED", "is stopped", "Start"),
        (State.FAILED, "topic t: no partitions found", "FAILED", "topic t", "Create the topic"),
        (State.FAILED, "Worker out of memory", "FAILED", "memory", "larger tier"),
        (State.FAILED, "something else", "FAILED", "something else", "Mend what the error names"),
        (State.STARTED, None, "NO_WORKER", "is being started", "Wait"),
        (State.STARTED, "Authentication failed", "NO_WORKER", "started again after: Auth", "Mend the login"),
    ],
)
def test_what_does_not_run_says_why(
    state: State, error: str | None, code: str, text: str, remedy: str
) -> None:
    (told,) = explained(Evidence([{"$source": SOURCE}, MERGE], state, None, NOW, error))
    assert (told.code, told.operator, told.path) == (code, None, None)
    assert text in told.text
    assert remedy in told.remedy


def test_a_partition_that_is_being_read_is_waited_for() -> None:
    evidence = played(tumbling(), inputs=[event(1), event(2, 1), event(300), event(400)])
    assert evidence.stats is not None
    partitions: Any = evidence.stats["kafkaPartitions"]
    partitions[1]["partitionOffsetLag"] = 70
    told = first(evidence)
    assert (told.code, told.text) == (
        "PARTITION_BEHIND",
        "windows wait for partition 1, which has 70 messages to read yet",
    )


def test_every_cause_has_a_remedy_and_a_condition() -> None:
    assert len(CAUSES) >= 18
    assert all(one.remedy.endswith((".", "gone.")) and one.look.__doc__ for one in CAUSES.values())


def test_the_page_lists_every_cause() -> None:
    page = (Path(__file__).parents[2] / "docs/explain.md").read_text("utf-8")
    assert set(re.findall(r"(?m)^\| `([A-Z_]+)`", page)) == set(CAUSES)
