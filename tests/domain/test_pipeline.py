"""What a pipeline tells without a plan."""

from __future__ import annotations

from typing import Any

import pytest

from brookmill.domain.pipeline import added_parallelism, connections_of, resume_problem

SOURCE = {"$source": {"connectionName": "in", "topic": "t"}}
EMIT = {"$emit": {"connectionName": "out", "topic": "t"}}


def window(size: int = 1, stage: str = "$tumblingWindow", inner: Any = None) -> dict[str, Any]:
    inner = [{"$group": {"_id": "$a"}}] if inner is None else inner
    return {stage: {"interval": {"size": size, "unit": "second"}, "pipeline": inner}}


def test_connections() -> None:
    pipeline: list[Any] = [
        SOURCE | {"$source": SOURCE["$source"] | {"schemaRegistry": {"connectionName": "registry"}}},
        {"$match": {"connectionName": "no", "into": {"connectionName": "yes, harmlessly"}}},
        window(inner=[{"$https": {"connectionName": "web"}}]),
        {"$addFields": {"a": {"connectionName": "no"}}},
        {"$lookup": {"from": {"connectionName": "cluster", "db": "d"}, "pipeline": [{"$match": {}}]}},
        {"$merge": {"into": {"connectionName": "sink"}}},
    ]
    found = connections_of(pipeline)
    assert {"in", "registry", "web", "cluster", "sink"} <= found
    assert not {name for name in found if name.startswith("no")} - {"no"}


@pytest.mark.parametrize(
    "odd", [[], [{}], [{"$source": 1}], [{"$a": {"pipeline": 1}}], [{"$a": {"pipeline": "x"}}]]
)
def test_odd_shapes_name_nothing(odd: Any) -> None:
    assert connections_of(odd) == frozenset()
    assert added_parallelism(odd) == 0


@pytest.mark.parametrize(
    ("pipeline", "added"),
    [
        ([{"$merge": {"parallelism": 4}}, {"$lookup": {"parallelism": 2}}], 4),
        ([{"$merge": {"parallelism": 1}}], 0),
        ([{"$merge": {"parallelism": True}}], 0),
        ([{"$source": {"initialSync": {"parallelism": 3}}}], 2),
        ([{"$tumblingWindow": {"pipeline": [{"$lookup": {"parallelism": 5}}]}}], 4),
    ],
)
def test_parallelism(pipeline: Any, added: int) -> None:
    assert added_parallelism(pipeline) == added


GROUP_BY_B = [{"$group": {"_id": "$b"}}]
PLAIN = [{"$match": {"a": 1}}]


@pytest.mark.parametrize(
    ("kept", "now", "stage"),
    [
        ([SOURCE, EMIT], [SOURCE, {"$match": {}}, EMIT], None),
        ([SOURCE, EMIT], [{"$source": {"connectionName": "other", "topic": "t"}}, EMIT], "$source"),
        ([SOURCE, EMIT], [SOURCE, window(), EMIT], None),
        ([SOURCE, window(), EMIT], [SOURCE, EMIT], "$tumblingWindow"),
        ([SOURCE, window(1), EMIT], [SOURCE, window(2), EMIT], "$tumblingWindow"),
        ([SOURCE, window()], [SOURCE, window(stage="$hoppingWindow")], "$tumblingWindow"),
        ([SOURCE, window()], [SOURCE, window(inner=GROUP_BY_B)], None),
        ([SOURCE, window(inner=PLAIN)], [SOURCE, window(inner=[])], "$tumblingWindow"),
        ([SOURCE, window(inner=PLAIN)], [SOURCE, window(inner=GROUP_BY_B)], "$tumblingWindow"),
        ([SOURCE, window(inner=PLAIN)], [SOURCE, window(inner=PLAIN), EMIT], None),
    ],
)
def test_what_a_checkpoint_forbids(kept: Any, now: Any, stage: str | None) -> None:
    text = f"resumeFromCheckpoint must be false to modify a stream processor's {stage} stage"
    assert resume_problem(kept, now) == (text if stage else None)
