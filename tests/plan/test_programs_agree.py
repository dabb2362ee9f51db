"""Generated code gives what the reference evaluator gives, for any document that may come, in either form."""

from __future__ import annotations

import contextlib
import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from mql.tables import strict

from brookmill.clock import VirtualClock
from brookmill.connections import Batch, Form
from brookmill.errors import DocumentError
from brookmill.mql import Document, parse_json
from brookmill.plan import plan

START = 1_700_000_000_000
EASY = settings(max_examples=150, deadline=None)

NUMBERS = st.sampled_from([0, 1, -1, 7, 2**31 - 1, 2**31, 2**63 - 1, 2**63, 10**30, 0.5, -0.0, 2.0, 1e308])
TEXTS = st.sampled_from(
    [
        *("", "a", "é", "寿司", "$a", "2024-08-12T21:41:01.788Z", "2024-08-12T21:41:01+02:00", "1969-01-01"),
        *(
            "1969-12-31T23:59:59.999Z",
            "0001-01-01T00:00:00.000Z",
            "2024-02-30T00:00:00.000Z",
            "2024-01-01T24:00:00.000Z",
        ),
    ]
)
#: Values as Extended JSON writes them, right and wrong.
WRAPPED = st.sampled_from(
    [
        {"$date": "2024-08-12T21:41:01.788Z"},
        {"$date": {"$numberLong": "-1"}},
        {"$date": {"$numberLong": "9223372036854775807"}},
        {"$numberLong": "5"},
        {"$numberLong": "x"},
        {"$numberInt": "5"},
        {"$numberDouble": "NaN"},
        {"$numberDouble": "-Infinity"},
        {"$numberDecimal": "1.50"},
        {"$oid": "64de12340000000000000000"},
        {"$unknown": 1},
        {"$minKey": 1},
    ]
)
SCALARS = st.one_of(NUMBERS, TEXTS, st.none(), st.booleans(), WRAPPED)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(["x", "y", "z"]), inner, max_size=3)
    ),
    max_leaves=6,
)
NAMES = st.sampled_from(["a", "b", "c", "at", "_id", "é", "$x"])
MEMBERS = st.lists(st.tuples(NAMES, VALUES), max_size=6)


def text_of(members: list[tuple[str, Any]]) -> bytes:
    """JSON in which a name may come twice."""
    inner = ",".join(f"{json.dumps(name)}:{json.dumps(value, ensure_ascii=False)}" for name, value in members)
    return f"{{{inner}}}".encode()


ODD = st.sampled_from(
    [
        b"",
        b"{",
        b"[1,2]",
        b"null",
        b"7",
        b'"a"',
        b'{"a":1}x',
        b'{"a":NaN}',
        b'{"a":"\xff"}',
        b'{"b":"\xff","a":1}',
        b'{"a":"\\ud800"}',
        b'{"a":1e999}',
        b"[" * 2000 + b"]" * 2000,
        b'{"a":{"x":1},"a":2}',
        b' {"a" : 1 } ',
    ]
)
TEXT = st.one_of(MEMBERS.map(text_of), MEMBERS.map(text_of), ODD)

