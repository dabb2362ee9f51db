"""Hostile input: it gets the contract's 4xx, changes nothing, and the server stays up and small."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import quote

import httpx
import psutil
import pytest
from served import Bearer, Served, V

from brookmill.domain.principal import Role
from brookmill.http.connection import LONGEST_HEAD
from brookmill.testing.server import server

URL = "http://127.0.0.1:9/"


class Target:
    """A workspace with one connection, looked at before and after every attack."""

    def __init__(self, served: Served, auth: Bearer, client: httpx.Client) -> None:
        self.served = served
        self.auth = auth
        self.client = client
        self.workspace = served.workspace()
        self.path = f"/groups/{served.own.id}/streams/{self.workspace.name}/connections"
        body = {"name": "c", "type": "Https", "url": URL, "headers": {"x": "y"}}
        assert self.client.post(self.path, json=body).status_code == 200

    def state(self) -> bytes:
        return self.client.get(self.path).content

    def raw(self, *parts: bytes, pause: float = 0.0) -> bytes:
        """Send bytes as they are; everything that comes back until the server closes or is silent."""
        host, port = self.served.url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=5) as connection:
            for part in parts:
                connection.sendall(part)
                time.sleep(pause)
            connection.settimeout(0.5)
            answer = b""
            try:
                while chunk := connection.recv(65536):
                    answer += chunk
            except (TimeoutError, ConnectionResetError):
                pass
            return answer

    def head(self, line: str, *headers: str) -> bytes:
        fixed = ["Host: x", f"Accept: {V}", f"Authorization: Bearer {self.auth.token}"]
        return "\r\n".join([line, *fixed, *headers, "", ""]).encode("latin-1")


@pytest.fixture(scope="module")
def made(served: Served) -> Target:
    auth = served.bearer()
    return Target(served, auth, served.client(auth))


@pytest.fixture
def target(made: Target) -> Iterator[Target]:
    before = made.state()
    yield made
    assert made.state() == before


BODIES: list[tuple[str, bytes, str]] = [
    ("empty", b"", "MALFORMED_JSON"),
    ("blank", b"  \n", "MALFORMED_JSON"),
    ("cut off", b'{"url":', "MALFORMED_JSON"),
    ("trailing", b'{"url":"x"} {}', "MALFORMED_JSON"),
    ("comma", b'{"url":"x",}', "MALFORMED_JSON"),
    ("single quotes", b"{'url':'x'}", "MALFORMED_JSON"),
    ("NaN", b'{"url":NaN}', "MALFORMED_JSON"),
    ("not UTF-8", b'{"url":"\xff"}', "MALFORMED_JSON"),
    ("UTF-16", '{"url":"x"}'.encode("utf-16"), "MALFORMED_JSON"),
    ("surrogate", b'{"url":"\\ud800"}', "MALFORMED_JSON"),
    ("twice", b'{"url":"x","url":"y"}', "MALFORMED_JSON"),
    ("control character", b'{"url":"a\x00b"}', "MALFORMED_JSON"),
    ("deep array", b'{"config":' + b"[" * 100_000, "MALFORMED_JSON"),
    ("deep object", b'{"a":' * 100_000, "MALFORMED_JSON"),
    ("deep and right", b"[" * 5000 + b"]" * 5000, "MALFORMED_JSON"),
    ("huge number", b'{"url":' + b"9" * 100_000 + b"}", "MALFORMED_JSON"),
    ("huge exponent", b'{"url":1e999999}', "MALFORMED_JSON"),
    ("array", b"[]", "INVALID_JSON"),
    ("null", b"null", "INVALID_JSON"),
    ("string", b'"x"', "INVALID_JSON"),
    ("number", b"1", "INVALID_JSON"),
    ("wrong type", b'{"url":1}', "INVALID_JSON_ATTRIBUTE"),
    ("wrong type inside", b'{"headers":{"x":{}}}', "INVALID_JSON_ATTRIBUTE"),
    ("unknown member", b'{"nope":1}', "INVALID_ATTRIBUTE"),
    ("prototype", b'{"__proto__":{"a":1}}', "INVALID_ATTRIBUTE"),
    ("python", b'{"__class__":"x"}', "INVALID_ATTRIBUTE"),
    ("operator", b'{"$set":{"url":"x"}}', "INVALID_ATTRIBUTE"),
    ("long member", b'{"' + b"x" * 50_000 + b'":1}', "INVALID_ATTRIBUTE"),
]


@pytest.mark.parametrize(("body", "code"), [row[1:] for row in BODIES], ids=[row[0] for row in BODIES])
@pytest.mark.parametrize("method", ["POST", "PATCH"])
def test_bodies(target: Target, method: str, body: bytes, code: str) -> None:
    path = target.path if method == "POST" else f"{target.path}/c"
    answer = target.client.request(method, path, content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400
    incomplete = method == "POST" and code.endswith("_ATTRIBUTE")
    assert answer.json()["errorCode"] == ("MISSING_ATTRIBUTES" if incomplete else code)
    assert answer.json()["detail"]
    assert len(answer.content) < 4000, "what is hostile is not repeated at length"


NAMES = {
    "empty": "",
    "dot": ".",
    "up": "..",
    "path": "../../etc/passwd",
    "NUL": "a\0b",
    "newline": "a\r\nX-Evil: 1",
    "blank": "a b",
    "slash": "a/b",
    "look-alike": "с",  # Cyrillic
    "full width": "ｃ",
    "right to left": "\u202ec",
    "zero width": "c\u200b",
    "combining": "c\u0301",
    "emoji": "😀",
    "long": "x" * 10_000,
    "verb": "c:start",
    "quote": "c'--",
    "percent": "%2e%2e",
    "template": "{{7*7}}${7*7}",
    "markup": "<script>",
}


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES.keys())
def test_names_in_bodies(target: Target, name: str) -> None:
    body = {"name": name, "type": "Https", "url": URL}
    answer = target.client.post(target.path, json=body)
    assert answer.status_code == 400
    assert answer.json()["errorCode"] in ("VALIDATION_ERROR", "INVALID_ATTRIBUTE")
    assert len(answer.content) < 4000


@pytest.mark.parametrize("name", [n for n in NAMES.values() if n], ids=[k for k, n in NAMES.items() if n])
@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
def test_names_in_paths(target: Target, method: str, name: str) -> None:
    body = {"type": "Https", "url": "http://127.0.0.1:10/"} if method == "PATCH" else None
    path = f"{target.path}/{quote(name, safe='').replace('.', '%2E')}"
    answer = target.client.request(method, path, json=body)
    assert (answer.status_code, answer.json()["errorCode"]) in (
        (404, "STREAM_CONNECTION_NOT_FOUND_FOR_NAME"),
        (400, "INVALID_PATH_PARAMETER"),
    )
    assert "x-evil" not in answer.headers


@pytest.mark.parametrize(
    "group", ["x", "1" * 23, "1" * 25, "A" * 24, "١" * 24, "1" * 23 + "\0", "'; --", "1" * 10_000]
)
def test_group_ids(target: Target, group: str) -> None:
    answer = target.client.get(f"/groups/{quote(group, safe='')}/streams")
    assert (answer.status_code, answer.json()["errorCode"]) == (404, "INVALID_GROUP_ID")


# --- size


def test_long_bodies_are_refused_and_not_kept(tmp_path: Path) -> None:
    """In a process of its own, so that only the server's memory is looked at."""
    body = b'{"name":"big","type":"Https","url":"' + b"x" * 50_000_000 + b'"}'
    with server(tmp_path, dev=True) as running:
        key = (
            running.environment["MONGODB_ATLAS_PUBLIC_API_KEY"],
            running.environment["MONGODB_ATLAS_PRIVATE_API_KEY"],
        )
        url = f"{running.base}/api/atlas/v2/groups/{running.environment['MONGODB_ATLAS_PROJECT_ID']}/streams"
        process = psutil.Process(running.process.pid)
        with httpx.Client(auth=httpx.DigestAuth(*key), headers={"Accept": V}, timeout=30) as client:
            assert client.get(url).status_code == 200
            before = process.memory_info().rss
            for _ in range(3):
                answer = client.post(url, content=body, headers={"Content-Type": "application/json"})
                assert answer.status_code == 413
                assert answer.headers["x-error-code"] == "REQUEST_BODY_TOO_LARGE"
                assert list(answer.json()) == ["detail", "error", "errorCode", "parameters", "reason"]
            assert httpx.post(url, content=body, headers={"Accept": V}).status_code == 401
            assert client.get(url).status_code == 200
            assert process.memory_info().rss - before < 10_000_000


