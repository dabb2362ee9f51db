"""Avro bodies: read and written as fastavro, an independent peer, does; broken ones never get through."""

from __future__ import annotations

import datetime as dt
import io
import uuid
from contextlib import suppress
from typing import Any

import fastavro
import pytest
from bson import Binary, DatetimeMS, Decimal128, Int64, ObjectId
from hypothesis import given, settings
from hypothesis import strategies as st

from brookmill.connections.schema_registry.avro import Avro
from brookmill.connections.schema_registry.reading import reader
from brookmill.connections.schema_registry.writing import writer
from brookmill.errors import DocumentError

NODE = {
    "type": "record",
    "name": "Node",
    "namespace": "com.example",
    "fields": [{"name": "n", "type": "int"}, {"name": "next", "type": ["null", "Node"], "default": None}],
}


def one(schema: Any, **more: Any) -> dict[str, Any]:
    """A record with the one field ``v``."""
    return {"type": "record", "name": "One", "fields": [{"name": "v", "type": schema, **more}]}


def logical(kind: str, logic: str, **more: Any) -> dict[str, Any]:
    return {"type": kind, "logicalType": logic, **more}


def peer_bytes(schema: Any, document: Any) -> bytes:
    out = io.BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(schema), document)
    return out.getvalue()


def peer_value(schema: Any, body: bytes) -> Any:
    return fastavro.schemaless_reader(io.BytesIO(body), fastavro.parse_schema(schema), None)


MOMENT = dt.datetime(2024, 8, 12, 21, 41, 1, 788000, tzinfo=dt.UTC)
OWN = uuid.UUID("6f1c2d3e-0000-4000-8000-123456789abc")
CURRENCY = logical("bytes", "decimal", precision=10, scale=2)


@pytest.mark.parametrize(
    ("schema", "value", "theirs"),
    [
        ("null", None, None),
        ("boolean", True, True),
        ("int", -(2**31), -(2**31)),
        ("long", Int64(2**62), 2**62),
        ("double", -1.5, -1.5),
        ("float", 0.5, 0.5),
        ("string", "größe", "größe"),
        ("bytes", b"\0\xff", b"\0\xff"),
        ({"type": "fixed", "name": "F", "size": 2}, b"ab", b"ab"),
        ({"type": "enum", "name": "E", "symbols": ["A", "B"]}, "B", "B"),
        ({"type": "array", "items": "string"}, ["a", "b"], ["a", "b"]),
        ({"type": "map", "values": "long"}, {"a": Int64(1)}, {"a": 1}),
        (["null", "string"], None, None),
        (["null", "string", "long"], Int64(5), 5),
        ([{"type": "map", "values": "int"}, NODE], {"a": 1}, {"a": 1}),
        (["null", NODE], {"n": 1, "next": {"n": 2, "next": None}}, {"n": 1, "next": {"n": 2, "next": None}}),
        (
            logical("int", "date"),
            dt.datetime(1969, 12, 31, tzinfo=dt.UTC),
            dt.date(1969, 12, 31),
        ),
        (logical("long", "timestamp-millis"), MOMENT, MOMENT),
        (logical("long", "timestamp-micros"), MOMENT, MOMENT),
        (logical("long", "local-timestamp-millis"), MOMENT, MOMENT.replace(tzinfo=None)),
        (CURRENCY, Decimal128("-12.50"), Decimal128("-12.50").to_decimal()),
        (CURRENCY, Decimal128("99999999.99"), Decimal128("99999999.99").to_decimal()),
        (
            logical("fixed", "decimal", name="D", size=6, precision=10, scale=3),
            Decimal128("1.250"),
            Decimal128("1.250").to_decimal(),
        ),
        (logical("string", "uuid"), str(OWN), OWN),
        (logical("int", "time-millis"), 1000, dt.time(0, 0, 1)),
    ],
)
def test_the_peer_reads_what_is_written_and_writes_what_is_read(schema: Any, value: Any, theirs: Any) -> None:
    schema = one(schema)
    avro = Avro(schema)
    body = writer(avro)({"v": value})
    assert peer_value(schema, body) == {"v": theirs}
    read = reader(avro)(peer_bytes(schema, {"v": theirs}))
    assert read == {"v": value}
    assert type(read["v"]) is type(value)


