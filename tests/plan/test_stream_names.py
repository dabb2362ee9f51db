"""``$_ts``, ``$_stream_meta``: fields that documents once had; ``streamMetaFieldName``: gives them back."""

from __future__ import annotations

from typing import Any

import pytest

from brookmill.clock import VirtualClock
from brookmill.connections import Batch
from brookmill.mql.values import date_from_ms
from brookmill.plan import plan

META = {"type": "kafka", "topic": "t", "key": {"id": 7}}
FULL = {"source": {**META, "ts": date_from_ms(5)}}


def run(stage: dict[str, Any], document: bytes, *, reference: bool, **options: Any) -> Any:
    planned = plan([{"$source": {"documents": [{}]}}, stage], {}, sinkless=True, **options)
    program = planned.program("document", VirtualClock(), reference=reference)
    output, letters = program.push(Batch([document], [5], meta=lambda _: dict(META)))
    assert not letters
    return output.values[0]


@pytest.mark.parametrize("reference", [False, True])
@pytest.mark.parametrize(
    ("expression", "document", "expected"),
    [
        ("$_ts", b"{}", date_from_ms(5)),
        ("$_ts", b'{"_ts": 1}', 1),
        ("$_ts", b'{"_ts": null}', None),
        ("$_stream_meta", b"{}", FULL),
        ("$_stream_meta.source.topic", b"{}", "t"),
        ("$_stream_meta.source.key.id", b"{}", 7),
        ("$_stream_meta.source.key.id", b'{"_stream_meta": {"source": {"key": {"id": 8}}}}', 8),
        ({"$ifNull": ["$_stream_meta.source.topic", "none"]}, b'{"_stream_meta": {}}', "none"),
        ({"$ifNull": ["$_stream_meta.nowhere", "none"]}, b"{}", "none"),
    ],
)
def test_the_document_comes_first(expression: Any, document: bytes, expected: Any, reference: bool) -> None:
    assert run({"$project": {"x": expression}}, document, reference=reference)["x"] == expected


@pytest.mark.parametrize("reference", [False, True])
def test_the_metadata_goes_into_the_field_that_is_named(reference: bool) -> None:
    made = run({"$set": {"a": 1}}, b"{}", reference=reference, stream_meta_field="_stream_meta")
    assert made == {"a": 1, "_stream_meta": FULL}