def test_a_long_body_without_a_declared_length(target: Target) -> None:
    sent = 0

    def chunks() -> Iterator[bytes]:
        nonlocal sent
        for _ in range(800):
            sent += 65536
            yield b"x" * 65536

    answer = target.client.post(target.path, content=chunks(), headers={"Content-Type": "application/json"})
    assert answer.status_code == 413
    assert target.client.get(target.path).status_code == 200


def test_expect_continue_spares_the_body(target: Target) -> None:
    head = target.head(
        f"PATCH /api/atlas/v2{target.path}/c HTTP/1.1", "Content-Length: 50000000", "Expect: 100-continue"
    )
    answer = target.raw(head)
    assert answer.startswith(b"HTTP/1.1 413 ")


def test_a_body_at_the_limit_is_read(target: Target) -> None:
    limit = target.served.services.settings.max_body
    body = b'{"nope":"' + b"x" * (limit - 11) + b'"}'
    assert len(body) == limit
    answer = target.client.patch(
        f"{target.path}/c", content=body, headers={"Content-Type": "application/json"}
    )
    assert answer.json()["errorCode"] == "INVALID_ATTRIBUTE"


def test_strangers_do_not_get_long_bodies_read(target: Target) -> None:
    """The 401 comes before the body is sent."""
    head = target.head(f"PATCH /api/atlas/v2{target.path}/c HTTP/1.1", "Content-Length: 1000000")
    answer = target.raw(head.replace(target.auth.token.encode(), b"wrong"))
    assert answer.startswith(b"HTTP/1.1 401 ")


