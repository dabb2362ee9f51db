"""PCRE patterns, compiled once and bounded: no pattern can run away."""

from __future__ import annotations

import contextlib
import functools
import math
import operator
import re
import time
from collections.abc import Iterator
from typing import Any

import pcre2
from bson import Regex
from pcre2 import _cy

from brookmill.mql.bounds import Growth, charge, growth_in_hand, growth_of_loop
from brookmill.mql.errors import MQLError
from brookmill.mql.scout import scout
from brookmill.mql.values import Document, Value, type_name

#: Steps that a search may take from each place of a text; PCRE2 counts anew at each, and each may go through
#: the rest. The most that keep the whole within ``_ALL``; where more are needed, place by place is looked at.
_STEPS = (20_000, 2_000, 200, 20)
#: Characters gone through in a search at once; about 20 milliseconds.
_ALL = 20_000_000
#: Longest texts for so many steps.
_REACHES = [(math.isqrt(_ALL // steps), steps) for steps in _STEPS]
#: Longest text that is searched at once with fewest steps where no scout knows the pattern.
_UNSCOUTED = 4_096
#: Steps of one look at one place: more and more, as long as there is time for them.
_LOOKS = (200, 2_000, 20_000, 200_000)
#: What a second takes, in items copied.
_SECOND = 160_000_000
#: What it costs to look once, to be interpreted.
_LOOK, _INTERPRETING = 320, 80_000
#: Longest text that the interpreter searches: it goes through the rest of the text at each place.
_INTERPRETED = 16_384
#: ``u`` says what is always so: patterns and texts are UTF-8.
_FLAGS = {"i": pcre2.I, "m": pcre2.M, "s": pcre2.S, "x": pcre2.X, "u": pcre2.NOFLAG}
_LETTERS = ((re.IGNORECASE, "i"), (re.MULTILINE, "m"), (re.DOTALL, "s"), (re.VERBOSE, "x"))

#: PCRE2 bits. The binding sets the first two for Python's habits; without them ``\w \d \s`` know ASCII
#: only and ``\x{e9}`` is a character, as in MongoDB.
_UCP, _ALT_BSUX = 0x0002_0000, 0x0000_0002
_NO_UTF_CHECK, _ANCHORED = 0x4000_0000, 0x8000_0000
#: Errors: too many steps; the machine code's stack, which is small. The interpreter takes the heap, up to its
#: limit.
_MATCH_LIMIT, _JIT_STACK_LIMIT = -47, -46
_CONTEXT = _cy.create_match_context()

MAX_PATTERN = 32764
#: Bytes that the limits take in front of a pattern.
_PREFIX = len(b"(*LIMIT_MATCH=20000)(*LIMIT_HEAP=8192)")
#: Characters of a short pattern; what it costs to compile an empty one, in items copied.
_SHORT, _COMPILING = 200, 1 << 13


class Pattern:
    """A compiled pattern. It works on UTF-8 bytes, so that no offset is counted twice."""

    def __init__(self, pattern: str, options: str) -> None:
        self._text = pattern
        self._options = options
        self._source = _bytes(pattern, 51111)
        self._flags = functools.reduce(operator.or_, map(_FLAGS.__getitem__, options), pcre2.NOFLAG)
        self._programs: dict[tuple[int, bool], Any] = {}
        self.groups: int = _cy.pattern_capture_count(self._program(_STEPS[0]))

    def _program(self, steps: int, *, interpreted: bool = False) -> Any:
        """The pattern bounded to so many steps from each place. Raises pcre2.PatternError."""
        program = self._programs.get((steps, interpreted))
        if program is None:
            # PCRE2 lets a pattern lower its limits, never raise them.
            source = b"(*LIMIT_MATCH=%d)(*LIMIT_HEAP=8192)" % steps + self._source
            program = _cy.compile(source, self._flags | pcre2.U, _UCP | _ALT_BSUX)
            if not interpreted:
                with contextlib.suppress(pcre2.LibraryError):  # a pattern may ask for the interpreter
                    _cy.jit_compile(program)
            self._programs[steps, interpreted] = program
        return program

    def at(self, text: bytes, start: int, growth: Growth | None) -> Any:
        """The first match at or behind byte ``start``; None for none. Raises MQLError at the limits.

        ``growth``: of the loop that asks again and again, if one does.
        """
        steps = self._at_once(len(text) - start)
        try:
            if steps:
                began = 0 if growth is None else time.thread_time_ns()
                try:
                    return self._match(text, start, steps)
                except pcre2.LibraryError as e:
                    if e.code != _MATCH_LIMIT:
                        raise
                finally:
                    if growth is not None:
                        growth.spend(_items(began), "a regular expression")
            return self._from_place_to_place(text, start, growth or Growth())
        except pcre2.LibraryError as e:
            raise MQLError(f"Error occurred while executing the regular expression: {e}", 51156) from None

    def _at_once(self, length: int) -> int:
        """The steps for a search through so much text; 0: it is too long for that."""
        for reach, steps in _REACHES:
            if length <= reach:
                return steps
        return _STEPS[-1] if length <= _UNSCOUTED and self._scout is None else 0

    @functools.cached_property
    def _scout(self) -> Any | None:
        return scout(self._text, self._options)

    def _match(self, text: bytes, start: int, steps: int, options: int = 0) -> Any:
        options |= _NO_UTF_CHECK
        try:
            return _cy.match(self._program(steps), text, len(text), start, _CONTEXT, options)[0]
        except pcre2.LibraryError as e:
            if e.code != _JIT_STACK_LIMIT or len(text) > _INTERPRETED:
                raise
        growth_in_hand().spend(_INTERPRETING, "a regular expression")
        program = self._program(steps, interpreted=True)
        return _cy.match(program, text, len(text), start, _CONTEXT, options)[0]

    def _from_place_to_place(self, text: bytes, start: int, growth: Growth) -> Any:
        while start <= len(text):
            if self._scout is not None:
                began = time.thread_time_ns()
                seen = self._scout.search(text, start)
                growth.spend(_items(began), "a regular expression")
                if seen is None:
                    return None
                start = seen.start()
            found = self._look(text, start, growth)
            if found is not None:
                return found
            start = _next(text, start)
        return None

    def _look(self, text: bytes, start: int, growth: Growth) -> Any:
        """The match that begins at ``start``. Raises LibraryError, and MQLError when it takes too long."""
        for steps in _LOOKS:
            began = time.thread_time_ns()
            try:
                return self._match(text, start, steps, _ANCHORED)
            except pcre2.LibraryError as e:
                if e.code != _MATCH_LIMIT or steps == _LOOKS[-1]:
                    raise
            finally:
                cost = _LOOK + _items(began)
                growth.spend(cost, "a regular expression")
            growth.afford(cost * 10, "a regular expression")  # as many times more steps come next
        return None

    def found_in(self, text: str) -> bool:
        """Whether there is a match. Raises MQLError."""
        return self.at(_bytes(text, 51156), 0, growth_of_loop()) is not None

    def matches(self, text: str) -> Iterator[Document]:
        """Every match as ``$regexFind`` tells it, each behind the one before. Raises MQLError."""
        raw, growth = _bytes(text, 51156), growth_in_hand()
        start = counted = index = 0
        while (match := self.at(raw, start, growth)) is not None:
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


def _items(began: int) -> int:
    """What it cost since the thread had ``began`` nanoseconds, in items copied.

    Never all there is: the interpreter may have collected its garbage meanwhile.
    """
    return min((time.thread_time_ns() - began) * _SECOND // 1_000_000_000, Growth.LIMIT // 2)


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
    for letter in options:
        if letter not in _FLAGS:
            raise MQLError(f"invalid flag in regex options: {letter}", 51108)
    if "\0" in pattern:
        raise MQLError("the regular expression cannot contain an embedded null byte", 51109)
    if len(pattern) > MAX_PATTERN:
        raise MQLError("Regular expression is too long", 51111)
    try:
        return Pattern(pattern, options)
    except pcre2.PatternError as e:
        text = f"{e.msg.partition('; ')[2]} at offset {max(0, e.pos - _PREFIX)}"
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
