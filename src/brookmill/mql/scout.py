"""Where matches of a pattern may begin, found in time that grows with the text and nothing else.

PCRE2 tries a pattern from each place of a text, and from each it may go through the whole rest, again and
again. RE2 does not go back; it knows less. So RE2 looks for what a pattern matches at least: groups that look
around are left out, references to groups stand for any text, counts are rounded. No match begins where it
finds none; where it finds one, PCRE2 decides. See docs/adr/0021-scouts-for-long-texts.md.
"""

from __future__ import annotations

import functools
import re
from typing import Any, Final

import re2

#: Most repetitions that are counted; more count as any number. RE2 writes each of them out.
_MOST_COUNTED = 20
#: Bytes that a scout may take for its states.
_MEMORY = 1 << 20

_QUANTIFIER: Final = re.compile(r"(?:[*+?]|\{(\d{1,5})(?:(,)(\d{0,5}))?\})[?+]?")
_GROUP: Final = re.compile(r"\?(?::|>|\||P?<[A-Za-z_]\w*>|'[A-Za-z_]\w*')")
_LOOKING_AROUND: Final = re.compile(r"\?<?[=!]")
_FLAGS: Final = re.compile(r"\?([ims]*(?:-[ims]+)?)([:)])")
_HEX: Final = re.compile(r"x(?:\{([0-9A-Fa-f]{1,6})\}|([0-9A-Fa-f]{2}))")
_POSIX: Final = re.compile(r"\[:\^?[a-z]+:\]")
_REFERENCE: Final = re.compile(r"[1-9](?!\d)")
#: Counts as some versions of PCRE2 read them, and some do not.
_DOUBTFUL: Final = re.compile(r"\{[\d, ]*\}")

_ANY = "(?s:.)"
_LINE_ENDS = r"\n-\r\x{85}\x{2028}\x{2029}"
_BLANKS = r"\t \x{a0}\x{1680}\x{180e}\x{2000}-\x{200a}\x{202f}\x{205f}\x{3000}"
#: Escapes that may stand in a class, as there.
_IN_CLASS: Final = {
    "d": r"\d",
    "D": r"\D",
    "w": r"\w",
    "W": r"\W",
    "s": r"\t-\r ",
    "h": _BLANKS,
    "v": _LINE_ENDS,
    "t": r"\t",
    "n": r"\n",
    "r": r"\r",
    "f": r"\f",
    "a": r"\a",
    "e": r"\x{1b}",
}
#: Those that may not, or mean something else there.
_OUTSIDE: Final = {
    "s": r"[\t-\r ]",
    "S": r"[^\t-\r ]",
    "h": f"[{_BLANKS}]",
    "v": f"[{_LINE_ENDS}]",
    "H": _ANY,
    "V": _ANY,
    "R": rf"(?:\r\n|[{_LINE_ENDS}])",
    "b": r"\b",
    "B": r"\B",
    "A": r"\A",
    "z": r"\z",
    "Z": "(?m:$)",
}


class _Unknown(Exception):
    """The pattern says something that has no place here."""


@functools.lru_cache(maxsize=64)
def scout(pattern: str, options: str) -> Any | None:
    """A compiled RE2 pattern for UTF-8 bytes; None for a pattern that cannot be scouted.

    Takes a pattern that PCRE2 takes.
    """
    if "x" in options:
        return None
    settings = re2.Options()
    settings.max_mem = _MEMORY
    settings.never_capture = True
    settings.log_errors = False
    flags = "".join(letter for letter in "ims" if letter in options)
    try:
        text = _Reader(pattern, caseless="i" in options).all()
        return re2.compile((f"(?{flags}:{text})" if flags else text).encode(), settings)
    except (_Unknown, re2.error, RecursionError, UnicodeEncodeError):
        return None


