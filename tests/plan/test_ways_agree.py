"""Whatever JSON text comes, projected decoding, whole documents and the reference evaluator give the same."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mql.tables import strict

from brookmill.clock import VirtualClock
from brookmill.connections import Batch, Form
from brookmill.mql import Document
from brookmill.mql.values import storable
from brookmill.plan import Plan, plan

START = 1_700_000_000_000
EASY = settings(max_examples=150, deadline=None)

SOURCE: Document = {"$source": {"documents": []}}
WINDOW = {"interval": {"size": 10, "unit": "second"}, "allowedLateness": 0}
#: Between them: projected and whole decoding, kept and computed fields, dates, metadata, windows, times.
PIPELINES: dict[str, list[Document]] = {
    "one field kept": [
        SOURCE,
        {"$match": {"a.b": {"$gte": 2}, "c": {"$ne": "x"}}},
        {"$addFields": {"e": {"$divide": ["$a.b", "$c"]}}},
        {"$project": {"_id": 0, "e": 1, "c": 1, "d": {"$toDate": "$d"}, "f": {"$ifNull": ["$a.f", "$c"]}}},
    ],
    "with its identity": [SOURCE, {"$project": {"a": 1, "c": {"$type": "$c"}}}],
    "two fields kept": [SOURCE, {"$match": {"a.b": None}}, {"$project": {"a": 1, "c": 1}}],
    "whole": [
        SOURCE,
        {"$match": {"$or": [{"a.b": {"$lt": 5}}, {"c": {"$in": [1, "x"]}}]}},
        {"$unset": "a.b"},
    ],
    "root replaced": [SOURCE, {"$replaceRoot": {"newRoot": "$a"}}],
    "unwound": [SOURCE, {"$unwind": "$a"}, {"$project": {"_id": 0, "b": "$a.b", "n": {"$add": ["$a.b", 1]}}}],
    "metadata": [SOURCE, {"$project": {"_id": 0, "c": 1, "at": {"$meta": "stream.source.ts"}}}],
    "grouped": [
        {"$source": {"documents": [], "timeField": {"$toDate": "$d"}}},
        {
            "$tumblingWindow": {
                **WINDOW,
                "pipeline": [
                    {"$match": {"c": {"$ne": 0}}},
                    {
                        "$group": {
                            "_id": "$c",
                            "n": {"$sum": "$a.b"},
                            "m": {"$max": "$a.b"},
                            "l": {"$push": "$a"},
                        }
                    },
                ],
            }
        },
        {"$match": {"n": {"$gte": 0}}},
    ],
    "in overlapping windows": [
        {"$source": {"documents": [], "timeField": {"$toDate": "$d"}}},
        {
            "$hoppingWindow": {
                **WINDOW,
                "hopSize": {"size": 3, "unit": "second"},
                "pipeline": [
                    {"$unwind": "$a"},
                    {
                        "$group": {
                            "_id": {"$meta": "stream.window.start"},
                            "n": {"$sum": {"$divide": ["$a.b", "$c"]}},
                        }
                    },
                ],
            }
        },
    ],
    "in sessions": [
        {"$source": {"documents": [], "timeField": {"$toDate": "$d"}}},
        {
            "$sessionWindow": {
                "gap": {"size": 3, "unit": "second"},
                "partitionBy": "$c",
                "pipeline": [{"$group": {"_id": "$a.b", "n": {"$sum": 1}}}],
            }
        },
        {"$addFields": {"of": {"$meta": "stream.window"}}},
    ],
}
PLANS = {name: plan(pipeline, {}, sinkless=True) for name, pipeline in PIPELINES.items()}


def _dumps(value: Any) -> bytes:
    """JSON text; other than orjson it has no bounds for integers."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


NUMBERS = st.one_of(
    st.integers(-3, 8),
    st.sampled_from([2**31, 2**53 + 1, 2**63 - 1, 2**63, 2**64 - 1, 2**64, -(2**63) - 1, 10**40]),
    st.floats(allow_nan=False, allow_infinity=False),
)
DATES = st.builds(
    "2023-11-14T22:13:{:02}.{:03}{}".format,
    st.integers(0, 61),
    st.integers(0, 999),
    st.sampled_from(["Z", "+00:00", "", "+02:00"]),
)
WRAPPERS = st.sampled_from(
    [
        {"$numberLong": "5"},
        {"$numberDouble": "NaN"},
        {"$numberDecimal": "2.50"},
        {"$date": "2023-11-14T22:13:25.001Z"},
        {"$date": {"$numberLong": "-1"}},
        {"$oid": "64de12340000000000000000"},
        {"$oid": "nonsense"},
    ]
)
LEAVES = st.one_of(NUMBERS, DATES, WRAPPERS, st.sampled_from([None, True, False, "x", "é", "$5", "", "😀"]))
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from("bcf"), inner, max_size=3)
    ),
)
DOCUMENTS = st.dictionaries(st.sampled_from(["_id", "a", "c", "d", "e", "z"]), VALUES, max_size=6)
TEXTS = st.one_of(
    DOCUMENTS.map(_dumps),
    st.sampled_from(
        [
            *(b"", b"nope", b"[]", b'[{"b":2}]', b"null", b"7", b"{", b'{"a":{"b":3}}x', b'{"a":{"b":3},}'),
            *(
                b'{"a":{"b":3},"c":"\xff"}',
                b'{"a":{"b":3},"z":"\xff"}',
                b'{"a":{"b":3},"z":1e999}',
                b'{"a":{"b":1e999}}',
            ),
            *(
                b'{"a":{"b":3},"a":{"b":4},"c":1}',
                b'{"a":{"b":3,"b":4},"c":1}',
                b'{"c":1,"_id":2,"a":{"b":9}}',
            ),
            *(b'{"a":{"b":3},"z":"\\ud800"}', b'{"a":{"b":3},"z":' + b"[" * 300 + b"]" * 300 + b"}"),
            *(
                b'{"a":{"b":3},"z":01}',
                b'{"a":{"b":NaN}}',
                b'{"\\u0061":{"b":3},"c":1}',
                b'\xef\xbb\xbf{"a":1}',
            ),
        ]
    ),
)


def outcome(made: Plan, texts: list[bytes], accepts: Form, *, reference: bool) -> Any:
    program = made.program(accepts, VirtualClock(START / 1000), reference=reference)
    batch = Batch(
        texts, [START + i for i in range(len(texts))], meta=lambda i: {"type": "kafka", "offset": i}
    )
    output, letters = program.push(batch)
    # What is in open windows shows too.
    late, more = program.push(Batch([b'{"d":"2030-01-01"}'], [START + 10**9]))
    values = [strict(storable(value)) for value in output.values + late.values]
    dead = [
        (one.reason, one.operator, strict(storable(one.document)), strict(one.meta)) for one in letters + more
    ]
    return values, dead, program.operator_stats(), program.watermark


@pytest.mark.parametrize("accepts", ["json", "document"])
@pytest.mark.parametrize("name", PLANS)
@given(texts=st.lists(TEXTS, max_size=5))
@EASY
def test_ways_agree(name: str, accepts: Form, texts: list[bytes]) -> None:
    quick, slow = (outcome(PLANS[name], texts, accepts, reference=way) for way in (False, True))
    assert quick == slow