@pytest.mark.parametrize(
    ("schema", "value", "theirs"),
    [
        ("double", 3, 3.0),
        ("long", 3, 3),
        ("string", ObjectId("0" * 24), "0" * 24),
        ({"type": "fixed", "name": "I", "size": 12}, ObjectId("0" * 24), b"\0" * 12),
        ("bytes", Binary(b"a", 5), b"a"),
        ("bytes", OWN, OWN.bytes),
        (logical("string", "uuid"), OWN, OWN),
        (logical("string", "uuid"), Binary(OWN.bytes, 4), OWN),
        (CURRENCY, 5, Decimal128("5.00").to_decimal()),
        (CURRENCY, Decimal128("0"), Decimal128("0.00").to_decimal()),
        (logical("int", "date"), MOMENT, MOMENT.date()),
        (logical("long", "timestamp-millis"), Int64(0), dt.datetime(1970, 1, 1, tzinfo=dt.UTC)),
        (["int", "long"], 2**40, 2**40),
        (["null", "double", "string"], 1, 1.0),
    ],
)
def test_values_that_fit_another_type(schema: Any, value: Any, theirs: Any) -> None:
    assert peer_value(one(schema), writer(Avro(one(schema)))({"v": value})) == {"v": theirs}


@pytest.mark.parametrize(
    ("schema", "value", "reason"),
    [
        ("int", 2**31, "field v .* out of the range of int"),
        ("int", 1.0, "type double, where int"),
        ("int", True, "type bool"),
        ("long", 2**63, "out of the range"),
        ("float", 1e300, "out of the range of float"),
        ("boolean", 1, "boolean is wanted"),
        ("string", 1, "string is wanted"),
        ("string", "\ud800", "UTF-8"),
        ("bytes", "text", "bytes is wanted"),
        ("null", 0, "null is wanted"),
        ({"type": "fixed", "name": "F", "size": 2}, b"abc", "3 bytes"),
        ({"type": "enum", "name": "E", "symbols": ["A"]}, "B", "none of the enum's symbols A"),
        ({"type": "array", "items": "int"}, [1, "x"], r"field v\.1"),
        ({"type": "array", "items": "int"}, {}, "an array is wanted"),
        ({"type": "map", "values": "int"}, {"a": "x"}, r"field v\.a"),
        (NODE, {"n": 1, "next": {"n": "x"}}, r"field v\.next"),
        (NODE, {}, r"field v\.n .* missing"),
        (["null", "int"], "x", "int is wanted"),
        (CURRENCY, Decimal128("1.001"), "behind the point"),
        (CURRENCY, Decimal128("123456789.00"), "10 digits"),
        (CURRENCY, Decimal128("NaN"), "finite"),
        (CURRENCY, 1.5, "finite decimal"),
        (logical("fixed", "decimal", name="D", size=1, precision=2), 128, "more than 2 digits"),
        (logical("long", "timestamp-millis"), "2024", "long is wanted"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_place(schema: Any, value: Any, reason: str) -> None:
    with pytest.raises(DocumentError, match=reason):
        writer(Avro(one(schema)))({"v": value})


def test_what_the_document_lacks_is_the_default_or_null() -> None:
    fields = [
        {"name": "a", "type": ["null", "int"]},
        {"name": "b", "type": "bytes", "default": "\xff"},
        {"name": "c", "type": ["string", "null"], "default": "x"},
        {"name": "d", "type": {"type": "array", "items": "int"}, "default": []},
    ]
    schema = {"type": "record", "name": "R", "fields": fields}
    body = writer(Avro(schema))({"unknown": 1})
    assert peer_value(schema, body) == {"a": None, "b": b"\xff", "c": "x", "d": []}


@pytest.mark.parametrize(
    ("schema", "body", "document"),
    [
        ({"type": "array", "items": "int"}, b"\x04\x02\x04\0", {"0": 1, "1": 2}),
        ({"type": "map", "values": "int"}, b"\x02\x02a\x02\0", {"a": 1}),
        (["null", NODE], b"\x02\x02\0", {"n": 1, "next": None}),
        ({"type": "array", "items": "int"}, b"\x03\x04\x02\x04\0", {"0": 1, "1": 2}),
        ({"type": "array", "items": "null"}, b"\x06\0", {"0": None, "1": None, "2": None}),
        (
            one(logical("long", "timestamp-millis")),
            b"\xfe" + b"\xff" * 8 + b"\1",
            {"v": DatetimeMS(2**63 - 1)},
        ),
        (
            one(logical("long", "timestamp-nanos")),
            b"\x80\x9d\xbf\x01",
            {"v": dt.datetime(1970, 1, 1, 0, 0, 0, 1000, tzinfo=dt.UTC)},
        ),
    ],
)
def test_other_bodies(schema: Any, body: bytes, document: Any) -> None:
    assert reader(Avro(schema))(body) == document


@pytest.mark.parametrize(
    ("schema", "body", "reason"),
    [
        (NODE, b"", "ends too early"),
        (NODE, b"\x02", "ends too early"),
        (NODE, b"\x02\0\0", "goes on behind its end"),
        (NODE, b"\x02\x04", "points nowhere|names what"),
        (NODE, b"\x02\x01", "points nowhere|names what"),
        (one("string"), b"\x02\xff", "can't decode|codec"),
        (one("string"), b"\x7f", "ends too early"),
        (one("string"), b"\x03a", "ends too early"),
        (one("int"), b"\xff\xff\xff\xff\x7f", "32 bits"),
        (one("long"), b"\xff" * 12, "64 bits"),
        (one("boolean"), b"\x02", "neither 0 nor 1"),
        (one("double"), b"\0\0", "ends too early"),
        (one(logical("bytes", "decimal", precision=99)), b"\x40" + b"\x7f" * 32, "34 digits"),
        ({"type": "array", "items": "null"}, b"\xfe\xff\xff\xff\xff\x3f", "more items than"),
        ("string", b"\x02a", "neither a record"),
        (NODE, b"\x02\x02" * 5000 + b"\x02\0", "too deeply"),
        (NODE, b"\x02\x02" * 250 + b"\x02\0", "too deeply"),
    ],
)
def test_a_broken_body_is_refused(schema: Any, body: bytes, reason: str) -> None:
    with pytest.raises(DocumentError, match=reason):
        reader(Avro(schema))(body)


@given(st.binary(max_size=60))
@settings(max_examples=500, deadline=None)
def test_no_body_gets_past_the_reader_but_as_a_document_or_a_refusal(body: bytes) -> None:
    for read in READERS:
        with suppress(DocumentError):
            assert isinstance(read(body), dict)


READERS = [
    reader(Avro(schema))
    for schema in (
        NODE,
        {"type": "map", "values": ["null", "double", CURRENCY, "string"]},
        one(
            {
                "type": "array",
                "items": [logical("int", "date"), logical("long", "timestamp-millis"), "string"],
            }
        ),
    )
]


@pytest.mark.parametrize(
    "declaration",
    [
        "{",
        "nothing",
        {"type": "record"},
        {"type": "unheard-of"},
        {"type": "record", "name": "R", "fields": [{"name": "a", "type": "Nowhere"}]},
        {"type": "enum", "name": "E"},
        5,
        None,
        [],
        {"type": "fixed", "name": "a b", "size": 1},
    ],
)
def test_a_declaration_that_is_none_is_refused(declaration: Any) -> None:
    with pytest.raises(DocumentError, match="Avro schema"):
        writer(Avro(declaration))({})
