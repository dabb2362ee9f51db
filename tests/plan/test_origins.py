"""Where documents of an output came from, whatever the pipeline made of them on the way."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from bson import Int64

from brookmill.clock import VirtualClock
from brookmill.connections import Batch, Form, Output
from brookmill.mql import parse_json
from brookmill.plan import plan

START = 1_700_000_000_000
SOURCE: dict[str, Any] = {"$source": {"documents": [{}]}}
DOCUMENTS = [{"n": n, "many": list(range(n % 3)), "g": n % 2} for n in range(12)] + [{"n": "x"}]
SECOND = {"size": 1, "unit": "second"}


def outputs(stages: list[dict[str, Any]], form: Form) -> list[Output]:
    program = plan([SOURCE, *stages], {}, sinkless=True).program("document", VirtualClock(START / 1000))
    found = []
    for at in range(0, len(DOCUMENTS), 5):
        some: list[Any] = DOCUMENTS[at : at + 5]
        values = [orjson.dumps(d) if form == "json" else parse_json(orjson.dumps(d)) for d in some]
        times = [START + 100 * (at + i) for i in range(len(some))]
        partitions = [(at + i) % 2 for i in range(len(some))]

        def meta(i: int, at: int = at) -> dict[str, Any]:
            return {"type": "kafka", "offset": Int64(at + i)}

        batch = Batch(values, times, form, partitions=partitions, partition_count=2, meta=meta)
        found.append(program.push(batch)[0])
    found.append(program.tick(START + 3_600_000, START + 2000)[0])
    return found


@pytest.mark.parametrize("form", ["json", "document"])
@pytest.mark.parametrize(
    "stages",
    [
        [],
        [{"$match": {"n": {"$gt": 3}}}],
        [{"$unwind": "$many"}],
        [{"$match": {"g": 1}}, {"$unwind": "$many"}, {"$match": {"many": 1}}],
        [{"$addFields": {"half": {"$divide": ["$n", 2]}}}],
        [{"$setStreamMeta": {"stream.n": "$n"}}, {"$match": {"n": {"$lt": 9}}}],
        [{"$replaceRoot": {"newRoot": {"n": "$n"}}}],
    ],
    ids=lambda stages: "+".join(next(iter(stage)) for stage in stages) or "none",
)
def test_every_document_has_the_metadata_that_it_had(stages: list[dict[str, Any]], form: Form) -> None:
    told = [*stages, {"$addFields": {"meta": {"$meta": "stream"}}}]
    count = 0
    for output, truth in zip(outputs(stages, form), outputs(told, form), strict=True):
        assert len(output) == len(truth)
        for i, document in enumerate(truth.values):
            assert output.trace(i) == document["meta"]
            count += 1
    assert count >= 2


def test_documents_of_windows_have_the_window() -> None:
    inner: list[Any] = [{"$group": {"_id": "$g", "n": {"$sum": "$n"}}}]
    stages: list[dict[str, Any]] = [
        {"$match": {"n": {"$type": "int"}}},
        {
            "$tumblingWindow": {
                "interval": SECOND,
                "allowedLateness": 0,
                "idleTimeout": SECOND,
                "pipeline": inner,
            }
        },
        {"$match": {"_id": 1}},
    ]
    told = [*stages, {"$addFields": {"meta": {"$meta": "stream"}}}]
    traced = [(o.trace(i), i) for o in outputs(stages, "json") for i in range(len(o))]
    assert [meta for meta, _ in traced] == [d["meta"] for o in outputs(told, "json") for d in o.values]
    assert len({meta["window"]["start"] for meta, _ in traced}) == 2
