"""The forms of answers: bytes of errors, envelopes, pretty printing, pages and their links."""

from __future__ import annotations

import json
from typing import Any

import httpx
import msgspec
import pytest
from served import Served

from brookmill.domain.secret import Secret
from brookmill.errors import UserError
from brookmill.http import reply
from brookmill.http.exchange import Exchange
from brookmill.http.pages import links
from brookmill.http.pretty import pretty


def an_exchange(query: str = "", path: str = "/api/atlas/v2/groups", **changes: Any) -> Exchange:
    async def receive() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    given = {
        "method": "GET",
        "path": path,
        "query": query,
        "headers": {},
        "base_url": "http://localhost:8080",
        "remote": "127.0.0.1",
        "id": "r1",
        "receive": receive,
    }
    return Exchange(**{**given, **changes})


# --- errors

NOT_FOUND = UserError("STREAM_CONNECTION_NOT_FOUND_FOR_NAME", "c1", "g", "ws")
BODY = (
    b'{"detail":"Stream connection with name c1 for project g and name ws not found.","error":404,'
    b'"errorCode":"STREAM_CONNECTION_NOT_FOUND_FOR_NAME","parameters":["c1","g","ws"],"reason":"Not Found"}'
)


def test_an_error_byte_for_byte() -> None:
    answer = reply.failure(an_exchange(), NOT_FOUND)
    assert (answer.status, answer.media) == (404, "application/json")
    assert answer.headers == [("X-Error-Code", "STREAM_CONNECTION_NOT_FOUND_FOR_NAME")]
    assert answer.body == BODY


def test_an_error_with_fields() -> None:
    error = UserError("INVALID_ATTRIBUTE", "x", fields=[("a.b", "is wrong")])
    assert reply.failure(an_exchange(), error).body == (
        b'{"badRequestDetail":{"fields":[{"description":"is wrong","field":"a.b"}]},'
        b'"detail":"Invalid attribute x specified.","error":400,"errorCode":"INVALID_ATTRIBUTE",'
        b'"parameters":["x"],"reason":"Bad Request"}'
    )


def test_an_error_without_parameters() -> None:
    assert b'"parameters":[]' in reply.failure(an_exchange(), UserError("MALFORMED_JSON")).body


def test_an_error_in_an_envelope() -> None:
    answer = reply.failure(an_exchange("envelope=true"), NOT_FOUND)
    assert answer.status == 404
    assert answer.body == b'{"content":' + BODY + b',"status":404}'


def test_a_pretty_error() -> None:
    text = reply.failure(an_exchange("pretty=true"), NOT_FOUND).body.decode()
    assert text == (
        '{\n  "detail" : "Stream connection with name c1 for project g and name ws not found.",\n'
        '  "error" : 404,\n  "errorCode" : "STREAM_CONNECTION_NOT_FOUND_FOR_NAME",\n'
        '  "parameters" : [ "c1", "g", "ws" ],\n  "reason" : "Not Found"\n}'
    )


def test_a_braces_in_a_parameter_stay_braces() -> None:
    body = reply.failure(an_exchange(), UserError("RESOURCE_NOT_FOUND", "{0.__class__}{{}}")).body
    assert json.loads(body)["detail"] == "Cannot find resource {0.__class__}{{}}."


# --- objects


def test_members_are_sorted_at_every_depth_but_for_what_users_wrote() -> None:
    answer = {"z": {"b": 1, "a": [{"d": 1, "c": 2}]}, "pipeline": msgspec.Raw(b'[{"$z":1.50,"$a":1E3}]')}
    assert reply.plain(an_exchange(), answer).body == (
        b'{"pipeline":[{"$z":1.50,"$a":1E3}],"z":{"a":[{"c":2,"d":1}],"b":1}}'
    )
    assert b'"$z" : 1.50,\n' in reply.plain(an_exchange("pretty=true"), answer).body


