"""Values to JSON text: Extended JSON v2 relaxed or canonical, and the stream engine's ``basicJson``."""

from __future__ import annotations

import base64
import datetime as dt
import math
import uuid
from collections.abc import Callable
from typing import Any, Literal

import msgspec
import orjson
from bson import Binary, Code, DatetimeMS, Regex
from bson.binary import UUID_SUBTYPE
from bson.dbref import DBRef

from brookmill.mql.bounds import Growth, charge, close_growth, open_growth
from brookmill.mql.errors import MQLError
from brookmill.mql.size import MAX_LEVELS, bounded_document
from brookmill.mql.values import (
    DATETIME_MAX_MS,
    INT32_MAX,
    INT32_MIN,
    Value,
    deeper_than,
    ms_from_date,
    type_name,
)

Format = Literal["relaxedJson", "canonicalJson", "basicJson"]


class Encoding(msgspec.Struct, frozen=True):
    """How a sink writes documents as JSON. Reference: Atlas Stream Processing, ``$emit``.

    ``dates``: "default" is what ``format`` says, "ISO8601" a plain string with milliseconds and Z.
    """

    format: Format = "relaxedJson"
    dates: Literal["default", "ISO8601"] = "default"


RELAXED = Encoding()
#: Characters of a text whose length counts when the document is written; what an item counts.
_LONG, _ITEM = 1000, 32
_ISO = orjson.OPT_UTC_Z | orjson.OPT_NAIVE_UTC
_OPTIONS = (
    orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_SUBCLASS | orjson.OPT_PASSTHROUGH_DATACLASS
)
#: orjson hands out its whole buffer, 4 KiB at least and often ten times the text, and never shrinks it.
#: Sinks keep texts: so one byte too many is written and cut off, which copies what is left to its size.
_CUT = orjson.OPT_APPEND_NEWLINE


def iso_text(date: Value) -> str | None:
    """``2024-08-12T21:41:01.788Z``; None outside the years 1-9999."""
    if isinstance(date, DatetimeMS):
        return None
    # Without a zone it is written more than twice as fast.
    text = orjson.dumps(date.replace(tzinfo=None), None, _ISO).decode()
    return f"{text[1:24]}Z" if len(text) > 24 else f"{text[1:20]}.000Z"


def encoder(encoding: Encoding = RELAXED) -> Callable[[Value], bytes]:
    """The function that writes one value as ``encoding`` says. It takes any value and never loses one.

    Raises MQLError for what JSON cannot hold: values nested too deeply, and texts that are no UTF-8; and for
    values that are too large, as they come of one value standing in many places.
    """
    quick, exact = quick_encoder(encoding), exact_encoder(encoding)

    def encode(value: Value) -> bytes:
        try:
            bounded_document(value)
            text = quick(value)
        except (TypeError, RecursionError):
            return exact(value)
        # What JSON has no number for shows as null in the quick text.
        return exact(value) if b"null" in text and _has_non_finite(value) else text

    return encode


def faithful(value: Value) -> bytes:
    """``value`` as JSON text that reads back as the very same: relaxed wherever that keeps the type.

    Raises MQLError as ``encoder`` does.
    """
    _shallow(value)
    open_growth()
    try:
        return orjson.dumps(_plain(value, _faithful, False), None, _CUT)[:-1]
    except (orjson.JSONEncodeError, RecursionError) as e:
        raise MQLError(f"the document cannot be written as JSON: {e}", 15) from None
    finally:
        close_growth()


def _faithful(value: Value, kind: str) -> Any:
    small = kind == "long" and INT32_MIN <= value <= INT32_MAX
    return _canonical(value, kind) if small else _relaxed(value, kind)


def _shallow(value: Value) -> None:
    """Raises MQLError for a value with more levels than can be written."""
    if deeper_than(value, MAX_LEVELS):
        raise MQLError(f"the document is nested deeper than {MAX_LEVELS} levels", 15)


def _has_non_finite(value: Value) -> bool:
    """Whether there is a double in it that JSON has no number for; shared parts are seen once."""
    waiting: list[Any] = [[value]]
    seen: set[int] = set()
    while waiting:
        one = waiting.pop()
        for part in one.values() if isinstance(one, dict) else one:
            if type(part) is float:
                if not math.isfinite(part):
                    return True
            elif isinstance(part, (dict, list, tuple)) and id(part) not in seen:
                seen.add(id(part))
                waiting.append(part)
    return False


def exact_encoder(encoding: Encoding) -> Callable[[Value], bytes]:
    """As ``encoder``, with a look at every single value."""
    write = _WRITERS[encoding.format]
    iso = encoding.dates == "ISO8601"

    def encode(value: Value) -> bytes:
        _shallow(value)
        open_growth()
        try:
            return orjson.dumps(_plain(value, write, iso), None, _CUT)[:-1]
        except (orjson.JSONEncodeError, RecursionError) as e:
            raise MQLError(f"the document cannot be written as JSON: {e}", 15) from None
        finally:
            close_growth()

    return encode


def quick_encoder(encoding: Encoding = RELAXED) -> Callable[[Value], bytes]:
    """As ``encoder``, several times quicker, for values without non-finite doubles and integers over 64 bits.

    Those it would write wrongly or refuse, and values of more than ``MAX_LEVELS`` may end the process: only
    for values of which the caller knows better.
    """
    write = _WRITERS[encoding.format]
    if encoding.format == "canonicalJson":
        return exact_encoder(encoding)
    iso = encoding.dates == "ISO8601"
    dumps, options = orjson.dumps, _OPTIONS | _CUT
    date_writer = write_date(encoding)

    def default(value: Value) -> Any:
        return date_writer(value) if type(value) is dt.datetime else _plain(value, write, iso)

    def encode(value: Value) -> bytes:
        return dumps(value, default, options)[:-1]

    return encode


