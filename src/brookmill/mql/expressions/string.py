"""String expression operators."""

from __future__ import annotations

from brookmill.mql.bounds import bounded_items, bounded_text
from brookmill.mql.convert import to_string
from brookmill.mql.errors import MQLError
from brookmill.mql.expression import Codes, operator
from brookmill.mql.numbers import is_number, to_float
from brookmill.mql.values import INT32_MAX, INT32_MIN, Value, nullish, type_name


@operator("$concat", result="string")
def concat(*texts: Value) -> Value:
    if any(nullish(text) for text in texts):
        return None
    for text in texts:
        if type(text) is not str:
            raise MQLError(f"$concat only supports strings, not {type_name(text)}", 16702)
    bounded_text(sum(map(len, texts)), "$concat")
    return "".join(texts)


def _coerced(value: Value, name: str) -> str:
    """A string from what older operators take for one: numbers, dates, null as empty. Raises MQLError."""
    if nullish(value):
        return ""
    if type_name(value) in {"string", "int", "long", "double", "decimal", "date"}:
        return str(to_string(value))
    raise MQLError(f"can't convert from BSON type {type_name(value)} to String in {name}", 16007)


_LOWER = str.maketrans({chr(c): chr(c + 32) for c in range(ord("A"), ord("Z") + 1)})
_UPPER = str.maketrans({chr(c): chr(c - 32) for c in range(ord("a"), ord("z") + 1)})


@operator("$toLower", result="string")
def to_lower(text: Value) -> str:
    return _coerced(text, "$toLower").translate(_LOWER)


@operator("$toUpper", result="string")
def to_upper(text: Value) -> str:
    return _coerced(text, "$toUpper").translate(_UPPER)


@operator("$strcasecmp", result="int")
def strcasecmp(left: Value, right: Value) -> int:
    one, other = to_upper(left).encode(), to_upper(right).encode()
    return (one > other) - (one < other)


def _length(text: Value, name: str, code: int) -> str:
    if type(text) is not str:
        raise MQLError(f"{name} requires a string argument, found: {type_name(text)}", code)
    return text


@operator("$strLenCP", result="int")
def str_len_cp(text: Value) -> int:
    return len(_length(text, "$strLenCP", 34471))


@operator("$strLenBytes", result="int")
def str_len_bytes(text: Value) -> int:
    return len(_length(text, "$strLenBytes", 34473).encode("utf-8", "surrogatepass"))


@operator("$split", result="array")
def split(text: Value, delimiter: Value) -> Value:
    if nullish(text) or nullish(delimiter):
        return None
    for place, value, code in (("first", text, 40085), ("second", delimiter, 40086)):
        if type(value) is not str:
            wants = f"requires an expression that evaluates to a string as a {place} argument"
            raise MQLError(f"$split {wants}, found: {type_name(value)}", code)
    if not delimiter:
        raise MQLError("$split requires a non-empty separator", 40087)
    bounded_items(text.count(delimiter), "$split")
    return text.split(delimiter)


def _index(value: Value, what: str, code: int, fraction: int | None = None) -> int:
    """A number cut to 32 bits. ``fraction``: code of the error for one that is not whole; None: it is cut."""
    if not is_number(value):
        raise MQLError(f"{what} must be a number, found {type_name(value)}", code)
    number = to_float(value)
    if fraction is not None and not number.is_integer():
        raise MQLError(f"{what} must be a whole number", fraction)
    if not INT32_MIN <= number <= INT32_MAX:
        raise MQLError(f"{what} must fit 32 bits", code if fraction is None else fraction)
    return int(number)


@operator("$substrCP", result="string")
def substr_cp(text: Value, start: Value, length: Value) -> str:
    at = _index(start, "$substrCP: starting index", 34450, 34451)
    count = _index(length, "$substrCP: length", 34452, 34453)
    if count < 0:
        raise MQLError("$substrCP: length must be a nonnegative integer", 34454)
    if at < 0:
        raise MQLError("$substrCP: the starting index must be nonnegative integer", 34455)
    return _coerced(text, "$substrCP")[at : at + count]


