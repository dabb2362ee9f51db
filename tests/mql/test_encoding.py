"""JSON texts: what they take beyond what is in them. What is in them: the tables of cases."""

from __future__ import annotations

import math
import tracemalloc
from typing import Any

import pytest

from brookmill.mql.encoding import Encoding, encoder, faithful, quick_encoder

QUICK: dict[str, Any] = {"_id": 1, "text": "x" * 200}
EXACT: dict[str, Any] = {**QUICK, "n": math.inf}


@pytest.mark.parametrize(
    ("write", "value"),
    [
        (quick_encoder(), QUICK),
        (encoder(), QUICK),
        (encoder(), EXACT),
        (encoder(Encoding("canonicalJson")), QUICK),
        (faithful, QUICK),
    ],
    ids=["quick", "relaxed", "exact", "canonical", "faithful"],
)
def test_a_text_that_is_kept_takes_no_more_than_itself(write: Any, value: Any) -> None:
    write(value)  # what is made once
    tracemalloc.start()
    try:
        texts = [write(value) for _ in range(100)]
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert taken < 100 * (len(texts[0]) + 100)
    assert texts[0][-1:] == b"}"
