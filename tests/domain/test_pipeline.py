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
COUNT = [{"$count": "n"}]
NOT_COLLECTED = "$tumblingWindow stage: its pipeline was changed, which has no $group or $sort"


def changed(stage: str, **settings: Any) -> dict[str, Any]:
    """A window with other settings; None takes one away."""
    spec = {"interval": {"size": 1, "unit": "second"}, "pipeline": GROUP_BY_B, **settings}
    return {stage: {name: value for name, value in spec.items() if value is not None}}


HOPPING = changed("$hoppingWindow", hopSize={"size": 1, "unit": "ms"})
SESSION = changed("$sessionWindow", interval=None, gap={"size": 1, "unit": "ms"}, partitionBy="$a")


@pytest.mark.parametrize(
    ("kept", "now", "problem"),
    [
        ([SOURCE, EMIT], [SOURCE, {"$match": {}}, EMIT], None),
        ([SOURCE, EMIT], [{"$source": {"connectionName": "other", "topic": "t"}}, EMIT], "$source stage"),
        ([SOURCE, EMIT], [{"$source": {**SOURCE["$source"], "timeField": 1}}, EMIT], "$source stage"),
        ([SOURCE, EMIT], [SOURCE, window(), EMIT], None),
        ([SOURCE, window(), EMIT], [SOURCE, EMIT], "$tumblingWindow stage: it was removed"),
        ([SOURCE, window(1)], [SOURCE, window(2)], "$tumblingWindow stage: its interval was changed"),
        (
            [SOURCE, window()],
            [SOURCE, window(stage="$hoppingWindow")],
            "$tumblingWindow stage: it became a $hoppingWindow",
        ),
        ([SOURCE, window()], [SOURCE, window(inner=GROUP_BY_B)], None),
        *(
            ([SOURCE, window(inner=before)], [SOURCE, window(inner=after)], NOT_COLLECTED)
            for before, after in [(PLAIN, []), (PLAIN, GROUP_BY_B), (GROUP_BY_B, PLAIN), (COUNT, GROUP_BY_B)]
        ),
        ([SOURCE, window(inner=PLAIN)], [SOURCE, {"$match": {}}, window(inner=PLAIN), EMIT], None),
        (
            [SOURCE, HOPPING],
            [SOURCE, {"$hoppingWindow": HOPPING["$hoppingWindow"] | {"allowedLateness": 0}}],
            None,
        ),
        (
            [SOURCE, HOPPING],
            [SOURCE, {"$hoppingWindow": HOPPING["$hoppingWindow"] | {"idleTimeout": 0}}],
            None,
        ),
        *(
            (
                [SOURCE, old],
                [SOURCE, {stage: old[stage] | {name: value}}],
                f"{stage} stage: its {name} was changed",
            )
            for old, stage, name, value in [
                (HOPPING, "$hoppingWindow", "hopSize", {"size": 2, "unit": "ms"}),
                (HOPPING, "$hoppingWindow", "offset", {"offsetFromUtc": 1, "unit": "ms"}),
                (HOPPING, "$hoppingWindow", "boundary", "processingTime"),
                (SESSION, "$sessionWindow", "gap", {"size": 2, "unit": "ms"}),
                (SESSION, "$sessionWindow", "partitionBy", "$b"),
            ]
        ),
    ],
)
def test_what_a_checkpoint_forbids(kept: Any, now: Any, problem: str | None) -> None:
    text = f"resumeFromCheckpoint must be false to modify a stream processor's {problem}"
    assert resume_problem(kept, now) == (text if problem else None)
