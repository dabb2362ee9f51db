"""String expression operators that search for regular expressions."""

from __future__ import annotations

from brookmill.mql import regex
from brookmill.mql.bounds import Growth, growth_in_hand
from brookmill.mql.errors import MQLError
from brookmill.mql.expression import Codes, operator
from brookmill.mql.values import Document, Value, nullish

_CODES = Codes(shape=51103, unknown=31024, missing={"input": 31022, "regex": 31023})


def _options(value: Value, own: str, name: str) -> str:
    if nullish(value):
        return own
    if type(value) is not str:
        raise MQLError(f"{name} needs 'options' to be of type string", 51106)
    if "\0" in value:
        raise MQLError(f"{name}: regular expression options cannot contain an embedded null byte", 51110)
    if own and value:
        text = "found regex option(s) specified in both 'regex' and 'option' fields"
        raise MQLError(f"{name}: {text}", 51107)
    return value or own


def _prepared(text: Value, pattern: Value, options: Value, name: str) -> regex.Pattern | None:
    """The compiled pattern; None where there is nothing to search for or in. Raises MQLError."""
    if not nullish(text) and type(text) is not str:
        raise MQLError(f"{name} needs 'input' to be of type string", 51104)
    source, own = ("", "") if nullish(pattern) else regex.parts(pattern)
    own = _options(options, own, name)
    if nullish(pattern):
        return None
    compiled = regex.compiled(source, own)
    return None if nullish(text) else compiled


@operator("$regexMatch", takes="members", result="bool", codes=_CODES)
def regex_match(input_: Value, regex_: Value, options: Value = None) -> Value:
    compiled = _prepared(input_, regex_, options, "$regexMatch")
    return compiled is not None and compiled.found_in(input_)


@operator("$regexFind", takes="members", result="object", codes=_CODES)
def regex_find(input_: Value, regex_: Value, options: Value = None) -> Document | None:
    compiled = _prepared(input_, regex_, options, "$regexFind")
    return None if compiled is None else next(compiled.matches(input_), None)


@operator("$regexFindAll", takes="members", result="array", codes=_CODES)
def regex_find_all(input_: Value, regex_: Value, options: Value = None) -> list[Document]:
    compiled = _prepared(input_, regex_, options, "$regexFindAll")
    found: list[Document] = []
    if compiled is None:
        return found
    growth = growth_in_hand()
    for match in compiled.matches(input_):
        found.append(match)
        growth.spend((4 + compiled.groups) * Growth.STEP, "$regexFindAll")
    return found