def test_neither_do_those_who_lack_the_role(target: Target) -> None:
    member = target.served.bearer(frozenset({Role.ORG_MEMBER}))
    head = target.head(f"PATCH /api/atlas/v2{target.path}/c HTTP/1.1", "Content-Length: 1000000")
    answer = target.raw(head.replace(target.auth.token.encode(), member.token.encode()))
    assert answer.startswith(b"HTTP/1.1 401 ")
    assert b"x-error-code: USER_UNAUTHORIZED" in answer


# --- the protocol


def statuses(answer: bytes) -> list[int]:
    return [int(part[:3]) for part in answer.split(b"HTTP/1.1 ")[1:]]


@pytest.mark.parametrize(
    "headers",
    [
        ["Content-Length: 5", "Transfer-Encoding: chunked"],
        ["Transfer-Encoding: chunked", "Content-Length: 5"],
        ["Content-Length: 5", "Content-Length: 6"],
        ["Content-Length: -1"],
        ["Content-Length: 5x"],
        ["Content-Length: +5"],
        ["Content-Length: 99999999999999999999999"],
        ["Transfer-Encoding: chunked, identity"],
        ["Transfer-Encoding: xchunked"],
        ["Transfer-Encoding : chunked"],
        ["X: a\0b"],
        ["X Y: z"],
        [": z"],
    ],
)
def test_smuggling(target: Target, headers: list[str]) -> None:
    """At most one answer, and what hides in the body is not executed."""
    hidden = target.head(f"DELETE /api/atlas/v2{target.path}/c HTTP/1.1")
    head = target.head(
        f"PATCH /api/atlas/v2{target.path}/c HTTP/1.1", "Content-Type: application/json", *headers
    )
    answer = target.raw(head + b"0\r\n\r\n" + hidden)
    assert 202 not in statuses(answer)
    assert all(400 <= status < 500 for status in statuses(answer)), answer


@pytest.mark.parametrize(
    "line",
    [
        "GET /livez HTTP/9.9",
        "GET",
        "\0\0\0",
        "GET /liv\xe9z HTTP/1.1",
        "GET /api/atlas/v2/gr\xffups HTTP/1.1",
        "GET http://[ HTTP/1.1",
        "CONNECT x:1 HTTP/1.1",
        "PRI * HTTP/2.0",
    ],
)
def test_request_lines(target: Target, line: str) -> None:
    answer = target.raw(target.head(line))
    assert statuses(answer) == [400]
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["errorCode"] == "MALFORMED_REQUEST"


