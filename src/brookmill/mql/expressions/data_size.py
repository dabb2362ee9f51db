"""Data size expression operators: how many bytes a value takes."""

from __future__ import annotations

import uuid

import bson
from bson.codec_options import CodecOptions, DatetimeConversion

from brookmill.mql.bounds import charge
from brookmill.mql.errors import MQLError
from brookmill.mql.expression import operator
from brookmill.mql.values import Value, nullish, type_name

_OPTIONS: CodecOptions[dict[str, object]] = CodecOptions(
    datetime_conversion=DatetimeConversion.DATETIME_AUTO,
    uuid_representation=bson.binary.UuidRepresentation.STANDARD,
)


@operator("$binarySize", result="int")
def binary_size(value: Value) -> Value:
    if nullish(value):
        return None
    if type(value) is str:
        return len(value.encode(errors="surrogatepass"))
    if isinstance(value, uuid.UUID):
        return 16
    if isinstance(value, bytes):
        return len(value)
    raise MQLError(f"$binarySize requires a string or BinData argument, found: {type_name(value)}", 51276)


@operator("$bsonSize", result="int")
def bson_size(document: Value) -> Value:
    if nullish(document):
        return None
    if not isinstance(document, dict):
        raise MQLError(f"$bsonSize requires a document input, found: {type_name(document)}", 31393)
    try:
        size = len(bson.encode(document, codec_options=_OPTIONS))
    except (bson.errors.BSONError, OverflowError, RecursionError, UnicodeEncodeError) as e:
        raise MQLError(f"$bsonSize cannot measure the document: {type(e).__name__}", 17260) from None
    charge(size, "$bsonSize")
    return size