def test_a_secret_cannot_be_written() -> None:
    with pytest.raises(TypeError) as caught:
        reply.plain(an_exchange(), {"password": Secret("hunter2")})
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("compact", "spaced"),
    [
        ("{}", "{ }"),
        ("[]", "[ ]"),
        ('{"a":1}', '{\n  "a" : 1\n}'),
        ('{"a":[]}', '{\n  "a" : [ ]\n}'),
        ('{"a":[1,2.50,1E5,null,true]}', '{\n  "a" : [ 1, 2.50, 1E5, null, true ]\n}'),
        (
            '{"a":[{"b":1},{"b":2}]}',
            '{\n  "a" : [ {\n    "b" : 1\n  }, {\n    "b" : 2\n  } ]\n}',
        ),
        ('{"a":{"b":{}}}', '{\n  "a" : {\n    "b" : { }\n  }\n}'),
        (r'{"a":"{[,:]}\" \\"}', '{\n  "a" : "{[,:]}\\" \\\\"\n}'),
        ('{"ä":"😀"}', '{\n  "ä" : "😀"\n}'),
        ("[[1],[[2]]]", "[ [ 1 ], [ [ 2 ] ] ]"),
    ],
)
def test_pretty(compact: str, spaced: str) -> None:
    assert pretty(compact.encode()).decode() == spaced
    assert json.loads(spaced) == json.loads(compact)


# --- pages

PAGES: list[tuple[str, int, list[str]]] = [
    ("", 0, ["self pageNum=1&itemsPerPage=100"]),
    ("", 100, ["self pageNum=1&itemsPerPage=100"]),
    ("", 101, ["self pageNum=1&itemsPerPage=100", "next pageNum=2&itemsPerPage=100"]),
    (
        "includeCount=true&itemsPerPage=1&pageNum=1",
        2,
        [
            "self includeCount=true&itemsPerPage=1&pageNum=1",
            "next includeCount=true&itemsPerPage=1&pageNum=2",
        ],
    ),
    (
        "pretty=true&itemsPerPage=2",
        5,
        ["self pretty=true&itemsPerPage=2&pageNum=1", "next pretty=true&itemsPerPage=2&pageNum=2"],
    ),
    (
        "pageNum=2&itemsPerPage=2",
        5,
        [
            "self pageNum=2&itemsPerPage=2",
            "previous pageNum=1&itemsPerPage=2",
            "next pageNum=3&itemsPerPage=2",
        ],
    ),
    ("pageNum=3&itemsPerPage=2", 5, ["self pageNum=3&itemsPerPage=2", "previous pageNum=2&itemsPerPage=2"]),
    ("pageNum=9", 5, ["self pageNum=9&itemsPerPage=100", "previous pageNum=8&itemsPerPage=100"]),
    ("pageNum=1&pageNum=2", 0, ["self pageNum=1&itemsPerPage=100"]),
    ("x=%2F&y=a+b&z", 0, ["self x=%2F&y=a+b&z&pageNum=1&itemsPerPage=100"]),
    ("x=<\xe9>", 0, ["self x=%3C%E9%3E&pageNum=1&itemsPerPage=100"]),
]


@pytest.mark.parametrize(("query", "total", "expected"), PAGES)
def test_links(query: str, total: int, expected: list[str]) -> None:
    base = "http://localhost:8080/api/atlas/v2/groups?"
    shown = [f"{link['rel']} {link['href'].removeprefix(base)}" for link in links(an_exchange(query), total)]
    assert shown == expected


@pytest.fixture(scope="module")
def listed(served: Served) -> tuple[httpx.Client, str]:
    """A workspace with five connections."""
    workspace = served.workspace()
    client = served.client(served.bearer())
    path = f"/groups/{served.own.id}/streams/{workspace.name}/connections"
    for n in range(5):
        body = {"name": f"c{n}", "type": "Https", "url": "http://127.0.0.1:9/"}
        assert client.post(path, json=body).status_code == 200
    return client, path


def test_a_list(served: Served, listed: tuple[httpx.Client, str]) -> None:
    client, path = listed
    answer = client.get(path, params={"itemsPerPage": 2, "pageNum": 2})
    assert answer.status_code == 200
    body = answer.json()
    assert list(body) == ["links", "results", "totalCount"]
    assert body["totalCount"] == 5
    assert [c["name"] for c in body["results"]] == ["c2", "c3"]
    base = f"{served.url}/api/atlas/v2{path}?itemsPerPage=2&pageNum="
    assert body["links"] == [
        {"href": f"{base}2", "rel": "self"},
        {"href": f"{base}1", "rel": "previous"},
        {"href": f"{base}3", "rel": "next"},
    ]
    assert client.get(body["links"][2]["href"]).json()["results"][0]["name"] == "c4"


def test_a_list_in_an_envelope(listed: tuple[httpx.Client, str]) -> None:
    client, path = listed
    body = client.get(path, params={"envelope": "true"}).json()
    assert list(body) == ["links", "results", "status", "totalCount"]
    assert body["status"] == 200


