"""PCRE patterns, compiled once and bounded: no pattern can run away."""

from __future__ import annotations

import contextlib
import functools
import re
from collections.abc import Iterator
from typing import Any

import pcre2
from bson import Regex
from pcre2 import _cy

from brookmill.mql.bounds import Growth, charge
from brookmill.mql.errors import MQLError
from brookmill.mql.values import Document, Value, type_name

#: Steps one match may take, and the memory it may use in KiB. PCRE2 lets a pattern lower its limits, never
#: raise them.
_LIMITS = b"(*LIMIT_MATCH=200000)(*LIMIT_HEAP=8192)"
#: ``u`` says what is always so: patterns and texts are UTF-8.
_FLAGS = {"i": pcre2.I, "m": pcre2.M, "s": pcre2.S, "x": pcre2.X, "u": pcre2.NOFLAG}
_LETTERS = ((re.IGNORECASE, "i"), (re.MULTILINE, "m"), (re.DOTALL, "s"), (re.VERBOSE, "x"))

#: PCRE2 bits. The binding sets the first two for Python's habits; without them ``\w \d \s`` know ASCII
#: only and ``\x{e9}`` is a character, as in MongoDB.
_UCP, _ALT_BSUX = 0x0002_0000, 0x0000_0002
_NO_UTF_CHECK = 0x4000_0000
#: The machine code's stack is small; the interpreter takes the heap, up to its limit.
_JIT_STACK_LIMIT = -46
_CONTEXT = _cy.create_match_context()

MAX_PATTERN = 32764
#: Characters of a short pattern; what it costs to compile an empty one, in items copied.
_SHORT, _COMPILING = 200, 1 << 13


class Pattern:
    """A compiled pattern. It works on UTF-8 bytes, so that no offset is counted twice."""

    def __init__(self, pattern: bytes, flags: int) -> None:
        self._source = _LIMITS + pattern
        self._flags = flags
        self._quick = self._compiled()
        with contextlib.suppress(pcre2.LibraryError):  # a pattern may ask for the interpreter
            _cy.jit_compile(self._quick)
        self.groups: int = _cy.pattern_capture_count(self._quick)

    def _compiled(self) -> Any:
        return _cy.compile(self._source, self._flags | pcre2.U, _UCP | _ALT_BSUX)

    @functools.cached_property
    def _patient(self) -> Any:
        return self._compiled()

    def at(self, text: bytes, start: int) -> Any:
        """The first match at or behind byte ``start``; None for none. Raises MQLError at the limits."""
        try:
            try:
                return _cy.match(self._quick, text, len(text), start, _CONTEXT, _NO_UTF_CHECK)[0]
            except pcre2.LibraryError as e:
                if e.code != _JIT_STACK_LIMIT:
                    raise
                return _cy.match(self._patient, text, len(text), start, _CONTEXT, _NO_UTF_CHECK)[0]
        except pcre2.LibraryError as e:
            raise MQLError(f"Error occurred while executing the regular expression: {e}", 51156) from None

    def found_in(self, text: str) -> bool:
        """Whether there is a match. Raises MQLError."""
        return self.at(_bytes(text, 51156), 0) is not None

    def matches(self, text: str) -> Iterator[Document]:
        """Every match as ``$regexFind`` tells it, each behind the one before. Raises MQLError."""
        raw = _bytes(text, 51156)
        start = counted = index = 0
        while (match := self.at(raw, start)) is not None:
            (low, high), *captures = [
                _cy.match_substring_span_bynumber(match, raw, group) for group in range(self.groups + 1)
            ]
            index += len(raw[counted:low].decode())
            counted = low
            texts = [None if at < 0 else raw[at:to].decode() for at, to in captures]
            yield {"match": raw[low:high].decode(), "idx": index, "captures": texts}
            start = high if high > low else _next(raw, high)
            if start >= len(raw):
                break


def _next(raw: bytes, at: int) -> int:
    """Where the character behind the one at ``at`` begins."""
    at += 1
    while at < len(raw) and raw[at] & 0xC0 == 0x80:
        at += 1
    return at


def _bytes(text: str, code: int) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise MQLError("the string is no valid UTF-8", code) from None


def compiled(pattern: str, options: str = "") -> Pattern:
    """The pattern as PCRE2 compiled it. Raises MQLError (51108 options, 51109 and 51111 pattern)."""
    return (_kept if len(pattern) <= _SHORT else _kept_long)(pattern, options)


def _compile(pattern: str, options: str) -> Pattern:
    charge(_COMPILING + len(pattern) * Growth.STEP, "a regular expression")
    flags = pcre2.NOFLAG
    for letter in options:
        if letter not in _FLAGS:
            raise MQLError(f"invalid flag in regex options: {letter}", 51108)
        flags |= _FLAGS[letter]
    if "\0" in pattern:
        raise MQLError("the regular expression cannot contain an embedded null byte", 51109)
    if len(pattern) > MAX_PATTERN:
        raise MQLError("Regular expression is too long", 51111)
    try:
        return Pattern(_bytes(pattern, 51111), flags)
    except pcre2.PatternError as e:
        text = f"{e.msg.partition('; ')[2]} at offset {max(0, e.pos - len(_LIMITS))}"
        raise MQLError(f"Invalid Regex: {text}", 51111) from None


#: Many patterns are short; a long one takes a megabyte compiled.
_kept = functools.lru_cache(maxsize=1024)(_compile)
_kept_long = functools.lru_cache(maxsize=32)(_compile)


def parts(value: Value) -> tuple[str, str]:
    """Pattern and options of a BSON regex or a string. Raises MQLError."""
    if isinstance(value, Regex):
        pattern = (
            value.pattern if isinstance(value.pattern, str) else value.pattern.decode("utf-8", "replace")
        )
        return pattern, "".join(letter for flag, letter in _LETTERS if value.flags & flag)
    if type(value) is str:
        return value, ""
    raise MQLError(f"regex must be a string or a regular expression, found {type_name(value)}", 51105)
