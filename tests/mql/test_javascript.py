"""``$function``: what crosses the border, what a script may take, and that it cannot leave its engine."""

from __future__ import annotations

import datetime as dt
import time
from typing import Any

import pytest
from bson import Binary, Code, Decimal128, Int64, MaxKey, MinKey, ObjectId, Regex, Timestamp
from mql.tables import strict

from brookmill.mql import MQLError, evaluate

ID = ObjectId("5ab9cbfa31c2ab715d42129e")
UUID = Binary(bytes.fromhex("867dee52c331484e92d1c56479b8e67e"), 4)
EVERY_TYPE: dict[str, Any] = {
    "double": 2.5,
    "nan": float("nan"),
    "negative zero": -0.0,
    "string": "é\0😀",
    "object": {"b": 1, "a": {}, "__proto__": 3, "constructor": 4},
    "array": [1, [2.0], {"x": None}],
    "binary": Binary(b"\x00\xff", 128),
    "uuid": UUID,
    "id": ID,
    "bool": True,
    "date": dt.datetime(2020, 1, 2, 3, 4, 5, 6000, dt.UTC),
    "null": None,
    "regex": Regex("a+", "im"),
    "code": Code("x"),
    "int": 5,
    "timestamp": Timestamp(1, 2),
    "long": Int64(2**53 + 1),
    "decimal": Decimal128("1.50"),
    "least": MinKey(),
    "most": MaxKey(),
}


def call(body: str | Code, *arguments: Any, document: dict[str, Any] | None = None) -> Any:
    spec = {"$function": {"body": body, "args": list(arguments), "lang": "js"}}
    return evaluate(spec, document or {})


def same(one: Any, other: Any) -> bool:
    return bool(strict(one) == strict(other))


@pytest.fixture(params=["generated", "reference"])
def evaluator(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BROOKMILL_MQL", request.param)


@pytest.mark.usefixtures("evaluator")
def test_every_type_survives_the_way_there_and_back() -> None:
    assert same(call("function(d) { return d; }", "$$ROOT", document=EVERY_TYPE), EVERY_TYPE)


@pytest.mark.usefixtures("evaluator")
@pytest.mark.parametrize(
    ("body", "arguments", "result"),
    [
        ("function(a, b) { return a + b; }", [1, 2], 3.0),
        ("(a, b) => a + b", ["a", "b"], "ab"),
        (Code("function() { return 'code'; }"), [], "code"),
        ("return 5", [], 5.0),
        ("function() {}", [], None),
        ("x => x === undefined", ["$missing"], True),
        ("x => x === null", [None], True),
        ("d => { d.c = 3; return d; }", [{"a": 1, "b": Int64(2)}], {"a": 1, "b": Int64(2), "c": 3.0}),
        ("l => { l[0] += 1; l.push(7); return l; }", [[1, 2]], [2.0, 2, 7.0]),
        ("d => ({x: d.undefined, y: 1})", [{}], {"y": 1.0}),
        ("l => l + 1", [Int64(41)], 42.0),
        ("l => l.toString() + typeof l", [Int64(2**60)], "1152921504606846976object"),
        (
            "() => [NumberLong('9'), NumberInt(9), NumberDecimal('9.0'), 10n]",
            [],
            [Int64(9), 9, Decimal128("9.0"), Int64(10)],
        ),
        ("d => d.getTime()", [dt.datetime(1970, 1, 1, 0, 0, 1, tzinfo=dt.UTC)], 1000.0),
        ("() => new Date(0)", [], dt.datetime(1970, 1, 1, tzinfo=dt.UTC)),
        ("r => r.test('xAx')", [Regex("a", "i")], True),
        ("i => i.str", [ID], str(ID)),
        ("() => ISODate('2020-01-01T00:00:00Z')", [], dt.datetime(2020, 1, 1, tzinfo=dt.UTC)),
        ("() => ObjectId('5ab9cbfa31c2ab715d42129e')", [], ID),
        ("() => UUID('867dee52-c331-484e-92d1-c56479b8e67e')", [], UUID),
        ("() => [1/0, -1/0]", [], [float("inf"), float("-inf")]),
    ],
)
def test_values(body: str, arguments: list[Any], result: Any) -> None:
    assert same(call(body, *arguments), result)


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("() => { throw new Error('boo'); }", "boo"),
        ("() => nobody", "nobody"),
        ("() => { const o = {}; o.o = o; return o; }", "stack|deeply"),
        ("() => Symbol()", "symbol"),
        ("() => new Date(NaN)", "invalid date"),
        ("() => NumberLong('9223372036854775808')", "64 bits"),
        ("() => ObjectId('x')", "no value"),
        (r"() => '\ud800'", "no value"),
        ("() => 'x'.repeat(17 * 1024 * 1024)", "too large"),
        ("function f() { return f(); }", "stack"),
    ],
)
def test_errors(body: str, says: str) -> None:
    with pytest.raises(MQLError, match=says) as caught:
        call(body)
    assert (caught.value.code, caught.value.code_name) == (139, "JSInterpreterFailure")


@pytest.mark.parametrize(
    "body",
    [
        "() => { while (true); }",
        "() => { const a = []; while (true) a.push(new Array(100000)); }",
        "() => { let s = 'x'; while (true) s += s; }",
        "() => /(a+)+b/.test('a'.repeat(60))",
        "() => { while (true) try { throw 1; } catch {} finally {} }",
        "() => [...Array(1e9).keys()]",
    ],
)
def test_nothing_takes_more_than_its_share(body: str) -> None:
    start = time.process_time()
    with pytest.raises(MQLError):
        call(body)
    assert time.process_time() - start < 2
    assert call("x => x", 1) == 1, "the next function finds an engine that works"


@pytest.mark.parametrize(
    "name",
    [
        "require",
        "process",
        "os",
        "std",
        "print",
        "console",
        "fetch",
        "setTimeout",
        "Deno",
        "$call",
        "$define",
    ],
)
def test_there_is_no_way_out(name: str) -> None:
    assert call(f"() => typeof {name}") == "undefined"
    assert call(f"() => typeof globalThis['{name}']") == "undefined"


def test_a_function_spoils_nobodys_engine_but_its_own() -> None:
    spoil = "() => { JSON.stringify = () => '[1]'; Array.prototype.map = 5; Object.keys = null; return 1; }"
    call(spoil)
    assert call("l => l.map((x) => JSON.stringify(x))", [1, {"a": 2}]) == ["1", '{"a":2}']


def test_a_wrong_body_is_refused_before_any_document_and_not_run() -> None:
    with pytest.raises(MQLError, match="body") as caught:
        call("function( {")
    assert caught.value.code == 139
    with pytest.raises(MQLError, match=r"failed: InternalError: interrupted"):
        call("(() => { while (true); })()")


def test_what_is_no_text_is_refused() -> None:
    with pytest.raises(MQLError, match="no valid UTF-8") as refusal:
        evaluate({"$function": {"body": "function() { return '\ud800'; }", "args": [], "lang": "js"}}, {})
    assert refusal.value.code_name == "JSInterpreterFailure"
    with pytest.raises(MQLError, match="cannot take its arguments"):
        evaluate(
            {"$function": {"body": "function(a) { return a; }", "args": ["$a"], "lang": "js"}},
            {"a": "\ud800"},
        )
