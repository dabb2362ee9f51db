"""Processors: create, list, get, modify, delete. Running ones are tested with real workers."""

from __future__ import annotations

import threading
from typing import Any

import msgspec
import pytest
from servers import wait_until

from brookmill.domain.names import new_id
from brookmill.domain.processor import State

CREATE, GET, LIST = "createGroupStreamProcessor", "getGroupStreamProcessor", "getGroupStreamProcessors"
UPDATE, DELETE = "updateGroupStreamProcessor", "deleteGroupStreamProcessor"
START, START_WITH = "startGroupStreamProcessor", "startGroupStreamProcessorWith"

SOURCE = {"$source": {"connectionName": "sample_stream_solar"}}
EMIT = {"$emit": {"connectionName": "kafka", "topic": "t"}}
PIPELINE = [SOURCE, EMIT]
DLQ = {"connectionName": "cluster", "db": "d", "coll": "c"}


@pytest.fixture(autouse=True)
def connections(ask: Any) -> None:
    for body in (
        {"name": "sample_stream_solar", "type": "Sample"},
        {"name": "kafka", "type": "Kafka", "bootstrapServers": "localhost:1"},
        {"name": "cluster", "type": "Cluster", "clusterName": "c"},
    ):
        ask("createGroupStreamConnection", body)


def window(size: int) -> dict[str, Any]:
    inner = [{"$group": {"_id": "$group_id", "n": {"$sum": 1}}}]
    return {"$tumblingWindow": {"interval": {"size": size, "unit": "second"}, "pipeline": inner}}


def become(ask: Any, name: str, state: State, checkpoint: bytes | None = None) -> None:
    with ask.store.write() as session:
        workspace = session.workspace("b" * 24, ask.path["tenantName"])
        processor = session.processor(workspace, name)
        session.replace_processor(msgspec.structs.replace(processor, state=state))
        if checkpoint is not None:
            session.save_checkpoint(processor.id, processor.generation, checkpoint)


def checkpoint(ask: Any, name: str) -> bytes | None:
    with ask.store.read() as session:
        workspace = session.workspace("b" * 24, ask.path["tenantName"])
        kept: bytes | None = session.checkpoint(session.processor(workspace, name).id)
        return kept


def test_a_processor_comes_back_as_it_was_sent(ask: Any) -> None:
    options = {"dlq": DLQ}
    made = ask(CREATE, {"name": "p", "pipeline": PIPELINE, "options": options, "tier": "SP5", "links": []})
    sent = {"name": "p", "pipeline": PIPELINE, "options": options, "tier": "SP5"}
    assert made == sent | {"_id": made["_id"], "effectiveTier": "SP5"}
    assert ask(GET, processorName="p") == made | {"state": "CREATED"}
    assert ask(LIST) == {"results": [made | {"state": "CREATED"}], "totalCount": 1}
    assert ask(DELETE, processorName="p") is None
    error = ask.error(GET, processorName="p")
    assert (error.code, error.status) == ("STREAM_PROCESSOR_NOT_FOUND_FOR_NAME", 404)


def test_only_what_was_sent_comes_back(ask: Any) -> None:
    made = ask(CREATE, {"name": "p", "pipeline": PIPELINE})
    assert made == {"_id": made["_id"], "effectiveTier": "SP10", "name": "p", "pipeline": PIPELINE}
    assert (
        ask(CREATE, {"name": "q", "pipeline": PIPELINE, "failoverEnabled": False})["failoverEnabled"] is False
    )


def test_pipelines_keep_their_order_and_their_numbers(ask: Any) -> None:
    stage = b'{"$match":{"z":{"$gt":1.0},"a":{"$lt":100000000000000000000},"m":1.50,"b":1e2,"t":"\\u00e9 x"}}'
    pipeline = b'[{"$source":{"connectionName":"sample_stream_solar"}},' + stage
    pipeline += b',{"$emit":{"topic":"t","connectionName":"kafka"}}]'
    spaced = pipeline.replace(b",", b" ,\n ").replace(b":", b" : ")
    ask(CREATE, b'{"name":"p","pipeline":' + spaced + b"}")
    with ask.store.read() as session:
        processor = session.processors(session.workspace("b" * 24, ask.path["tenantName"]))[0]
    assert processor.pipeline.encode() == pipeline