def test_an_object_in_an_envelope(listed: tuple[httpx.Client, str]) -> None:
    client, path = listed
    plain = client.get(f"{path}/c1")
    enveloped = client.get(f"{path}/c1", params={"envelope": "true"})
    assert enveloped.content == b'{"content":' + plain.content + b',"status":200}'
    assert enveloped.headers["content-type"] == "application/vnd.atlas.2023-02-01+json;charset=utf-8"


def test_beyond_the_end(listed: tuple[httpx.Client, str]) -> None:
    client, path = listed
    body = client.get(path, params={"pageNum": 7}).json()
    assert (body["results"], body["totalCount"]) == ([], 5)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("itemsPerPage", v) for v in ("0", "501", "-1", "x", "", "1.0", "1e2", "٣", " 5", "9" * 400)),
        *(("pageNum", v) for v in ("0", "-1", "2147483648", "x", "")),
        *(("envelope", v) for v in ("1", "yes", "", "null")),
        *(("pretty", v) for v in ("1", "on")),
    ],
)
def test_query_parameters_out_of_range(listed: tuple[httpx.Client, str], name: str, value: str) -> None:
    client, path = listed
    answer = client.get(path, params={name: value})
    assert answer.status_code == 400
    assert answer.json()["errorCode"] == "INVALID_QUERY_PARAMETER"
    assert answer.json()["parameters"] == [name]


@pytest.mark.parametrize(
    "query", ["itemsPerPage=500", "pageNum=2147483647", "envelope=TRUE", "unknown=1", "x&&=&=y"]
)
def test_query_parameters_that_are_fine(listed: tuple[httpx.Client, str], query: str) -> None:
    client, path = listed
    assert client.get(f"{path}?{query}").status_code == 200


def test_deleting_answers_an_empty_object_or_nothing(served: Served) -> None:
    workspace, client = served.workspace(), served.client(served.bearer())
    path = f"/groups/{served.own.id}/streams/{workspace.name}"
    client.post(f"{path}/connections", json={"name": "c", "type": "Https", "url": "http://127.0.0.1:9/"})
    answer = client.delete(f"{path}/connections/c")
    assert (answer.status_code, answer.content) == (202, b"{}")
    enveloped = client.delete(path, params={"envelope": "true"})
    assert enveloped.content == b'{"content":{},"status":202}'


# --- the request as the client wrote it


@pytest.mark.parametrize(
    ("host", "base"),
    [
        ("mill.example:8080", "http://mill.example:8080"),
        ("[::1]:8080", "http://[::1]:8080"),
        ("evil.example/path?x=", None),
        ("a, b", None),
        ("user@host", None),
        ("x" * 400, None),
    ],
)
def test_links_name_the_host_that_the_client_used(
    served: Served, listed: tuple[httpx.Client, str], host: str, base: str | None
) -> None:
    client, path = listed
    answer = client.get(path, headers={"Host": host})
    assert answer.json()["links"][0]["href"].startswith(f"{base or served.url}/api/atlas/v2/groups/")


def test_forwarded_headers_count_only_when_trusted(start: Any) -> None:
    headers = {
        "X-Forwarded-For": "10.0.0.1, 192.0.2.7",
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Host": "mill.example",
    }
    for trust, address in ((False, "127.0.0.1"), (True, "192.0.2.7")):
        proxied = start(trust_forwarded=trust)
        seen = httpx.get(f"{proxied.url}/api/private/ipinfo", headers=headers)
        assert seen.json() == {"currentIpv4Address": address}
        assert ("strict-transport-security" in seen.headers) is trust
        answer = proxied.client(proxied.bearer()).get(f"/groups/{proxied.own.id}/streams", headers=headers)
        base = "https://mill.example" if trust else proxied.url
        assert answer.json()["links"][0]["href"].startswith(f"{base}/api/")


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("abc-1.2_3:4", True),
        ("x" * 64, True),
        ("x" * 65, False),
        ("a b", False),
        ("a\tb", False),
        ("", False),
        ("ä", False),
    ],
)
def test_request_ids(served: Served, sent: str, kept: bool) -> None:
    answer = httpx.get(f"{served.url}/livez", headers=[(b"X-Request-Id", sent.encode("latin-1"))])
    assert (answer.headers["x-request-id"] == sent) is kept
    assert len(answer.headers["x-request-id"]) >= 4


def test_headers_of_every_answer(served: Served) -> None:
    for path in ("/livez", "/api/atlas/v2", "/nope"):
        headers = httpx.get(served.url + path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert headers["referrer-policy"] == "strict-origin-when-cross-origin"
        assert headers["x-permitted-cross-domain-policies"] == "none"
        assert "server" not in headers
        assert "strict-transport-security" not in headers