STAGES: list[Document] = [
    {"$match": {"a": {"$gte": 1}}},
    {"$match": {"a.x": 1, "b": {"$ne": None}}},
    {"$match": {"$expr": {"$lt": ["$a", "$b"]}}},
    {"$addFields": {"r": {"$add": ["$a", "$b"]}}},
    {"$addFields": {"a.y": {"$multiply": ["$a.x", 2]}, "t": {"$toDate": "$at"}}},
    {"$addFields": {"half": {"$divide": ["$a", "$b"]}}},
    {"$project": {"_id": 0, "a": 1, "t": {"$toDate": "$at"}}},
    {"$project": {"a": 1}},
    {"$project": {"a.x": 1, "n": {"$concat": ["$a", "$b"]}}},
    {"$project": {"b": 0, "a.x": 0}},
    {"$unset": "a"},
    {"$replaceRoot": {"newRoot": "$a"}},
    {"$unwind": "$a"},
    {"$addFields": {"copy": "$$ROOT"}},
]
GROUP: Document = {
    "$group": {
        "_id": "$a",
        "n": {"$sum": 1},
        "sum": {"$sum": "$b"},
        "avg": {"$avg": "$b"},
        "min": {"$min": "$b"},
        "max": {"$max": "$b"},
        "all": {"$push": "$c"},
        "first": {"$first": "$c"},
        "last": {"$last": "$c"},
    }
}
INNER = st.sampled_from(
    [[GROUP], [{"$unwind": "$a"}, GROUP], [{"$sort": {"a": 1}}], [GROUP, {"$sort": {"sum": 1}}]]
)
SECOND = {"size": 1, "unit": "second"}
CUTS: list[Document] = [
    {"$tumblingWindow": {"interval": SECOND}},
    {"$hoppingWindow": {"interval": SECOND, "hopSize": {"size": 400, "unit": "ms"}}},
    {"$sessionWindow": {"gap": SECOND, "partitionBy": "$a"}},
    {"$sessionWindow": {"gap": SECOND, "partitionBy": {"$add": ["$a.x", 1]}, "allowedLateness": 0}},
]
WINDOWS = st.tuples(st.sampled_from(CUTS), INNER).map(
    lambda parts: [{name: spec | {"pipeline": parts[1]} for name, spec in parts[0].items()}]
)
PIPELINES = st.tuples(st.lists(st.sampled_from(STAGES), max_size=3), st.one_of(st.just([]), WINDOWS)).map(
    lambda parts: [*parts[0], *parts[1]]
)
SOURCES = st.sampled_from(
    [{}, {"tsFieldName": "ts"}, {"timeField": {"$toDate": "$at"}}, {"timeField": {"$toDate": "$a"}}]
)


def outcome(pipeline: list[Document], batch: Batch, accepts: Form, *, reference: bool) -> Any:
    """Output, dead letters and counts, in a form that tells types apart."""
    running = plan(pipeline, {}, sinkless=True).program(
        accepts, VirtualClock(START / 1000), reference=reference
    )
    output, letters = running.push(batch)
    late, more = running.tick(START + 10**7, START)
    values = [*output.values, *late.values]
    buried = [
        (
            one.reason,
            one.operator,
            one.document if isinstance(one.document, bytes) else strict(one.document),
            strict(one.meta),
        )
        for one in [*letters, *more]
    ]
    counts = [
        [int(one[f"{kind}MessageCount"]) for kind in ("input", "output", "dlq")]
        for one in running.operator_stats()
    ]
    # Integers beyond 64 bits count as doubles, but may keep all their digits where they only pass through.
    read = [parse_json(value) if accepts == "json" else value for value in values]
    return [strict(value) for value in read], buried, counts


def agree(pipeline: list[Document], batch: Batch, accepts: Form) -> None:
    quick = outcome(pipeline, batch, accepts, reference=False)
    assert quick == outcome(pipeline, batch, accepts, reference=True)


@given(st.lists(TEXT, max_size=6), PIPELINES, SOURCES, st.sampled_from(["json", "document"]))
@EASY
def test_json_texts(texts: list[bytes], stages: list[Document], source: Document, accepts: Form) -> None:
    pipeline = [{"$source": {"documents": [], **source}}, *stages]
    agree(pipeline, Batch(texts, [START + 700 * i for i in range(len(texts))]), accepts)


@given(st.lists(MEMBERS, max_size=6), PIPELINES, SOURCES, st.sampled_from(["json", "document"]))
@EASY
def test_documents(
    members: list[list[tuple[str, Any]]], stages: list[Document], source: Document, accepts: Form
) -> None:
    pipeline = [{"$source": {"documents": [], **source}}, *stages]
    documents = []
    for one in members:
        with contextlib.suppress(DocumentError):
            documents.append(parse_json(text_of(one)))
    times = [START + 700 * i for i in range(len(documents))]
    agree(pipeline, Batch(documents, times, form="document"), accepts)
