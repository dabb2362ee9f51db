"""YAML that is written is read as what it was."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from brookmill.yaml_text import parse_yaml, yaml_text

TEXTS = st.text(st.characters(exclude_categories=["Cs"])) | st.sampled_from(
    ["on", "no", "1e5", "1_0", "0x1F", "2026-01-01", "null", "~", "", "1.0", ".inf", "<<", "=", "- a", "a: b"]
)
PLAIN = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXTS
VALUES = st.recursive(PLAIN, lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner), max_leaves=20)


@given(VALUES)
def test_what_is_written_is_read(value: Any) -> None:
    read = parse_yaml(yaml_text(value))
    assert read == value
    assert repr(read) == repr(value)


def test_members_keep_their_order_and_no_part_is_an_alias() -> None:
    shared = {"b": 1, "a": 2}
    assert yaml_text({"z": shared, "y": shared}) == "z:\n  b: 1\n  a: 2\ny:\n  b: 1\n  a: 2\n"
