"""What a processor does and why nothing comes out of it, as the Admin API tells."""

from __future__ import annotations

import datetime as dt
from typing import Any

import msgspec

from brookmill.diagnosis.evidence import milliseconds
from brookmill.domain.processor import State

CREATE = "createGroupStreamProcessor"
EXPLAIN = "explainGroupStreamProcessor"
P = {"processorName": "p"}
PIPELINE: list[dict[str, Any]] = [
    {"$source": {"connectionName": "solar"}},
    {"$match": {"obs.watts": {"$gt": 100}}},
    {"$emit": {"connectionName": "it", "topic": "t"}},
]


def made(ask: Any) -> None:
    ask("createGroupStreamConnection", {"type": "Kafka", "name": "it", "bootstrapServers": "one:9092"})
    ask("createGroupStreamConnection", {"type": "Sample", "name": "solar"})
    ask(CREATE, {"name": "p", "pipeline": PIPELINE})


def change(ask: Any, **members: Any) -> None:
    with ask.store.write() as session:
        workspace = session.workspace("b" * 24, ask.path["tenantName"])
        kept = session.processor(workspace, "p")
        session.replace_processor(msgspec.structs.replace(kept, **members))


def test_a_processor_that_was_never_started_says_so(ask: Any) -> None:
    made(ask)
    assert ask(EXPLAIN, **P) == {
        "name": "p",
        "state": "CREATED",
        "held": [
            {
                "code": "NOT_STARTED",
                "text": "the processor was never started",
                "remedy": "Start the processor.",
            }
        ],
        "plan": {
            "connections": ["solar", "it"],
            "source": "GeneratedSourceOperator",
            "links": [{"operators": ["MatchOperator"]}],
            "sink": "KafkaEmitOperator",
            "reads": None,
        },
    }
    assert "def run(values" in ask(EXPLAIN, b"", {"code": "true"}, **P)["code"]


def test_a_failed_one_tells_what_to_mend(ask: Any) -> None:
    made(ask)
    change(ask, state=State.FAILED, error="no partitions found for topic t")
    (held,) = ask(EXPLAIN, **P)["held"]
    assert (held["code"], held["remedy"][:16]) == ("FAILED", "Create the topic")


def test_what_cannot_be_planned_any_more_is_told(ask: Any) -> None:
    made(ask)
    change(ask, pipeline='[{"$source": {"connectionName": "gone"}}]')
    shown = ask(EXPLAIN, **P)
    assert "plan" not in shown
    assert "gone does not exist" in shown["problem"]


def test_the_unknown_is_not_found(ask: Any) -> None:
    made(ask)
    assert ask.error(EXPLAIN, processorName="q").code == "STREAM_PROCESSOR_NOT_FOUND_FOR_NAME"


def test_dates_of_workers_are_in_utc() -> None:
    naive = dt.datetime(2026, 1, 1)  # noqa: DTZ001 - as BSON is decoded
    assert milliseconds(naive) == milliseconds("2026-01-01T00:00:00Z") == 1_767_225_600_000
    assert milliseconds(None) is None
