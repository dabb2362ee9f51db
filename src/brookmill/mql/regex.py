"""PCRE patterns, compiled once and bounded: no pattern can run away."""

from __future__ import annotations

import functools
import re
from typing import Any

import pcre2
from bson import Regex

from brookmill.mql.errors import MQLError
from brookmill.mql.values import Document, Value, type_name

#: Steps one match may take, and the memory it may use in KiB. PCRE2 lets a pattern lower its limits, never
#: raise them.
_LIMITS = "(*LIMIT_MATCH=200000)(*LIMIT_HEAP=8192)"
_FLAGS = {"i": pcre2.I, "m": pcre2.M, "s": pcre2.S, "x": pcre2.X, "u": pcre2.RegexFlag(0)}
_LETTERS = ((re.IGNORECASE, "i"), (re.MULTILINE, "m"), (re.DOTALL, "s"), (re.VERBOSE, "x"))

MAX_PATTERN = 32764


@functools.lru_cache(maxsize=4096)
def compiled(pattern: str, options: str = "") -> Any:
    """The pattern as PCRE2 compiled it. Raises MQLError (51108 options, 51111 pattern)."""
    flags = pcre2.RegexFlag(0)
    for letter in options:
        if letter not in _FLAGS:
            raise MQLError(f"invalid flag in regex options: {letter}", 51108)
        flags |= _FLAGS[letter]
    if len(pattern) > MAX_PATTERN or "\0" in pattern:
        raise MQLError("Regular expression is too long or contains a null byte", 51109)
    try:
        return pcre2.compile(_LIMITS + pattern, flags)
    except pcre2.LibraryError as e:
        raise MQLError(f"Regular expression is invalid: {e}", 51091) from None


def parts(value: Value) -> tuple[str, str]:
    """Pattern and options of a BSON regex or a string. Raises MQLError."""
    if isinstance(value, Regex):
        pattern = (
            value.pattern if isinstance(value.pattern, str) else value.pattern.decode("utf-8", "replace")
        )
        return pattern, "".join(letter for flag, letter in _LETTERS if value.flags & flag)
    if isinstance(value, str):
        return value, ""
    raise MQLError(f"regex must be a string or a regular expression, found {type_name(value)}", 51105)


def search(regex: Any, text: str) -> Any:
    """The first match in ``text`` or None. Raises MQLError when the limits are reached."""
    try:
        return regex.search(text)
    except pcre2.LibraryError as e:
        raise MQLError(f"Error occurred while executing the regular expression: {e}", 51156) from None
    except UnicodeEncodeError:
        raise MQLError("the input is no valid UTF-8", 51156) from None


def found(match: Any) -> Document:
    """A match as ``$regexFind`` tells it."""
    return {"match": match.group(0), "idx": match.start(), "captures": list(match.groups())}
