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
    assert result.collections["copy"]["d"]["c"] == result.collections["d.c"]
    assert result.collections.get("atlas.d.c") == [{"_id": 1}]
    assert result.collections["d.nothing"] == []
    assert result.collections.get("d.nothing") is None


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
        ({"pipeline": [{"$source": {"connectionName": "sample_stream_solar"}}]}, "say for how long"),
    ],
)
def test_what_is_wrong_with_a_test_is_said(arguments: dict[str, Any], text: str) -> None:
    with pytest.raises(InvalidFlow) as e:
        run(**({"pipeline": [KAFKA]} | arguments))
    assert text in str(e.value)


def test_what_is_wrong_with_the_pipeline_is_said_as_everywhere() -> None:
    with pytest.raises(PlanError, match="Unrecognized pipeline stage name"):
        run([KAFKA, {"$mach": {}}], [])


STREAM: dict[str, Any] = {"$source": {"connectionName": "atlas", "db": "d", "coll": "c"}}


@pytest.mark.parametrize(
    "inputs",
    [
        [(NOON, {"_id": 1})],
        {"c": [{"_id": 1}]},
        {"d.c": [{"_id": 1}]},
        {"d": {"c": [{"_id": 1}]}},
        {"atlas": {"d.c": [{"_id": 1}]}},
        {"atlas.d.c": [{"_id": 1}]},
    ],
)
def test_collections_of_a_change_stream_are_named_in_many_ways(inputs: Any) -> None:
    shown = [STREAM, {"$project": {"_id": 0, "fullDocument": 1, "ns": 1}}]
    assert run(shown, inputs).output == [{"fullDocument": {"_id": 1}, "ns": {"db": "d", "coll": "c"}}]
    with pytest.raises(InvalidFlow, match=r"inputs for 'd\.other': the pipeline only reads atlas, c"):
        run(shown, {"d.other": [{}]})


def test_change_events_are_made_whole() -> None:
    given = {"operationType": "delete", "documentKey": {"_id": 7}}
    (event,) = run([STREAM], [(NOON, given)]).output
    assert list(event) == ["_id", "operationType", "clusterTime", "wallTime", "ns", "documentKey"]
    assert event["wallTime"] == NOON
    assert event["ns"] == {"db": "d", "coll": "c"}
    told = {"operationType": "insert", "fullDocument": {"_id": 7}, "wallTime": NOON, "_id": {"_data": "8A"}}
    (event,) = run([STREAM], [told]).output
    assert event["documentKey"] == {"_id": 7}
    assert event["_id"] == {"_data": "8A"}
    assert run([STREAM], [{"operationType": "invalidate"}]).output == [{"operationType": "invalidate"}]


def test_what_one_pipeline_emits_another_reads() -> None:
    config = {"key": "$k", "keyFormat": "string"}
    emit = {"$emit": {"connectionName": "kafka", "topic": "t", "config": config}}
    emitted = run([{"$source": {"documents": [{"k": "a"}]}}, emit]).topics
    documents: list[Any] = [{"k": "a"}]
    assert emitted["t"] == documents
    assert emitted["t"][0]["k"] == "a"
    assert emitted["nothing"] == []
    source = {"$source": {**KAFKA["$source"], "config": {"keyFormat": "string"}}}
    key = {"$addFields": {"key": {"$meta": "stream.source.key"}}}
    assert run([source, key], emitted["t"]).output == [{"k": "a", "key": "a"}]
    messages = [{"value": {"k": "a"}, "key": "b"}]
    assert run([source, key], topics={"t": messages}).output == [{"k": "a", "key": "b"}]


def test_arrays_are_messages_too() -> None:
    assert run([KAFKA], [[{"a": 1}, {"b": 2}]]).output == [{"0": {"a": 1}, "1": {"b": 2}}]


def test_topics_that_nothing_is_said_of_hold_up_no_watermark() -> None:
    two = {"$source": {"connectionName": "kafka", "topic": ["a", "b"], "timeField": {"$toDate": "$t"}}}
    told = [{"t": f"2024-01-01T12:0{minute}:00Z"} for minute in (0, 5)]
    assert run([two, MINUTE], {"a": told}, close_windows=False).output == [{"_id": None, "n": 1}]
    assert run([two, MINUTE], {"a": told, "b": []}, close_windows=False).output == []


