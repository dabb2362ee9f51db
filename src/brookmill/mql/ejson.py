"""Extended JSON v2 text, relaxed or canonical, to values."""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import json
import math
import uuid
from collections.abc import Callable, Mapping
from typing import Any, Final, NoReturn

import orjson
from bson import Binary, Code, Decimal128, Int64, MaxKey, MinKey, ObjectId, Regex, Timestamp
from bson.binary import UUID_SUBTYPE
from bson.errors import BSONError

from brookmill.mql.errors import MQLError
from brookmill.mql.values import INT64_MIN, UNDEFINED, DBPointer, Symbol, Value, date_from_ms, rounded

#: Deepest nesting of objects and arrays that is read; MongoDB's own limit for BSON.
MAX_DEPTH = 100

Wrapper = Mapping[str, Any]


def parse_json(text: str | bytes) -> Value:
    """The value of one JSON text, Extended JSON wrappers resolved. Raises MQLError (code 9)."""
    return rounded(parse_with_digits(text))


def parse_with_digits(text: str | bytes) -> Value:
    """As ``parse_json``, but integers over 64 bits, which count as doubles, keep their digits."""
    try:
        return resolve(loads(text))
    except (ValueError, TypeError, ArithmeticError, BSONError) as e:
        raise MQLError(f"invalid JSON: {e}", 9) from e
    except RecursionError:
        raise MQLError("invalid JSON: nested too deeply", 9) from None


def loads(text: str | bytes) -> Value:
    """Plain JSON to values, wrappers left as they are. Raises ValueError."""
    try:
        return orjson.loads(text)
    except ValueError as e:
        if "infinity" not in str(e):
            raise
    # A number beyond the range of doubles is legal JSON; it counts as an infinity.
    if isinstance(text, bytes):
        text = text.decode()
    value = json.loads(text, parse_constant=_refuse_constant, parse_int=_long_integer)
    json.dumps(value, ensure_ascii=False).encode()  # half a surrogate pair is no text
    return value


def _long_integer(digits: str) -> int | float:
    """As orjson reads them: beyond 64 bits they are doubles. Python refuses thousands of digits."""
    number = int(digits) if len(digits) < 21 else None
    return number if number is not None and INT64_MIN <= number < 2**64 else float(digits)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


def resolve(value: Value, depth: int = 0) -> Value:
    """``value`` with every Extended JSON wrapper in it replaced by what it stands for."""
    if depth > MAX_DEPTH:
        raise ValueError(f"nested deeper than {MAX_DEPTH} levels")
    if type(value) is dict:
        for name in value:
            if name[:1] == "$" and (wrapper := WRAPPERS.get(name)) is not None:
                return wrapper(value)
            break
        return {name: resolve(member, depth + 1) for name, member in value.items()}
    if type(value) is list:
        return [resolve(item, depth + 1) for item in value]
    return value


_BRACKETS: Final = b"[]{}"
_REST: Final = bytes(byte for byte in range(256) if byte not in _BRACKETS)


def may_be_deep(text: bytes) -> bool:
    """Whether JSON text may be nested deeper than is read. Never False for such; seldom True for others."""
    if text.count(b"[") + text.count(b"{") <= MAX_DEPTH:
        return False
    left = text.translate(None, _REST)
    for _ in range(MAX_DEPTH):
        shorter = left.replace(b"[]", b"").replace(b"{}", b"")
        if len(shorter) == len(left):
            break
        left = shorter
    return bool(left)


def _only(value: Wrapper, *names: str) -> tuple[Any, ...]:
    if type(value) is not dict or value.keys() != set(names):
        raise ValueError(f"a {names[0]} wrapper has exactly the members {', '.join(names)}")
    return tuple(value[name] for name in names)


def _text(value: Any, what: str) -> str:
    if type(value) is not str:
        raise ValueError(f"{what} takes a string")
    return value