@operator("$substrBytes", "$substr", result="string")
def substr_bytes(text: Value, start: Value, length: Value) -> str:
    raw = _coerced(text, "$substrBytes").encode()
    at = _index(start, "$substrBytes: starting index", 16034)
    count = _index(length, "$substrBytes: length", 16035)
    if at < 0:
        raise MQLError("$substrBytes: starting index must be non-negative", 50752)
    end = len(raw) if count < 0 else min(len(raw), at + count)
    if at < len(raw) and raw[at] & 0xC0 == 0x80:
        raise MQLError("$substrBytes: Invalid range, starting index is a UTF-8 continuation byte", 28656)
    if end < len(raw) and end > at and raw[end] & 0xC0 == 0x80:
        raise MQLError(
            "$substrBytes: Invalid range, ending index is in the middle of a UTF-8 character", 28657
        )
    return raw[at:end].decode()


def _find(text: Value, part: Value, bounds: tuple[Value, ...], name: str, *, as_bytes: bool) -> Value:
    if nullish(text):
        return None
    if type(text) is not str:
        raise MQLError(
            f"{name} requires a string as the first argument, found: {type_name(text)}",
            40091 if as_bytes else 40093,
        )
    if type(part) is not str:
        raise MQLError(
            f"{name} requires a string as the second argument, found: {type_name(part)}",
            40092 if as_bytes else 40094,
        )
    start, end = (_index(bound, f"{name} bound", 40096, 40096) for bound in bounds)
    if start < 0 or end < 0:
        raise MQLError(f"{name} requires a nonnegative bound", 40097)
    where: str | bytes = text.encode() if as_bytes else text
    what: str | bytes = part.encode() if as_bytes else part
    if start > len(where) or end < start:
        return -1
    return where.find(what, start, min(end, len(where)))  # type: ignore[arg-type]


@operator("$indexOfCP", result="int")
def index_of_cp(text: Value, part: Value, start: Value = 0, end: Value = INT32_MAX) -> Value:
    return _find(text, part, (start, end), "$indexOfCP", as_bytes=False)


@operator("$indexOfBytes", result="int")
def index_of_bytes(text: Value, part: Value, start: Value = 0, end: Value = INT32_MAX) -> Value:
    return _find(text, part, (start, end), "$indexOfBytes", as_bytes=True)


#: What trimming takes for blank where no characters are given.
BLANKS = "\0\t\n\v\f\r \u00a0\u1680" + "".join(map(chr, range(0x2000, 0x200B)))


_TRIM = Codes(shape=50696, unknown=50694, missing=50695)


def _trim_input(text: Value, chars: Value, name: str) -> tuple[str, str] | None:
    if nullish(text):
        return None
    if type(text) is not str:
        raise MQLError(f"{name} requires its input to be a string, got {type_name(text)} instead.", 50699)
    if nullish(chars):
        return None
    if type(chars) is not str:
        raise MQLError(f"{name} requires 'chars' to be a string, got {type_name(chars)} instead.", 50700)
    return text, chars


@operator("$trim", takes="members", result="string", codes=_TRIM)
def trim(input_: Value, chars: Value = BLANKS) -> Value:
    found = _trim_input(input_, chars, "$trim")
    return found and found[0].strip(found[1])


@operator("$ltrim", takes="members", result="string", codes=_TRIM)
def ltrim(input_: Value, chars: Value = BLANKS) -> Value:
    found = _trim_input(input_, chars, "$ltrim")
    return found and found[0].lstrip(found[1])


@operator("$rtrim", takes="members", result="string", codes=_TRIM)
def rtrim(input_: Value, chars: Value = BLANKS) -> Value:
    found = _trim_input(input_, chars, "$rtrim")
    return found and found[0].rstrip(found[1])


_REPLACE = Codes(shape=51751, unknown=51750, missing={"input": 51749, "find": 51748, "replacement": 51747})


def _replaced(texts: tuple[Value, Value, Value], name: str, count: int) -> Value:
    for what, text in zip(("input", "find", "replacement"), texts, strict=True):
        if not nullish(text) and type(text) is not str:
            raise MQLError(f"{name} requires that '{what}' be a string, found: {type_name(text)}", 51746)
    if any(map(nullish, texts)):
        return None
    whole, part, new = texts
    hits = whole.count(part) if count < 0 else min(count, 1)
    bounded_text(len(whole) + hits * len(new), name)
    return whole.replace(part, new, count)


@operator("$replaceOne", takes="members", result="string", codes=_REPLACE)
def replace_one(input_: Value, find: Value, replacement: Value) -> Value:
    return _replaced((input_, find, replacement), "$replaceOne", 1)


@operator("$replaceAll", takes="members", result="string", codes=_REPLACE)
def replace_all(input_: Value, find: Value, replacement: Value) -> Value:
    return _replaced((input_, find, replacement), "$replaceAll", -1)