def test_endpoints_and_functions_may_stand_for_connections() -> None:
    def ask(name: str) -> dict[str, Any]:
        return {"$https": {"connectionName": name, "path": "/p", "as": name}}

    source = {"$source": {"documents": [{"a": 1}]}}
    https = {"first": {"v": 1}, "second": {"GET /p": {"v": 2}}}
    result = run([source, ask("first"), ask("second")], https=https)
    assert result.output == [{"a": 1, "first": {"v": 1}, "second": {"v": 2}}]
    assert result.requests[1]["path"] == "/p"
    call = {"$externalFunction": {"connectionName": "lambda", "functionName": "f", "as": "r"}}
    assert run([source, call], functions={"lambda": 5}).output == [{"a": 1, "r": 5}]


def test_a_schedule_runs_for_as_long_as_the_inputs_say() -> None:
    schedule = {"$source": {"schedule": "0 0/5 * * * *"}}
    times = [{"_ts": NOON}, {"_ts": NOON + dt.timedelta(minutes=5)}]
    assert run([schedule], clock=NOON, duration="5m").output == times
    assert run([schedule], [Advance("2m"), {"advance": "4m"}], clock=NOON).output == times


def test_a_whole_processor_may_be_given() -> None:
    processor = {"name": "p", "pipeline": [KAFKA], "options": {"streamMetaFieldName": "meta"}}
    assert run(processor, [{}]).output[0]["meta"]["source"]["topic"] == "t"
    assert run(json.dumps(processor), [{}]).output[0]["meta"]["source"]["topic"] == "t"
    assert run(processor, ["{broken"]).dead_letters[0]["processorName"] == "p"


@pytest.mark.parametrize(
    ("pipeline", "note"),
    [
        (
            [{"$source": {**STREAM["$source"], "fullDocument": "updateLookup"}}],
            "0.$source: fullDocument read as config.fullDocument",
        ),
        ([{"$source": {**KAFKA["$source"], "partitionCount": 1}}], "0.$source: partitionCount is not needed"),
        (
            [KAFKA, {"$emit": {"kafka": {"connectionName": "kafka", "topic": "out"}}}],
            "1.$emit: the members of kafka read as its own",
        ),
        (
            [KAFKA, {"$emit": {"connectionName": "__testLog"}}],
            "__testLog is no sink here: the documents are output",
        ),
    ],
)
def test_spellings_of_earlier_years_are_understood_but_by_the_strict(pipeline: Any, note: str) -> None:
    result = run(pipeline, [{"_id": 1}])
    assert len(result.output) == 1
    assert result.notes == [note]
    assert run([KAFKA], [{}]).notes == []
    with pytest.raises(PlanError):
        run(pipeline, [{"_id": 1}], strict=True)


def test_a_sample_may_share_its_name_with_a_cluster() -> None:
    merge = {"$merge": {"into": {"connectionName": "sample_stream_solar", "db": "d", "coll": "c"}}}
    result = run([{"$source": {"connectionName": "sample_stream_solar"}}, merge], [{"_id": 1}])
    assert result.collections["d.c"] == [{"_id": 1}]
    assert "sample_stream_solar is a sample" in result.notes[0]


def test_plain_numbers_in_a_merge_pipeline_are_dates_as_longs_are() -> None:
    first = {"$ifNull": ["$at", {"$toDate": 0}]}
    merge = {
        "into": {"connectionName": "atlas", "db": "d", "coll": "c"},
        "whenMatched": [{"$set": {"at": first}}],
    }
    result = run(
        [{"$source": {"documents": [{"_id": 1}]}}, {"$merge": merge}], collections={"d.c": [{"_id": 1}]}
    )
    assert result.collections["d.c"] == [{"_id": 1, "at": dt.datetime(1970, 1, 1, tzinfo=dt.UTC)}]