@pytest.mark.parametrize(
    "piece", [b"X: " + b"y" * 1000 + b"\r\n", b"y" * 1000], ids=["many headers", "a long one"]
)
def test_long_heads(target: Target, piece: bytes) -> None:
    """However long they go on, they are cut off."""
    host, port = target.served.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=5) as connection:
        connection.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\nX: ")
        pieces = piece * 160_000
        with pytest.raises((ConnectionResetError, BrokenPipeError)):
            connection.sendall(pieces)


def test_a_long_head_is_told_so(target: Target) -> None:
    answer = target.raw(b"GET /livez HTTP/1.1\r\nHost: x\r\n", b"X: " + b"y" * LONGEST_HEAD, pause=0.05)
    assert statuses(answer) == [431]
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["errorCode"] == "REQUEST_HEADER_FIELDS_TOO_LARGE"


def test_heads_that_never_end(target: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("brookmill.http.connection.PATIENCE", 0.05)
    for start in (b"", b"GET /livez HTTP/1.1\r\n", target.head("GET /livez HTTP/1.1") + b"GET /"):
        host, port = target.served.url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=5) as connection:
            connection.sendall(start)
            while connection.recv(65536):
                pass  # until the server hangs up


def test_bodies_that_never_end(target: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("brookmill.http.exchange.PATIENCE", 0.05)
    answer = target.raw(
        target.head(f"PATCH /api/atlas/v2{target.path}/c HTTP/1.1", "Content-Length: 9") + b"{"
    )
    assert statuses(answer) == [408]
    assert b"connection: close" in answer


def test_pipelined_requests_are_answered_in_order(target: Target) -> None:
    answer = target.raw(
        target.head("GET /livez HTTP/1.1")
        + target.head("GET /nope HTTP/1.1")
        + target.head(f"GET /api/atlas/v2{target.path}/c HTTP/1.1", "Connection: close")
    )
    assert statuses(answer) == [200, 404, 200]


def test_clients_that_vanish(target: Target) -> None:
    head = target.head(
        f"PATCH /api/atlas/v2{target.path}/c HTTP/1.1",
        "Content-Type: application/json",
        "Content-Length: 1000",
    )
    host, port = target.served.url.removeprefix("http://").split(":")
    for sent in (head[:50], head, head + b'{"url":', head[:-2]):
        with socket.create_connection((host, int(port))) as connection:
            connection.sendall(sent)
    assert target.client.get(f"{target.path}/c").json()["url"] == URL


def test_slow_bodies_block_nobody(target: Target) -> None:
    head = target.head(
        f"PATCH /api/atlas/v2{target.path}/c HTTP/1.1",
        "Content-Type: application/json",
        "Content-Length: 1000",
    )
    host, port = target.served.url.removeprefix("http://").split(":")
    slow = [socket.create_connection((host, int(port))) for _ in range(100)]
    try:
        for connection in slow:
            connection.sendall(head + b"{")
        assert target.client.get(target.path, timeout=5).status_code == 200
    finally:
        for connection in slow:
            connection.close()


def test_a_query_of_nonsense(target: Target) -> None:
    for query in (
        "&" * 10_000,
        "=" * 10_000,
        "%" * 1000,
        "a=%00&b=%ff",
        "x" * 50_000,
        "?" * 100,
        "&".join(["a=1"] * 9000),
    ):
        answer = target.raw(
            target.head(f"GET /api/atlas/v2{target.path}?{query} HTTP/1.1", "Connection: close")
        )
        assert statuses(answer)[0] in (200, 400)
        body = answer.partition(b"\r\n\r\n")[2]
        if statuses(answer) == [200]:
            json.loads(body)


def test_a_storm_of_everything(target: Target) -> None:
    def attack(n: int) -> int:
        _, body, _ = BODIES[n % len(BODIES)]
        headers = {"Content-Type": "application/json"}
        return target.client.patch(f"{target.path}/c", content=body, headers=headers).status_code

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(attack, range(112))) == {400}