@pytest.mark.parametrize(
    ("body", "code", "detail"),
    [
        ({"name": "p"}, "MISSING_ATTRIBUTE", "pipeline"),
        ({"pipeline": PIPELINE}, "MISSING_ATTRIBUTE", "name"),
        ({"name": "p", "pipeline": {}}, "INVALID_JSON_ATTRIBUTE", "pipeline"),
        ({"name": "p", "pipeline": PIPELINE, "tier": "SP1"}, "INVALID_ENUM_VALUE", "SP1"),
        ({"name": "p", "pipeline": PIPELINE, "pipe": []}, "INVALID_ATTRIBUTE", "pipe"),
        ({"name": "a/b", "pipeline": PIPELINE}, "VALIDATION_ERROR", "Invalid processor name"),
        ({"name": "p", "pipeline": []}, "STREAM_PROCESSOR_GENERIC_ERROR", "(p)"),
        ({"name": "p", "pipeline": [SOURCE, {"$nope": {}}, EMIT]}, "STREAM_PROCESSOR_GENERIC_ERROR", "$nope"),
        ({"name": "p", "pipeline": [EMIT, SOURCE]}, "STREAM_PROCESSOR_GENERIC_ERROR", "(p)"),
        (
            {"name": "p", "pipeline": [{"$source": {"connectionName": "X", "topic": "t"}}, EMIT]},
            "STREAM_PROCESSOR_GENERIC_ERROR",
            "connection named X does not exist. Check sp.listConnections() for available connections",
        ),
        (
            {"name": "p", "pipeline": PIPELINE, "options": {"dlq": DLQ | {"connectionName": "X"}}},
            "STREAM_PROCESSOR_GENERIC_ERROR",
            "connection named X does not exist. Check sp.listConnections() for available connections",
        ),
        (
            {"name": "p", "pipeline": PIPELINE, "options": {"dlq": DLQ | {"connectionName": "kafka"}}},
            "STREAM_PROCESSOR_GENERIC_ERROR",
            "not Cluster",
        ),
        (
            {"name": "p", "pipeline": PIPELINE, "options": {"dlq": {"connectionName": "cluster"}}},
            "STREAM_PROCESSOR_GENERIC_ERROR",
            "dlq requires db, coll",
        ),
        (
            {
                "name": "p",
                "pipeline": PIPELINE,
                "options": {"autoscaling": {"enabled": True, "maxTier": "SP2"}},
            },
            "STREAM_PROCESSOR_GENERIC_ERROR",
            "autoscaling",
        ),
    ],
)
def test_refused(ask: Any, body: dict[str, Any], code: str, detail: str) -> None:
    error = ask.error(CREATE, body)
    assert (error.code, error.status) == (code, 400)
    assert detail in error.detail
    assert ask(LIST)["totalCount"] == 0


def test_a_name_is_taken_once(ask: Any) -> None:
    ask(CREATE, {"name": "p", "pipeline": PIPELINE})
    ask(CREATE, {"name": "q", "pipeline": PIPELINE})
    error = ask.error(CREATE, {"name": "p", "pipeline": PIPELINE})
    assert (error.code, error.status) == ("STREAM_PROCESSOR_NAME_ALREADY_EXISTS", 409)
    error = ask.error(UPDATE, {"name": "p"}, processorName="q")
    assert (error.code, error.status) == ("STREAM_PROCESSOR_NAME_ALREADY_EXISTS", 409)
    assert ask(UPDATE, {"name": "q"}, processorName="q")["name"] == "q"