def _integer(value: Wrapper, name: str, bits: int) -> int:
    text = _text(_only(value, name)[0], name)
    if not text.lstrip("-").isdecimal() or not text.isascii():
        raise ValueError(f"{name} takes decimal digits")
    number = int(text[:40])
    if len(text) > 40 or not -(1 << bits - 1) <= number < 1 << bits - 1:
        raise ValueError(f"{name} is out of range")
    return number


def _double(value: Wrapper) -> float:
    text = _text(_only(value, "$numberDouble")[0], "$numberDouble")
    if text in {"Infinity", "-Infinity", "NaN"}:
        return float(text.replace("Infinity", "inf"))
    number = float(text)
    if not math.isfinite(number) or "_" in text:
        raise ValueError("$numberDouble is out of range")
    return number


def _binary(value: Wrapper) -> Value:
    data, subtype = _only(_only(value, "$binary")[0], "base64", "subType")
    try:
        raw = base64.b64decode(_text(data, "base64"), validate=True)
    except binascii.Error as e:
        raise ValueError(f"$binary: {e}") from e
    return Binary(raw, int(_text(subtype, "subType"), 16))


def _uuid(value: Wrapper) -> Value:
    return Binary(uuid.UUID(_text(_only(value, "$uuid")[0], "$uuid")).bytes, UUID_SUBTYPE)


def _timestamp(value: Wrapper) -> Value:
    seconds, increment = _only(_only(value, "$timestamp")[0], "t", "i")
    return Timestamp(seconds, increment)


def _regex(value: Wrapper) -> Value:
    pattern, options = _only(_only(value, "$regularExpression")[0], "pattern", "options")
    return Regex(_text(pattern, "pattern"), _text(options, "options"))


def _date(value: Wrapper) -> Value:
    (when,) = _only(value, "$date")
    if type(when) is dict:
        return date_from_ms(_integer(when, "$numberLong", 64))
    if type(when) is int:
        return date_from_ms(when)
    moment = dt.datetime.fromisoformat(_text(when, "$date"))
    if moment.tzinfo is None:
        raise ValueError("$date takes a string with a time zone")
    moment = moment.astimezone(dt.UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def _code(value: Wrapper) -> Value:
    if "$scope" in value:
        code, scope = _only(value, "$code", "$scope")
        return Code(_text(code, "$code"), resolve(scope))
    return Code(_text(_only(value, "$code")[0], "$code"))


def _undefined(value: Wrapper) -> Value:
    if _only(value, "$undefined") != (True,):
        raise ValueError("$undefined takes true")
    return UNDEFINED


def _pointer(value: Wrapper) -> Value:
    namespace, at = _only(_only(value, "$dbPointer")[0], "$ref", "$id")
    return DBPointer(_text(namespace, "$ref"), ObjectId(_text(_only(at, "$oid")[0], "$oid")))


def _key(kind: type, name: str) -> Callable[[Wrapper], Value]:
    def read(value: Wrapper) -> Value:
        _only(value, name)
        return kind()

    return read


#: First member name of a wrapper -> how it is read.
WRAPPERS: dict[str, Callable[[Wrapper], Value]] = {
    "$oid": lambda value: ObjectId(_text(_only(value, "$oid")[0], "$oid")),
    "$symbol": lambda value: Symbol(_text(_only(value, "$symbol")[0], "$symbol")),
    "$numberInt": lambda value: _integer(value, "$numberInt", 32),
    "$numberLong": lambda value: Int64(_integer(value, "$numberLong", 64)),
    "$numberDouble": _double,
    "$numberDecimal": lambda value: Decimal128(_text(_only(value, "$numberDecimal")[0], "$numberDecimal")),
    "$binary": _binary,
    "$uuid": _uuid,
    "$timestamp": _timestamp,
    "$regularExpression": _regex,
    "$date": _date,
    "$code": _code,
    "$scope": _code,
    "$minKey": _key(MinKey, "$minKey"),
    "$maxKey": _key(MaxKey, "$maxKey"),
    "$undefined": _undefined,
    "$dbPointer": _pointer,
}
