"""Names and ids."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brookmill.domain.names import LONGEST, is_id, is_name, made_at, name_problem, new_id

GOOD = ["a", "A-1", "x.y*z_", "-", "_", "*", "...", "k" * LONGEST]
BAD = [
    "",
    ".",
    "..",
    "a/b",
    "../x",
    "a b",
    "a\x00",
    "a\n",
    "ａ",
    "раypal",
    "a:b",
    "a%2f",
    "é",
    "k" * (LONGEST + 1),
]


@pytest.mark.parametrize("name", GOOD)
def test_good_names(name: str) -> None:
    assert is_name(name)
    assert name_problem("connection", name) is None


@pytest.mark.parametrize("name", BAD)
def test_bad_names(name: str) -> None:
    assert not is_name(name)
    assert "Invalid processor name" in (name_problem("processor", name) or "")


def test_words_of_routes_cannot_name_a_workspace() -> None:
    assert name_problem("workspace", "accountDetails") is not None
    assert name_problem("connection", "accountDetails") is None


@given(st.integers(min_value=0, max_value=2**32 - 1))
def test_ids_tell_when_they_were_made(second: int) -> None:
    id = new_id(second + 0.5)
    assert is_id(id)
    assert made_at(id) == second
    assert new_id(second) != id


@pytest.mark.parametrize("text", ["", "A" * 24, "g" * 24, "a" * 23, "a" * 25, "a" * 24 + "\n"])
def test_what_is_no_id(text: str) -> None:
    assert not is_id(text)