def write_date(encoding: Encoding) -> Callable[[Value], Any]:
    """The function that turns a date into what stands for it in JSON; null passes unchanged."""
    write = _WRITERS[encoding.format]
    iso = encoding.dates == "ISO8601"
    usual = encoding == RELAXED

    def written(value: Value) -> Any:
        if usual and type(value) is dt.datetime and value.year >= 1970:
            return {"$date": iso_text(value)}
        return _plain(value, write, iso)

    return written


def _plain(value: Value, write: Callable[[Value, str], Any], iso: bool) -> Any:
    """``value`` in the types that JSON has."""
    if type(value) is str:
        if len(value) > _LONG:
            charge(len(value), "the document")
        return value
    if value is None or value is True or value is False:
        return value
    if isinstance(value, dict):
        charge(Growth.VISIT + len(value) * _ITEM, "the document")
        return {name: _plain(member, write, iso) for name, member in value.items()}
    if isinstance(value, (list, tuple)):
        charge(Growth.VISIT + len(value) * _ITEM, "the document")
        return [_plain(item, write, iso) for item in value]
    kind = type_name(value)
    if iso and kind == "date" and (text := iso_text(value)) is not None:
        return text
    written = write(value, kind)
    return written if type(written) is not dict or kind != "object" else _plain(written, write, iso)


def _non_finite(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"


def _double_text(value: float) -> str:
    if not math.isfinite(value):
        return _non_finite(value)
    text = repr(value)
    mantissa, e, exponent = text.partition("e")
    return f"{mantissa if '.' in mantissa else mantissa + '.0'}E{exponent}" if e else text


def _relaxed(value: Value, kind: str) -> Any:
    if kind in {"int", "long"} or (type(value) is int and 0 <= value < 2**64):
        return int(value)  # from 2**63 on it counts as a double, and keeps the digits it came with
    if kind == "double" and math.isfinite(number := float(value)):
        return number
    if kind == "date" and 0 <= ms_from_date(value) <= DATETIME_MAX_MS:
        return {"$date": iso_text(value)}
    return _canonical(value, kind)


def _canonical(value: Value, kind: str) -> Any:
    return _CANONICAL[kind](value)


def _binary_parts(value: Value) -> tuple[bytes, int]:
    if isinstance(value, uuid.UUID):
        return value.bytes, UUID_SUBTYPE
    return bytes(value), value.subtype if isinstance(value, Binary) else 0


def _binary(value: Value) -> Any:
    data, subtype = _binary_parts(value)
    return {"$binary": {"base64": base64.b64encode(data).decode(), "subType": f"{subtype:02x}"}}


def _regex_parts(value: Regex[Any]) -> tuple[str, str]:
    pattern = value.pattern.decode("utf-8", "replace") if isinstance(value.pattern, bytes) else value.pattern
    letters = ((2, "i"), (4, "l"), (8, "m"), (16, "s"), (32, "u"), (64, "x"))
    return pattern, "".join(letter for flag, letter in letters if value.flags & flag)


def _regex(value: Regex[Any]) -> Any:
    pattern, options = _regex_parts(value)
    return {"$regularExpression": {"pattern": pattern, "options": options}}


def _code_with_scope(value: Code) -> Any:
    return {"$code": str(value), "$scope": _plain(value.scope, _canonical, False)}


_CANONICAL: dict[str, Callable[[Any], Any]] = {
    "int": lambda value: {"$numberInt": str(int(value))},
    "long": lambda value: {"$numberLong": str(int(value))},
    "double": lambda value: {"$numberDouble": _double_text(float(value))},
    "decimal": lambda value: {"$numberDecimal": str(value)},
    "binData": _binary,
    "objectId": lambda value: {"$oid": str(value)},
    "date": lambda value: {"$date": {"$numberLong": str(ms_from_date(value))}},
    "regex": _regex,
    "javascript": lambda value: {"$code": str(value)},
    "javascriptWithScope": _code_with_scope,
    "timestamp": lambda value: {"$timestamp": {"t": value.time, "i": value.inc}},
    "undefined": lambda _: {"$undefined": True},
    "symbol": lambda value: {"$symbol": str(value)},
    "dbPointer": lambda value: {"$dbPointer": {"$ref": value.collection, "$id": {"$oid": str(value.id)}}},
    "minKey": lambda _: {"$minKey": 1},
    "maxKey": lambda _: {"$maxKey": 1},
    "object": lambda value: dict(value.as_doc()) if isinstance(value, DBRef) else dict(value),
}


def _basic(value: Value, kind: str) -> Any:
    match kind:
        case "binData":
            data, subtype = _binary_parts(value)
            if subtype == UUID_SUBTYPE and len(data) == 16:
                return str(uuid.UUID(bytes=data))
            return base64.b64encode(data).decode()
        case "date":
            return ms_from_date(value)
        case "timestamp":
            return value.time * 1000
        case "objectId" | "decimal":
            return str(value)
        case "double" if not math.isfinite(value):
            return _non_finite(value)
        case "regex":
            pattern, options = _regex_parts(value)
            return {"pattern": pattern, "options": options}
    return _relaxed(value, kind)


_WRITERS: dict[str, Callable[[Value, str], Any]] = {
    "relaxedJson": _relaxed,
    "canonicalJson": _canonical,
    "basicJson": _basic,
}
