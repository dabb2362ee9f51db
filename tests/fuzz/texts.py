"""Hostile texts: JSON and Extended JSON, spoilt byte by byte."""

from __future__ import annotations

import random

import orjson
from fuzz.mutation import rows

from brookmill.mql.encoding import encoder

_ENCODE = encoder()
PARTS = [
    *(
        b"{",
        b"}",
        b"[",
        b"]",
        b",",
        b":",
        b'"',
        b"\\",
        b"\0",
        b"\xff",
        b"\xc3",
        b"\xf0\x9f\x98",
        b"\xed\xa0\x80",
    ),
    *(
        b'"\\ud800"',
        b'"\\u0000"',
        b'"$a"',
        b'"__proto__":1,',
        b'"a":1,"a":2,',
        b"NaN",
        b"Infinity",
        b"-",
        b"1e",
    ),
    *(b"1e999", b"-1e999", b"1E400", b"-0", b"-0.0", b"00", b"1.", b".5", b"1_0", b"9" * 400, b"9" * 5_000),
    *(
        b"0." + b"1" * 5_000,
        b"1e-99999",
        b"18446744073709551616",
        b"9223372036854775808",
        b"tru",
        b"null",
        b" " * 99,
    ),
    *(
        b'{"$date":""}',
        b'{"$date":1e400}',
        b'{"$date":{"$numberLong":"9"}}',
        b'{"$date":9e99}',
        b'{"$date":null}',
    ),
    *(
        b'{"$date":"2024-02-30T00:00:00Z"}',
        b'{"$date":"0001-01-01T00:00:00+14:00"}',
        b'{"$date":99999999999999999999}',
    ),
    *(
        b'{"$oid":"x"}',
        b'{"$oid":["a"]}',
        b'{"$numberInt":"1_0"}',
        b'{"$numberInt":1}',
        b'{"$numberLong":"- 1"}',
    ),
    *(
        b'{"$numberDecimal":"1E99999"}',
        b'{"$numberDecimal":"' + b"1" * 9_000 + b'"}',
        b'{"$numberDecimal":"sNaN"}',
    ),
    *(b'{"$numberDouble":"1_0"}', b'{"$numberDouble":"nan"}', b'{"$numberLong":"' + b"9" * 9_000 + b'"}'),
    *(b'{"$binary":{"base64":"","subType":"-1"}}', b'{"$binary":{"base64":"AA==","subType":"fff"}}'),
    *(
        b'{"$binary":{"base64":"=","subType":"04"}}',
        b'{"$uuid":"urn:uuid:{"}',
        b'{"$uuid":1}',
        b'{"$binary":[]}',
    ),
    *(b'{"$timestamp":{"t":-1,"i":1e9}}', b'{"$timestamp":{"t":true,"i":4294967296}}', b'{"$timestamp":{}}'),
    *(b'{"$regularExpression":{"pattern":"\\u0000","options":"zzz"}}', b'{"$code":"a","$scope":{"$date":1}}'),
    *(
        b'{"$scope":1}',
        b'{"$minKey":{}}',
        b'{"$undefined":false}',
        b'{"$symbol":[]}',
        b'{"$ref":"a","$id":1}',
    ),
    *(b'{"$dbPointer":{}}', b'{"$code":' * 50, b'{"$date":' * 300, b"[" * 150, b"[" * 300, b'{"a":' * 1_100),
    *(b"[" * 100_000, b'{"a":' * 50_000, b'{"$code":"","$scope":' * 400),
]


def text(source: random.Random) -> bytes:
    """The JSON text of a document of some table, spoilt in up to four places."""
    row = source.choice(rows(source.choice(["expressions", "query", "stages"])))
    raw = written(row)
    for _ in range(source.randint(0, 4)):
        at = source.randrange(len(raw) + 1)
        kind = source.randrange(6)
        if kind == 0:
            raw = raw[:at]
        elif kind == 1:
            raw = raw[:at] + bytes([source.randrange(256)]) + raw[at + 1 :]
        elif kind == 2:
            raw = raw[:at] + raw[source.randrange(len(raw) + 1) :]
        else:
            raw = raw[:at] + source.choice(PARTS) + raw[at + (kind == 3) :]
        raw = raw[:1_000_000]
    return balanced(raw) if source.random() < 0.2 else raw


def written(row: dict[str, object]) -> bytes:
    """The documents of a row, or the row, as Extended JSON."""
    given = row.get("doc") or row.get("docs") or row.get("matches") or {"a": row["name"]}
    try:
        return _ENCODE(given)
    except (TypeError, ValueError):
        return orjson.dumps(row["name"])


def balanced(raw: bytes) -> bytes:
    """With closing brackets for those that are open."""
    ends = [b"}" if byte == ord("{") else b"]" for byte in raw if byte in b"{["]
    return raw + b"".join(reversed(ends[: len(ends) - sum(raw.count(end) for end in (b"}", b"]")) or None]))