@pytest.mark.parametrize(
    ("stored", "patch", "out"),
    [
        ({}, {}, {}),
        ({}, {"name": "other"}, {"name": "other"}),
        ({}, {"tier": "SP30"}, {"tier": "SP30"}),
        (
            {},
            {"pipeline": [SOURCE, {"$match": {"a": 1}}, EMIT]},
            {"pipeline": [SOURCE, {"$match": {"a": 1}}, EMIT]},
        ),
        ({}, {"options": {"dlq": DLQ}}, {"options": {"dlq": DLQ}}),
        ({"options": {"dlq": DLQ}}, {"options": {}}, {"options": {"dlq": DLQ}}),
        ({"options": {"dlq": DLQ}}, {"tier": "SP5"}, {"options": {"dlq": DLQ}, "tier": "SP5"}),
        ({"options": {"dlq": DLQ}}, {"options": {"dlq": {}}}, {}),
        ({"failoverEnabled": True}, {"failoverEnabled": False}, {"failoverEnabled": False}),
        (
            {},
            {"options": {"autoscaling": {"enabled": True}}},
            {"options": {"autoscaling": {"enabled": True, "minTier": "SP10", "maxTier": "SP50"}}},
        ),
        (
            {"options": {"autoscaling": {"enabled": True}}},
            {"options": {"autoscaling": {"enabled": None}}},
            {},
        ),
    ],
)
@pytest.mark.parametrize("state", [State.CREATED, State.STOPPED, State.FAILED])
def test_modifying(ask: Any, state: State, stored: dict[str, Any], patch: Any, out: Any) -> None:
    made = ask(CREATE, {"name": "p", "pipeline": PIPELINE} | stored)
    become(ask, "p", state)
    expected = {k: made[k] for k in ("_id", "effectiveTier")} | {"name": "p", "pipeline": PIPELINE}
    expected |= out | {"state": state.value}
    assert ask(UPDATE, patch, processorName="p") == expected
    assert ask(GET, processorName=expected["name"]) == expected


def test_a_started_processor_cannot_be_modified(ask: Any) -> None:
    ask(CREATE, {"name": "p", "pipeline": PIPELINE})
    become(ask, "p", State.STARTED)
    error = ask.error(UPDATE, {"name": "q"}, processorName="p")
    assert (error.code, error.status) == ("STREAM_PROCESSOR_GENERIC_ERROR", 400)
    assert "stopped" in error.detail
    become(ask, "p", State.STOPPED)


@pytest.mark.parametrize(
    ("kept", "now", "problem"),
    [
        (PIPELINE, [{"$source": {"documents": [{"a": 1}]}}, EMIT], "$source stage"),
        (
            [SOURCE, window(1), EMIT],
            [SOURCE, window(2), EMIT],
            "$tumblingWindow stage: its interval was changed",
        ),
        ([SOURCE, window(1), EMIT], PIPELINE, "$tumblingWindow stage: it was removed"),
    ],
)
def test_what_a_checkpoint_forbids(ask: Any, kept: Any, now: Any, problem: str) -> None:
    ask(CREATE, {"name": "p", "pipeline": kept})
    become(ask, "p", State.STOPPED, b"state")
    for options in ({}, {"options": {"resumeFromCheckpoint": True}}):
        error = ask.error(UPDATE, {"pipeline": now} | options, processorName="p")
        assert error.code == "STREAM_PROCESSOR_GENERIC_ERROR"
        text = f"resumeFromCheckpoint must be false to modify a stream processor's {problem}"
        assert error.parameters == ("p", text)
    assert checkpoint(ask, "p") == b"state"
    assert ask(GET, processorName="p")["pipeline"] == kept
    answer = ask(UPDATE, {"pipeline": now, "options": {"resumeFromCheckpoint": False}}, processorName="p")
    assert answer["pipeline"] == now
    assert "options" not in answer
    assert checkpoint(ask, "p") is None