class _Reader:
    """Reads a PCRE2 pattern from left to right, as what RE2 shall look for."""

    def __init__(self, pattern: str, *, caseless: bool) -> None:
        self._pattern = pattern
        self._caseless = caseless
        self._at = 0

    def all(self) -> str:
        """The whole pattern. Raises _Unknown."""
        text = self._group()
        # The two differ over letters that are others' capitals beyond ASCII, such as the Kelvin sign.
        foreign = not self._pattern.isascii() or "\\x" in self._pattern or "\\W" in self._pattern
        if self._at < len(self._pattern) or (self._caseless and foreign):
            raise _Unknown
        return text

    def _group(self) -> str:
        """Up to the end of the group, which is left to be read."""
        parts = []
        while self._at < len(self._pattern) and self._pattern[self._at] != ")":
            parts.append(self._one() + self._quantifier())
        return "".join(parts)

    def _taken(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        found = pattern.match(self._pattern, self._at)
        if found is not None:
            self._at = found.end()
        return found

    def _next(self) -> str:
        if self._at == len(self._pattern):
            raise _Unknown
        self._at += 1
        return self._pattern[self._at - 1]

    def _quantifier(self) -> str:
        """Greedy or not, they match from the same places: so RE2 need not look further than it must."""
        found = self._taken(_QUANTIFIER)
        if found is None:
            return ""
        least, comma, most = found.groups()
        if least is None:
            return f"{found[0][0]}?"
        low, high = int(least), int(most or 0)
        if not comma and low <= _MOST_COUNTED:
            return f"{{{low}}}?"
        if most and high <= _MOST_COUNTED:
            return f"{{{low},{high}}}?"
        return f"{{{min(low, _MOST_COUNTED)},}}?"

    def _one(self) -> str:
        if self._taken(_DOUBTFUL) is not None:
            raise _Unknown
        letter = self._next()
        if letter == "(":
            return self._parenthesis()
        if letter == "[":
            return self._class()
        if letter == "\\":
            return self._escape()
        if letter == "$":
            return "(?m:$)"  # where it means the end, it may be before the last line's end as well
        if letter in "^.|":
            return letter
        return _literal(letter)

    def _parenthesis(self) -> str:
        flags = self._taken(_FLAGS)
        self._caseless |= flags is not None and "i" in flags[1].partition("-")[0]
        if flags is not None and flags[2] == ")":
            return f"(?{flags[1]})" if flags[1] else ""
        around = flags is None and self._taken(_LOOKING_AROUND) is not None
        plain = flags is None and not around and self._taken(_GROUP) is None
        if plain and self._pattern.startswith(("?", "*"), self._at):
            raise _Unknown
        inner = self._group()
        if self._next() != ")":
            raise _Unknown
        if around:
            return "(?:)"
        return f"(?{flags[1]}:{inner})" if flags is not None else f"(?:{inner})"

    def _escape(self) -> str:
        if self._pattern.startswith("x", self._at):
            return self._code_point()
        if self._taken(_REFERENCE) is not None:
            return f"(?:{_ANY}*?)"
        letter = self._next()
        if letter == "Q":
            end = self._pattern.find("\\E", self._at)
            quoted = self._pattern[self._at : end if end >= 0 else None]
            self._at = end + 2 if end >= 0 else len(self._pattern)
            return "".join(map(_literal, quoted))
        if letter == "E":
            return ""
        if letter in _OUTSIDE:
            return _OUTSIDE[letter]
        return _IN_CLASS.get(letter) or _escaped(letter)

    def _code_point(self) -> str:
        found = self._taken(_HEX)
        if found is None:
            raise _Unknown
        return f"\\x{{{found[1] or found[2]}}}"

    def _class(self) -> str:
        parts = ["["]
        if self._pattern[self._at : self._at + 1] == "^":
            parts.append(self._next())
        if self._pattern[self._at : self._at + 1] == "]":
            parts.append("\\" + self._next())
        while (letter := self._next()) != "]":
            if letter == "\\":
                parts.append(self._class_escape())
            elif letter == "[":
                self._at -= 1
                named = self._taken(_POSIX)
                parts.append(named[0] if named is not None else "\\" + self._next())
            else:
                parts.append(letter if letter in "-^" else _literal(letter))
        return "".join([*parts, "]"])

    def _class_escape(self) -> str:
        if self._pattern.startswith("x", self._at):
            return self._code_point()
        letter = self._next()
        return r"\x{8}" if letter == "b" else _IN_CLASS.get(letter) or _escaped(letter)


def _literal(letter: str) -> str:
    return "\\" + letter if letter.isascii() and not letter.isalnum() and letter.isprintable() else letter


def _escaped(letter: str) -> str:
    """What a backslash before ``letter`` means, which has no meaning of its own. Raises _Unknown."""
    if letter.isascii() and letter.isalnum():
        raise _Unknown
    return _literal(letter)
