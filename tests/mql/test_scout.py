"""What RE2 looks for begins wherever a match of PCRE2 does; and no search takes long."""

from __future__ import annotations

import contextlib
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brookmill.mql import MQLError, evaluate
from brookmill.mql.regex import compiled
from brookmill.mql.scout import scout

ATOMS = [
    *("a", "b", "k", "s", "K", "1", "é", "{", "}", "{2}x", ".", "^", "$", r"\.", r"\n", r"\x{e9}", r"\x61"),
    *(r"\d", r"\w", r"\s", r"\S", r"\W", r"\b", r"\B", r"\A", r"\z", r"\Z", r"\h", r"\v", r"\R", r"\1"),
    *(
        "[ab]",
        "[^a]",
        r"[^\s]",
        r"[\w-]",
        "[]a]",
        "[^]a]",
        "[[:alpha:]]",
        "[[:^digit:]x]",
        r"[\b]",
        r"[a\-c]",
    ),
    *("[^k]", "[K-Z]", r"\Qa.\E", "(?=a)", "(?!a)", "(?<=a)", "(?<!b)", "(?i)", "(?s)", "(?m)", "(?-i)"),
]
QUANTIFIERS = ["", "*", "+", "?", "*?", "+?", "??", "++", "{0,2}", "{2}", "{1,}?", "{0,30}", "{,2}"]
GROUPS = ["(", "(?:", "(?>", "(?i:", "(?<name>", "(?|", "(?s-i:"]
TEXT = st.text("aabbk sSK1\n\r\t.é\u212a\u017f\u00a0\u0085-{}]", max_size=14)


def joined(parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.lists(parts, min_size=1, max_size=4).map("".join)


def quantified(parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.builds(str.__add__, parts, st.sampled_from(QUANTIFIERS))


PATTERNS = st.recursive(
    joined(quantified(st.sampled_from(ATOMS)) | st.just("|")),
    lambda inner: joined(quantified(st.builds("{}{})".format, st.sampled_from(GROUPS), inner)) | inner),
    max_leaves=4,
)


@given(PATTERNS, st.sampled_from(["", "i", "m", "s", "im", "is"]), st.lists(TEXT, max_size=5))
def test_no_match_begins_before_the_scout_sees_one(pattern: str, options: str, texts: list[str]) -> None:
    seer = scout(pattern, options)
    if seer is None:
        return
    for text in texts:
        try:
            found = next(compiled(pattern, options).matches(text), None)
        except MQLError:
            continue
        if found is not None:
            seen = seer.search(text.encode(), 0)
            assert seen is not None
            assert len(text.encode()[: seen.start()].decode()) <= found["idx"]


@pytest.mark.parametrize("pattern", [r"a*?[a-z]+\d", r"(?:a|aa){0,9}?[a-z]+\d", r"(\w+\s?)*!", r"(?=a)a\Z"])
def test_what_pcre_would_search_for_long_is_known(pattern: str) -> None:
    assert scout(pattern, "") is not None


@pytest.mark.parametrize("pattern", ["(?x)a", "(*CRLF)a", r"\pL", "a{,3}", r"\Ka", "(?R)?a", "(?i)é", r"\10"])
def test_what_re2_may_take_for_something_else_is_not_scouted(pattern: str) -> None:
    assert scout(pattern, "") is None


@pytest.mark.parametrize("operator", ["$regexMatch", "$regexFindAll"])
@pytest.mark.parametrize(
    "pattern",
    [
        r"a*?[a-z]+\d",
        r"(?:a|aa){0,9}?[a-z]+\d",
        r"(?:a|aa){0,9}?[a-z]+\pN",
        r"(?<=a)(a*?)[a-z]+\1\d",
        r"(\w+\s?)*!",
        r"a*?[a-z]+b",
    ],
)
def test_no_search_takes_long(operator: str, pattern: str) -> None:
    for length in (100, 1_000, 4_000, 20_000, 1_000_000):
        began = time.thread_time()
        with contextlib.suppress(MQLError):  # where it does not end within its bounds
            evaluate({operator: {"input": "$a", "regex": pattern}}, {"a": "a" * length + "b"})
        assert time.thread_time() - began < 2, length


def test_long_texts_are_searched_to_their_end() -> None:
    text = "word " * 50_000 + "key=5"
    find = {"$regexFind": {"input": "$a", "regex": r"(\w+)=(?=\d)"}}
    assert evaluate(find, {"a": text}) == {"match": "key=", "idx": 250_000, "captures": ["key"]}
    assert len(evaluate({"$regexFindAll": {"input": "$a", "regex": r"\bw"}}, {"a": text})) == 50_000
