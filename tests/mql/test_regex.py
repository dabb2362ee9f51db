"""Regular expressions: searches in long texts say the same as in short ones, and none runs away."""

from __future__ import annotations

import contextlib
import time

import pytest

from brookmill.mql import MQLError, evaluate, matches, regex

LONG = "y" * (regex.LONG + 1)


@pytest.mark.parametrize(
    ("pattern", "options", "text"),
    [
        ("b|c", "", "abc"),
        ("^b|c$", "m", "a\nb\nc"),
        ("(?x) b # a comment", "", "ab"),
        ("b # a comment", "x", "ab"),
        (r"\Qa.b", "", "xa.b"),
        (r"(b)(?<n>c)\1\k<n>", "", "abcbc"),
        ("(*UCP)é", "", "aé"),
        ("(*NO_JIT)b", "", "ab"),
        ("(*LIMIT_MATCH=1000)b", "", "ab"),
        (r"(?<=a)b(?=c)", "", "abc"),
        ("(?i)B", "", "ab"),
        (r"\((?:[^()]|(?R))*\)", "", "((a)(b))"),
        ("", "", "ab"),
        ("x*", "", "axxb"),
        ("é|😀", "", "é😀"),
    ],
)
def test_long_texts_are_searched_as_short_ones(pattern: str, options: str, text: str) -> None:
    spec = {"$regexFindAll": {"input": "$t", "regex": {"$literal": pattern}, "options": options}}
    short = evaluate(spec, {"t": f"{text}\n"})
    ends = [found for found in short if found["idx"] + len(found["match"]) <= len(text)]
    assert ends, "the pattern is found"
    in_long = evaluate(spec, {"t": f"{text}\n{LONG}"})
    assert in_long[: len(ends)] == ends
    query = {"t": {"$regex": pattern, "$options": options}}
    assert matches(query, {"t": f"{text}\n"}) is matches(query, {"t": f"{text}\n{LONG}"}) is True


@pytest.mark.parametrize(
    "pattern", ["(?=a*[bc])x|a{1,50}[bc]", "a*a*[bc]", "(a+)+[bc]", r"(?:a|aa)*[bc]", r"(?=(a*))\1x[bc]"]
)
@pytest.mark.parametrize("length", [30, 2_000, 30_000, 15_000_000])
def test_no_pattern_runs_away(pattern: str, length: int) -> None:
    start = time.thread_time()
    with contextlib.suppress(MQLError):
        assert not matches({"t": {"$regex": pattern}}, {"t": "a" * length})
    assert time.thread_time() - start < 1.5


def test_many_matches_take_time_in_step_with_the_text() -> None:
    spec = {"$size": {"$regexFindAll": {"input": "$t", "regex": "é"}}}
    assert evaluate(spec, {"t": "é" * 60_000}) == 60_000