def test_a_modified_pipeline_is_checked(ask: Any) -> None:
    made = ask(CREATE, {"name": "p", "pipeline": PIPELINE})
    error = ask.error(UPDATE, {"pipeline": [SOURCE, {"$nope": {}}, EMIT]}, processorName="p")
    assert error.code == "STREAM_PROCESSOR_GENERIC_ERROR"
    assert ask(GET, processorName="p") == made | {"state": "CREATED"}


@pytest.mark.parametrize("tier", ["SP30", "SP50"])
def test_a_tier_above_the_workspace_is_refused_at_start(ask: Any, tier: str) -> None:
    ask("updateGroupStreamWorkspace", {"streamConfig": {"maxTierSize": "SP10"}})
    ask(CREATE, {"name": "p", "pipeline": PIPELINE, "tier": tier})
    ask(CREATE, {"name": "q", "pipeline": PIPELINE})
    for error in (
        ask.error(START, processorName="p"),
        ask.error(START_WITH, {"tier": tier}, processorName="q"),
    ):
        assert (error.code, error.status) == ("STREAM_PROCESSOR_GENERIC_ERROR", 400)
        assert f"tier {tier} is larger than the maximum tier size SP10" in error.detail
    assert [p["state"] for p in ask(LIST)["results"]] == ["CREATED", "CREATED"]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"failover": {"region": "OHIO_USA", "dryRun": True}}, "VALIDATION_ERROR"),
        ({"failover": {}}, "MISSING_ATTRIBUTE"),
        ({"startAtOperationTime": "2026-01-01T00:00:00Z"}, "VALIDATION_ERROR"),
        ({"startAtOperationTime": "yesterday"}, "INVALID_ATTRIBUTE"),
        ({"tier": "SP40"}, "INVALID_ENUM_VALUE"),
        ({"resumeFromCheckpoint": "no"}, "INVALID_JSON_ATTRIBUTE"),
        (
            {"autoscaling": {"enabled": True, "minTier": "SP50", "maxTier": "SP5"}},
            "STREAM_PROCESSOR_GENERIC_ERROR",
        ),
        ({"options": {}}, "INVALID_ATTRIBUTE"),
    ],
)
def test_starts_that_are_refused(ask: Any, body: dict[str, Any], code: str) -> None:
    ask(CREATE, {"name": "p", "pipeline": PIPELINE})
    error = ask.error(START_WITH, body, processorName="p")
    assert (error.code, error.status) == (code, 400)
    assert ask(GET, processorName="p")["state"] == "CREATED"


@pytest.mark.parametrize(
    "operation", [CREATE, LIST, GET, UPDATE, DELETE, START, START_WITH, "stopGroupStreamProcessor"]
)
def test_what_is_not_there(ask: Any, operation: str) -> None:
    if operation not in (CREATE, LIST):
        error = ask.error(operation, b"no JSON", processorName="nope")
        assert (error.code, error.status) == ("STREAM_PROCESSOR_NOT_FOUND_FOR_NAME", 404)
    error = ask.error(operation, b"no JSON", tenantName="nope", processorName="nope")
    assert (error.code, error.status) == ("STREAM_TENANT_NOT_FOUND_FOR_NAME", 404)


def test_a_workspace_made_again_meanwhile_gets_no_processor_of_the_old_one(ask: Any) -> None:
    answers: list[Any] = []
    caller = threading.Thread(
        target=lambda: answers.append(ask.attempt(CREATE, {"name": "p", "pipeline": PIPELINE}))
    )
    with ask.store.write() as session:
        old = session.workspace("b" * 24, ask.path["tenantName"])
        caller.start()
        wait_until(lambda: ask.store._writer._queue, what="the caller at its write")
        session.remove_workspace(old)
        session.add_workspace(msgspec.structs.replace(old, id=new_id(ask.clock.now())))
    caller.join()
    assert [answer.code for answer in answers] == ["STREAM_TENANT_NOT_FOUND_FOR_NAME"]
