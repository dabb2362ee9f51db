"""Strict reading of request bodies."""

from __future__ import annotations

import json
import time
from typing import Annotated, Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET, UnsetType

from brookmill.domain.secret import Secret
from brookmill.errors import UserError
from brookmill.operations.body import DEEPEST, Body


class Inner(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    needed_here: str
    level: Annotated[int, msgspec.Meta(ge=0, le=9)] | UnsetType = UNSET


class Shape(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    name: Annotated[str, msgspec.Meta(pattern="^[a-z]*$", min_length=1, max_length=3)] | UnsetType = UNSET
    inner: Inner | UnsetType = UNSET
    inners: Annotated[tuple[Inner, ...], msgspec.Meta(max_length=2)] | UnsetType = UNSET
    pipeline: msgspec.Raw | UnsetType = UNSET
    on: bool | UnsetType = UNSET
    maybe: str | UnsetType | None = UNSET
    map: dict[str, str] | UnsetType = UNSET
    secret: Secret | UnsetType = UNSET


class Needs(msgspec.Struct, frozen=True, kw_only=True):
    a: str
    b: str


def error(body: bytes | dict[str, Any], shape: Any = Shape, **options: Any) -> UserError:
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    with pytest.raises(UserError) as caught:
        Body.parse(text).into(shape, **options)
    assert caught.value.status == 400
    return caught.value


MALFORMED = [
    b"",
    b" ",
    b"{",
    b"{'a':1}",
    b'{"a":1,}',
    b'{"a":NaN}',
    b'{"a":Infinity}',
    b'{"a":1e999}',
    b'{"a":' + b"9" * 5000 + b"}",
    b'{"a":01}',
    b'{"a":"\xff"}',
    b'{"a":"\\ud800"}',
    b'{"a":"\x00"}',
    b'\xef\xbb\xbf{"a":1}',
    b'{"a":1}{"b":2}',
    b'{"a":1,"a":2}',
    b'{"a":{"b":1,"b":1}}',
    b'{"a":' + b"[" * DEEPEST + b"]" * DEEPEST + b"}",
    b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    b"[" * 1_000_000,
]


@pytest.mark.parametrize("text", MALFORMED, ids=[str(text[:30]) for text in MALFORMED])
def test_malformed(text: bytes) -> None:
    assert error(text).code == "MALFORMED_JSON"


@pytest.mark.parametrize("text", [b"[]", b"1", b'"x"', b"null", b"true"])
def test_no_object(text: bytes) -> None:
    assert error(text).code == "INVALID_JSON"


def test_as_deep_as_allowed() -> None:
    deep = b'{"pipeline":[{"a":' + b"[" * (DEEPEST - 3) + b"]" * (DEEPEST - 3) + b"}]}"
    assert Body.parse(deep).into(Shape).pipeline == msgspec.Raw(deep[12:-1])


def test_nothing_counts_as_an_empty_object_where_that_is_allowed() -> None:
    assert Body.parse(b" \n", optional=True).into(Shape) == Shape()
    with pytest.raises(UserError):
        Body.parse(b"[]", optional=True)


@pytest.mark.parametrize(
    ("body", "code", "parameter"),
    [
        ({"nome": 1}, "INVALID_ATTRIBUTE", "nome"),
        ({"inner": {"neededHere": "x", "x": 1}}, "INVALID_ATTRIBUTE", "inner.x"),
        ({"inners": [{"neededHere": "x"}, {"y": 1}]}, "INVALID_ATTRIBUTE", "inners[1].y"),
        ({"needed_here": "attribute names are not wire names"}, "INVALID_ATTRIBUTE", "needed_here"),
        ({"name": ""}, "INVALID_ATTRIBUTE", "name"),
        ({"name": "abcd"}, "INVALID_ATTRIBUTE", "name"),
        ({"name": "A"}, "INVALID_ATTRIBUTE", "name"),
        ({"inner": {"neededHere": "x", "level": -1}}, "INVALID_ATTRIBUTE", "inner.level"),
        ({"inner": {"neededHere": "x", "level": 10}}, "INVALID_ATTRIBUTE", "inner.level"),
        ({"inner": {"neededHere": "x", "level": 1.0}}, "INVALID_JSON_ATTRIBUTE", "inner.level"),
        ({"inner": {"neededHere": "x", "level": True}}, "INVALID_JSON_ATTRIBUTE", "inner.level"),
        ({"inners": [{"neededHere": "x"}] * 3}, "INVALID_ATTRIBUTE", "inners"),
        ({"inners": {}}, "INVALID_JSON_ATTRIBUTE", "inners"),
        ({"inners": [None]}, "INVALID_JSON_ATTRIBUTE", "inners[0]"),
        ({"inner": {}}, "MISSING_ATTRIBUTE", "inner.neededHere"),
        ({"inner": {"neededHere": None}}, "MISSING_ATTRIBUTE", "inner.neededHere"),
        ({"on": "true"}, "INVALID_JSON_ATTRIBUTE", "on"),
        ({"on": 1}, "INVALID_JSON_ATTRIBUTE", "on"),
        ({"pipeline": {}}, "INVALID_JSON_ATTRIBUTE", "pipeline"),
        ({"pipeline": [1]}, "INVALID_JSON_ATTRIBUTE", "pipeline"),
        ({"secret": 5}, "INVALID_JSON_ATTRIBUTE", "secret"),
        ({"secret": ["canary"]}, "INVALID_JSON_ATTRIBUTE", "secret"),
    ],
)
def test_wrong_members(body: dict[str, Any], code: str, parameter: str) -> None:
    wrong = error(body)
    assert (wrong.code, wrong.parameters) == (code, (parameter,))
    assert [field for field, _ in wrong.fields] == [parameter]
    assert "canary" not in str(wrong.fields) + wrong.detail


def test_all_that_is_missing_is_told() -> None:
    wrong = error({}, Needs)
    assert (wrong.code, wrong.parameters) == ("MISSING_ATTRIBUTES", ("a, b",))


def test_long_names_are_cut() -> None:
    assert len(error({"x" * 100_000: 1}).detail) < 300


def test_nulls_links_and_read_only_members() -> None:
    body = {"name": None, "maybe": None, "links": [1], "id": {}, "inner": {"neededHere": "x", "links": 3}}
    read = Body.parse(json.dumps(body).encode()).into(Shape, read_only={"id"})
    assert read == Shape(maybe=None, inner=Inner(needed_here="x"))
    assert error({"inner": {"neededHere": "x", "id": 1}}, read_only={"id"}).parameters == ("inner.id",)


@pytest.mark.parametrize("empty", [{}, [], None, ""])
def test_members_of_others_may_be_empty(empty: Any) -> None:
    assert Body.parse(json.dumps({"other": empty}).encode()).into(Shape, foreign={"other"}) == Shape()
    assert error({"other": 0}, foreign={"other"}).code == "INVALID_ATTRIBUTE"
    assert error({"other": False}, foreign={"other"}).code == "INVALID_ATTRIBUTE"


def test_raw_members_keep_order_and_spelling() -> None:
    text = b'{ "pipeline" : [ {"b": 1.0, "a" : [1e2, 100, 1.50, -0.0], "s": "x  y\\u00e9" } ] }'
    expected = b'[{"b":1.0,"a":[1e2,100,1.50,-0.0],"s":"x  y\\u00e9"}]'
    assert bytes(Body.parse(text).into(Shape).pipeline or b"") == expected


def test_a_large_body_is_read_in_linear_time() -> None:
    stages = b",".join(b'{"$match":{"a%d":[[],[],{}]}}' % i for i in range(100_000))
    start = time.process_time()
    Body.parse(b'{"pipeline":[' + stages + b"]}").into(Shape)
    assert time.process_time() - start < 5


def status(text: bytes) -> int:
    try:
        Body.parse(text).into(Shape)
    except UserError as refused:
        return refused.status
    return 200


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=10,
)
MEMBERS = st.sampled_from([*Shape.__struct_encode_fields__, "links", "other"])


@given(st.dictionaries(MEMBERS, JSON))
def test_any_object_is_read_or_refused(body: dict[str, Any]) -> None:
    assert status(json.dumps(body).encode()) in {200, 400}


@given(st.binary(max_size=40))
def test_any_bytes_are_read_or_refused(text: bytes) -> None:
    assert status(text) in {200, 400}
