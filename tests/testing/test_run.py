"""What users may hand to ``brookmill.testing.run``, and what they get."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pytest
from bson import Decimal128, Int64, ObjectId

from brookmill.errors import ConnectionFailed
from brookmill.mql import PlanError
from brookmill.testing import Advance, Event, InvalidFlow, VirtualClock, run

KAFKA: dict[str, Any] = {"$source": {"connectionName": "kafka", "topic": "t"}}
MINUTE: dict[str, Any] = {
    "$tumblingWindow": {
        "interval": {"size": 1, "unit": "minute"},
        "allowedLateness": 0,
        "pipeline": [{"$group": {"_id": None, "n": {"$sum": 1}}}],
    }
}
NOON = dt.datetime(2024, 1, 1, 12, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    "inputs",
    [
        [{"n": 1}, {"n": 2}],
        ({"n": n} for n in (1, 2)),
        {"kafka": [{"n": 1}, {"n": 2}]},
        {"t": [{"n": 1}, {"n": 2}]},
        {"kafka": {"t": [{"n": 1}, {"n": 2}]}},
        [Event({"n": 1}), Event({"n": 2}, key="k")],
        [{"document": {"n": 1}, "key": "k"}, {"document": '{"n": 2}'}],
        [{"n": {"$numberInt": "1"}}, {"document": b'{"n": 2}', "partition": 3}],
    ],
)
def test_inputs_come_in_many_shapes(inputs: Any) -> None:
    assert run([KAFKA], inputs).output == [{"n": 1}, {"n": 2}]


@pytest.mark.parametrize("pipeline", [json.dumps([KAFKA]), json.dumps([KAFKA]).encode(), [KAFKA], (KAFKA,)])
def test_pipelines_are_objects_or_text(pipeline: Any) -> None:
    assert run(pipeline, [{"n": 1}]).output == [{"n": 1}]


def test_python_values_keep_their_types() -> None:
    values = {
        "_id": ObjectId("507f1f77bcf86cd799439011"),
        "long": Int64(5),
        "double": 5.0,
        "decimal": Decimal128("1.50"),
        "date": NOON,
        "binary": b"\x01",
        "inner": {"list": [Int64(1), None, True]},
    }
    types = {name: {"$type": f"${name}"} for name in values}
    result = run([KAFKA, {"$addFields": {"types": types}}], [values])
    kinds = result.output[0].pop("types")
    assert kinds == {"inner": "object", "binary": "binData", "_id": "objectId"} | {
        name: name for name in ("long", "double", "decimal", "date")
    }
    assert result.output == [values]


def test_the_clock_begins_where_it_is_told_to_and_moves_with_the_inputs() -> None:
    now = [KAFKA, {"$project": {"now": {"$currentDate": {}}}}]
    assert run(now, [{}], clock=NOON).output == [{"now": NOON}]
    assert run(now, [{}], clock="2024-01-01T12:00:00Z").output == [{"now": NOON}]
    assert run(now, [{}], clock=int(NOON.timestamp() * 1000)).output == [{"now": NOON}]
    assert run(now, [Event({}, at=NOON)]).output == [{"now": NOON}]
    clock = VirtualClock(NOON.timestamp())
    inputs = [
        {},
        Advance(90),
        {},
        {"advance": "2m"},
        {"idle": {"size": 1, "unit": "hour"}},
        Event({}, at=NOON),
    ]
    seconds = [(one["now"] - NOON).total_seconds() for one in run(now, inputs, clock=clock).output]
    assert seconds == [0, 90, 90 + 120 + 3600]
    assert clock.now() == NOON.timestamp() + 3810


def test_time_that_passes_between_two_documents_is_silence() -> None:
    window = {**MINUTE["$tumblingWindow"], "idleTimeout": {"size": 10, "unit": "second"}}
    pipeline = [KAFKA, {"$tumblingWindow": window}, {"$set": {"at": {"$currentDate": {}}}}]
    later = NOON + dt.timedelta(hours=1)
    result = run(pipeline, [Event({}, at=NOON), Event({}, at=later)], close_windows=False)
    assert result.output == [{"_id": None, "n": 1, "at": later}]


def test_open_windows_are_closed_at_the_end_unless_told_otherwise() -> None:
    inputs = [Event({}, at=NOON), Event({}, at=NOON + dt.timedelta(minutes=1)), Event({}, at=NOON)]
    whole = run([KAFKA, MINUTE], inputs)
    assert (whole.output, whole.at_end) == ([{"_id": None, "n": 1}, {"_id": None, "n": 1}], 1)
    assert whole.reasons == ["Input document arrived late."]
    cut = run([KAFKA, MINUTE], inputs, close_windows=False)
    assert (cut.output, cut.at_end) == ([{"_id": None, "n": 1}], 0)


def test_messages_have_keys_headers_and_raw_values() -> None:
    config = {"key": "$k", "keyFormat": "string", "headers": {"h": "$k"}}
    emit = {"$emit": {"connectionName": "out", "topic": "made", "config": config}}
    result = run([KAFKA, emit], [{"k": "a", "n": 1}])
    (message,) = result.topics["made"]
    assert (message.topic, message.value, message.key) == ("made", {"k": "a", "n": 1}, b"a")
    assert (message.headers, message.raw) == ((("h", b"a"),), b'{"k":"a","n":1}')
    assert result.output == [message.value]


LOOKUP = {
    "$lookup": {
        "from": {"connectionName": "atlas", "db": "d", "coll": "c"},
        "localField": "k",
        "foreignField": "_id",
        "as": "found",
    }
}


@pytest.mark.parametrize(
    "collections",
    [
        {"atlas.d.c": [{"_id": 1}]},
        {"d.c": [{"_id": 1}]},
        {"atlas": {"d": {"c": [{"_id": 1}]}}},
        {"d": {"c": [{"_id": 1}]}},
    ],
)
def test_collections_come_in_many_shapes(collections: Any) -> None:
    result = run([KAFKA, LOOKUP], [{"k": 1}, {"k": 2}], collections=collections)
    assert result.output == [{"k": 1, "found": [{"_id": 1}]}, {"k": 2, "found": []}]
    assert result.collections == {"d.c": [{"_id": 1}]}


def test_each_cluster_has_collections_of_its_own() -> None:
    merge = {"$merge": {"into": {"connectionName": "copy", "db": "d", "coll": "c"}}}
    result = run([KAFKA, LOOKUP, merge], [{"_id": 5, "k": 1}], collections={"atlas.d.c": [{"_id": 1}]})
    assert result.collections["d.c"] == [{"_id": 5, "found": [{"_id": 1}], "k": 1}]
    assert result.collections["copy.d.c"] == result.collections["d.c"]
    assert result.collections["atlas.d.c"] == [{"_id": 1}]
    with pytest.raises(KeyError, match=r"there are d\.c"):
        result.collections["d.nothing"]


ASK = {"$https": {"connectionName": "api", "path": "/p", "method": "POST", "as": "reply"}}


@pytest.mark.parametrize(
    ("https", "reply"),
    [
        (lambda request: {"n": request.body["n"] + 1}, {"n": 2}),
        (lambda request: (200, [request.method, request.path]), ["POST", "/p"]),
        (lambda request: {"status": 201, "body": "text"}, "text"),
        ({"/p": {"a": 1}}, {"a": 1}),
        ({"POST /p": lambda request: request.headers["content-type"]}, "application/json"),
        ({"https://api.test/p": 5}, 5),
        ({"*": (200, None, {})}, None),
        (None, None),
    ],
)
def test_endpoints_come_in_many_shapes(https: Any, reply: Any) -> None:
    result = run([KAFKA, ASK], [{"n": 1}], https=https)
    assert result.output == [{"n": 1} | ({} if reply is None else {"reply": reply})]
    (request,) = result.requests
    assert (request.method, request.url, request.body) == ("POST", "https://api.test/p", {"n": 1})


def test_what_an_endpoint_refuses_is_a_dead_letter_and_what_breaks_it_stops_the_processor() -> None:
    refused = run([KAFKA, ASK], [{"n": 1}], https=lambda _: (404, "no"))
    assert (refused.output, refused.dead_letters[0]["doc"]) == ([], {"n": 1})
    clock = VirtualClock()
    with pytest.raises(ConnectionFailed, match="500"):
        run([KAFKA, ASK], [{"n": 1}], https=lambda _: (500, "no"), clock=clock)
    assert clock.monotonic() > 1, "it was asked again, on the test's own clock"


CALL = {"$externalFunction": {"connectionName": "aws", "functionName": "f", "as": "reply"}}


@pytest.mark.parametrize(
    ("functions", "reply"),
    [
        ({"f": lambda payload: {"n": payload["n"] + 1}}, {"n": 2}),
        ({"f": "same"}, "same"),
        (lambda payload: [payload["n"]], [1]),
        ({"f": None}, None),
    ],
)
def test_functions_come_in_many_shapes(functions: Any, reply: Any) -> None:
    result = run([KAFKA, CALL], [{"n": 1}], functions=functions)
    assert result.output == [{"n": 1} | ({} if reply is None else {"reply": reply})]
    assert [(call.function, call.payload, call.execution) for call in result.calls] == [
        ("f", {"n": 1}, "sync")
    ]


def test_a_function_that_raises_makes_a_dead_letter() -> None:
    result = run([KAFKA, CALL], [{"n": 0}, {"n": 1}], functions={"f": lambda payload: 1 // payload["n"]})
    assert result.output == [{"n": 1, "reply": 1}]
    assert "ZeroDivisionError" in result.reasons[0]


def test_duplicates_come_only_from_what_was_not_in_a_checkpoint() -> None:
    inputs = [{"n": n} for n in range(6)]
    again = run([KAFKA], inputs, batch_size=1, checkpoint_every=2, crash_at=[3])
    assert [one["n"] for one in again.output] == [0, 1, 2, 2, 3, 4, 5]
    same = run([KAFKA], inputs, batch_size=2, crash_at="every")
    assert same.output == inputs


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"pipeline": "[", "inputs": []}, "the pipeline: invalid JSON"),
        ({"pipeline": "{}", "inputs": []}, "must be an array of stages"),
        ({"inputs": [1]}, "input 0: 1 is no document"),
        ({"inputs": [{}, {"advance": "soon"}]}, "input 1: 'soon' is no span of time"),
        ({"inputs": [{"document": {}, "at": "noon"}]}, "input 0: 'noon' is no moment"),
        ({"inputs": {"other": []}}, "inputs for 'other': the pipeline only reads kafka, t"),
        ({"inputs": [{"document": {}, "topic": "u"}]}, "does not read the topic u"),
        ({"inputs": {"t": 5}}, "inputs must be a list"),
        ({"collections": {"d.c": []}}, "has no Cluster connection"),
        ({"connections": {"kafka": {"type": "Kafak"}}}, "type must be one of"),
        ({"connections": {"kafka": {"type": "Kafka"}}}, "of type Kafka needs bootstrapServers"),
        ({"pipeline": [{"$source": {"documents": []}}], "inputs": [{}]}, "there is no source to take inputs"),
        ({"pipeline": [{"$source": {"connectionName": "sample_stream_solar"}}]}, "or a duration"),
    ],
)
def test_what_is_wrong_with_a_test_is_said(arguments: dict[str, Any], text: str) -> None:
    with pytest.raises(InvalidFlow) as e:
        run(**({"pipeline": [KAFKA]} | arguments))
    assert text in str(e.value)


def test_what_is_wrong_with_the_pipeline_is_said_as_everywhere() -> None:
    with pytest.raises(PlanError, match="Unrecognized pipeline stage name"):
        run([KAFKA, {"$mach": {}}], [])
